//! Takes and settles messages of a memory broker.

use std::{sync::Arc, time::Duration};

use super::{Shared, delivery_info};
use crate::{
    BoxFuture, Timestamp,
    broker::{
        BrokerError, ConsumeSpec, Consumer, Delivery, DeliveryTag, Queue, Settle, Settled, Settlement,
        Settler,
    },
};

pub(super) struct MemoryConsumer {
    shared: Arc<Shared>,
    settler: Arc<dyn Settler>,
    names: Vec<Arc<str>>,
    /// The queue whose turn is next.
    turn: usize,
    lease: Duration,
    max_deliveries: u32,
    stopped: bool,
}

impl MemoryConsumer {
    pub(super) fn new(shared: Arc<Shared>, spec: &ConsumeSpec) -> Self {
        Self {
            settler: Arc::new(MemorySettler(Arc::clone(&shared))),
            shared,
            names: names(&spec.queues),
            turn: 0,
            lease: spec.lease,
            max_deliveries: spec.max_deliveries,
            stopped: false,
        }
    }

    /// Takes what is there; else when to look again at the latest.
    fn take(&mut self, max: usize, into: &mut Vec<Delivery>) -> Option<Timestamp> {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.advance(now);
        let taken = state.take(&self.names, self.turn, max, (self.lease, self.max_deliveries), now);
        self.turn = self.turn.wrapping_add(1);
        let next = state.next_event(&self.names);
        drop(state); // a delivery that is dropped takes the lock
        into.extend(taken.into_iter().map(|taken| {
            let tag = DeliveryTag { id: taken.stored.id, epoch: taken.stored.epoch };
            let info = delivery_info(&taken.stored, &taken.queue);
            let payload = taken.stored.content.payload();
            Delivery::new(tag, payload, info, taken.stored.deliveries, Arc::clone(&self.settler))
        }));
        next
    }

    async fn next(&mut self, max: usize, into: &mut Vec<Delivery>) {
        let before = into.len();
        let shared = Arc::clone(&self.shared);
        while max > 0 && !self.stopped {
            // Listening before looking: what comes in between is heard.
            let changed = shared.changed.notified();
            let next = self.take(max, into);
            if into.len() > before {
                return;
            }
            let pause = next.map_or(shared.look, |at| {
                Duration::try_from(at.duration_since(shared.clock.now())).unwrap_or_default().min(shared.look)
            });
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

fn names(queues: &[Queue]) -> Vec<Arc<str>> {
    queues.iter().map(|queue| queue.name.as_str().into()).collect()
}

impl Consumer for MemoryConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.next(max, into).await;
            Ok(())
        })
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::clone(&self.settler)
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.stopped = true;
        Box::pin(async { Ok(()) })
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.names = names(&queues);
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Result<(), String> {
        if self.stopped { Err("stopped fetching".to_owned()) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct MemorySettler(Arc<Shared>);

impl Settler for MemorySettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            let now = self.0.clock.now();
            let mut settled = Settled::default();
            let mut first_error = None;
            let mut state = self.0.lock();
            for settlement in batch {
                match state.settle(settlement, now) {
                    Ok(true) => {}
                    Ok(false) => settled.lost.push(settlement.tag),
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            drop(state);
            self.0.changed.notify_waiters();
            first_error.map_or(Ok(settled), Err)
        })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            let until = self.0.clock.now().saturating_add(by).unwrap_or(Timestamp::MAX);
            let mut state = self.0.lock();
            Ok(Settled { lost: tags.iter().copied().filter(|tag| !state.extend(*tag, until)).collect() })
        })
    }

    fn give_back(&self, tag: DeliveryTag) {
        let back = Settlement::new(tag, Settle::Requeue { not_before: None });
        // Without follow-ups it cannot fail; a lost lease is nobody's loss.
        let _ = self.0.lock().settle(&back, self.0.clock.now());
        self.0.changed.notify_waiters();
    }
}
