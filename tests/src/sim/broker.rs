//! The broker in memory, as a process sees it through its link.

use std::{fmt, sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    broker::{
        Broker, BrokerError, BrokerErrorKind, Capabilities, ConsumeSpec, Consumer, Delivery, DeliveryTag,
        MemoryBroker, Outgoing, Payload, Queue, Settled, Settlement, Settler, Topology,
    },
};

use super::{link::Link, plan::Server};

/// Batches that are taken and never arrive, in thousandths, where calls fail at all.
const LOST_BATCHES: u32 = 5;
/// Consumers that end for good, in thousandths of their takes.
const ENDED: u32 = 1;

/// A broker that fails as its link does.
#[derive(Debug)]
pub(super) struct FaultyBroker {
    pub(super) broker: MemoryBroker,
    pub(super) link: Arc<Link>,
}

/// A call as the trace names it, written only if there is one.
struct Call(&'static str, usize);

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// The same of a call about deliveries.
struct Tags<T>(&'static str, T);

impl<T: Iterator<Item = u64> + Clone> fmt::Display for Tags<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.0)?;
        f.debug_list().entries(self.1.clone()).finish()
    }
}

fn failed(what: &str) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Connection, format!("the broker is away: {what}"))
}

impl Broker for FaultyBroker {
    fn capabilities(&self) -> Capabilities {
        // Without fan-out there are no heartbeats and no remote control, which would only cost time.
        let mut can = self.broker.capabilities();
        can.broadcast = false;
        can
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(self.link.call(Server::Broker, "declare", failed, self.broker.declare(topology)))
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        let publish = async {
            self.broker.publish(batch).await?;
            self.link.book.published(&self.link.name, batch);
            Ok(())
        };
        Box::pin(async move {
            self.link.call(Server::Broker, Call("publish", batch.len()), failed, publish).await
        })
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        let lease = spec.lease;
        Box::pin(async move {
            let inner = self.link.call(Server::Broker, "consume", failed, self.broker.consume(spec)).await?;
            let settler = Arc::new(FaultySettler { settler: inner.settler(), link: Arc::clone(&self.link) });
            Ok(Box::new(FaultyConsumer { inner, settler, link: Arc::clone(&self.link), lease }) as _)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }
}

struct FaultyConsumer {
    inner: Box<dyn Consumer>,
    settler: Arc<FaultySettler>,
    link: Arc<Link>,
    lease: Duration,
}

impl Consumer for FaultyConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let Self { inner, settler, link, lease } = self;
            loop {
                link.alive().await;
                if link.goes_wrong(ENDED) {
                    return Err(BrokerError::new(BrokerErrorKind::Closed, "the consumer has ended"));
                }
                // A driver connects again by itself: what fails here is only late.
                let ready = link.call(Server::Broker, "take", failed, async { Ok(()) }).await;
                if ready.is_err() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
                let mut taken = Vec::new();
                inner.next_batch(max, &mut taken).await?;
                let lost = link.goes_wrong(LOST_BATCHES);
                link.book.trace(
                    &link.name,
                    format_args!("took {}{}", taken.len(), if lost { ", lost" } else { "" }),
                );
                for delivery in taken {
                    // From here on the lease is the link's: it neither comes back with a dead process, nor with
                    // an answer that is lost.
                    let (tag, payload, info, deliveries) = delivery.accept();
                    if let Payload::Message(message) = &payload {
                        link.book.delivered(&link.name, tag, message, *lease, lost);
                    }
                    if !lost {
                        into.push(Delivery::new(tag, payload, info, deliveries, Arc::clone(settler) as _));
                    }
                }
                if !lost {
                    return Ok(());
                }
                link.book.disturbed(&link.name);
            }
        })
    }

    fn set_window(&mut self, most: Option<usize>) {
        self.inner.set_window(most);
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::clone(&self.settler) as _
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.inner.stop_fetching()
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.inner.set_queues(queues)
    }

    fn health(&self) -> Result<(), String> {
        self.inner.health()
    }
}

#[derive(Debug)]
struct FaultySettler {
    settler: Arc<dyn Settler>,
    link: Arc<Link>,
}

impl Settler for FaultySettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        let settle = async {
            let settled = self.settler.settle(batch).await?;
            self.link.book.settled(&self.link.name, batch, &settled);
            Ok(settled)
        };
        Box::pin(async move {
            let tags = batch.iter().map(|one| one.tag.id);
            self.link.call(Server::Broker, Tags("settle", tags), failed, settle).await
        })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        let extend = async move {
            let settled = self.settler.extend(tags, by).await?;
            self.link.book.extended(tags, &settled, by);
            Ok(settled)
        };
        Box::pin(async move {
            let ids = tags.iter().map(|tag| tag.id);
            self.link.call(Server::Broker, Tags("extend", ids), failed, extend).await
        })
    }

    fn give_back(&self, tag: DeliveryTag) {
        if !self.link.is_dead() {
            self.settler.give_back(tag);
            self.link.book.given_back(&self.link.name, tag);
        }
    }
}
