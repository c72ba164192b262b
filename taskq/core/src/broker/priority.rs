//! One meaning of priority: 9 before 0, on every broker.
//!
//! Kept true here, and nowhere else: on this side of [`HigherFirst`] a number means what it means on RabbitMQ,
//! on the other side it stands as the broker's wire has it. A message without a number crosses without one.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Broadcast, Broker, BrokerAdmin, BrokerError, Capabilities, ConsumeSpec, Consumer, Delivery, DeliveryTag,
    HoldLimit, Outgoing, Payload, PriorityOrder, Queue, RateLimits, Revocations, Settled, Settlement,
    Settler, Topology,
};
use crate::{BoxFuture, config::RedisPriority};

/// The highest number.
const HIGHEST: i64 = 9;

/// A broker that serves 0 first, as one that serves 9 first.
///
/// What [`admin`](Broker::admin) shows is what the broker holds: its own numbers.
pub struct HigherFirst(Arc<dyn Broker>);

impl HigherFirst {
    /// Turns the numbers of a broker round if it serves 0 first; another one is returned as it is.
    pub fn over(broker: Arc<dyn Broker>) -> Arc<dyn Broker> {
        match broker.capabilities().priorities {
            Some(PriorityOrder::LowerFirst) => Arc::new(Self(broker)),
            Some(PriorityOrder::HigherFirst) | None => broker,
        }
    }
}

/// The broker with the meaning that was asked for.
pub(crate) fn with_meaning(broker: Arc<dyn Broker>, meaning: RedisPriority) -> Arc<dyn Broker> {
    match meaning {
        RedisPriority::HigherFirst => HigherFirst::over(broker),
        RedisPriority::Celery => broker,
    }
}

/// From one side to the other, both ways.
fn turn(priority: &mut Option<i64>) {
    *priority = priority.map(|priority| HIGHEST - priority.clamp(0, HIGHEST));
}

/// The same messages in the broker's numbers; `None` if none has a number, which spares the copy.
fn turned(batch: &[Outgoing]) -> Option<Vec<Outgoing>> {
    let any = batch.iter().any(|out| out.message.properties.priority.is_some());
    any.then(|| {
        let mut batch = batch.to_vec();
        batch.iter_mut().for_each(|out| turn(&mut out.message.properties.priority));
        batch
    })
}

impl Broker for HigherFirst {
    fn capabilities(&self) -> Capabilities {
        Capabilities { priorities: Some(PriorityOrder::HigherFirst), ..self.0.capabilities() }
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.0.declare(topology)
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        match turned(batch) {
            Some(batch) => Box::pin(async move { self.0.publish(&batch).await }),
            None => self.0.publish(batch),
        }
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let inner = self.0.consume(spec).await?;
            let settler = Arc::new(TurnedSettler(inner.settler()));
            Ok(Box::new(TurnedConsumer { inner, settler, came: Vec::new() }) as Box<dyn Consumer>)
        })
    }

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        self.0.broadcast()
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        self.0.revocations()
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        self.0.rate_limits()
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        self.0.admin()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.close()
    }
}

impl fmt::Debug for HigherFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

struct TurnedConsumer {
    inner: Box<dyn Consumer>,
    settler: Arc<TurnedSettler>,
    /// Taken and not turned yet: a call that was dropped meanwhile leaves them here.
    came: Vec<Delivery>,
}

impl Consumer for TurnedConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            if self.came.is_empty() {
                self.inner.next_batch(max, &mut self.came).await?;
            }
            let now = max.min(self.came.len());
            into.extend(self.came.drain(..now).map(|mut delivery| {
                turn(&mut delivery.info.priority);
                if let Payload::Message(message) = &mut delivery.payload {
                    turn(&mut message.properties.priority);
                }
                delivery
            }));
            Ok(())
        })
    }

    fn set_window(&mut self, most: Option<usize>) {
        self.inner.set_window(most);
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::clone(&self.settler) as Arc<dyn Settler>
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.came.clear();
        self.inner.stop_fetching()
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.inner.set_queues(queues)
    }

    fn health(&self) -> Result<(), String> {
        self.inner.health()
    }

    fn hold_limit(&self) -> Option<HoldLimit> {
        self.inner.hold_limit()
    }
}

#[derive(Debug)]
struct TurnedSettler(Arc<dyn Settler>);

impl Settler for TurnedSettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        if batch.iter().all(|settlement| turned(&settlement.publish).is_none()) {
            return self.0.settle(batch);
        }
        let mut batch = batch.to_vec();
        for settlement in &mut batch {
            if let Some(publish) = turned(&settlement.publish) {
                settlement.publish = publish;
            }
        }
        Box::pin(async move { self.0.settle(&batch).await })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        self.0.extend(tags, by)
    }

    fn give_back(&self, tag: DeliveryTag) {
        self.0.give_back(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_turn_round_and_back_and_none_stays_none() {
        for (ours, theirs) in [(Some(9), Some(0)), (Some(0), Some(9)), (Some(4), Some(5)), (None, None)] {
            let mut priority = ours;
            turn(&mut priority);
            assert_eq!(priority, theirs);
            turn(&mut priority);
            assert_eq!(priority, ours);
        }
        let mut odd = Some(255);
        turn(&mut odd);
        assert_eq!(odd, Some(0), "what kombu clamps is clamped");
    }
}
