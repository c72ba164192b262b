//! Looking into the queues of a memory broker.

use std::time::Duration;

use super::MemoryBroker;
use crate::{
    BoxFuture,
    broker::{BrokerAdmin, BrokerError, DeadLetter, PeekedMessage, Queue, QueueStats},
};

/// Messages removed between two reports of progress.
const STEP: usize = 1_000;

impl BrokerAdmin for MemoryBroker {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<String>, BrokerError>> {
        let queues = self.shared.lock().queues.keys().map(|name| name.to_string()).collect();
        Box::pin(async { Ok(queues) })
    }

    fn remove_queue<'a>(&'a self, queue: &'a Queue) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.shared.lock().remove(queue);
        Box::pin(async { Ok(()) })
    }

    fn stats<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, Result<Vec<QueueStats>, BrokerError>> {
        Box::pin(async move {
            let now = self.shared.clock.now();
            let mut state = self.shared.lock();
            state.advance(now);
            let stats =
                queues.iter().map(|name| {
                    let mut stats = QueueStats { queue: name.clone(), ..QueueStats::default() };
                    if let Some(queue) = state.queues.get(name.as_str()) {
                        stats.ready = queue.ready.len() as u64;
                        stats.delayed = queue.delayed.len() as u64;
                        stats.in_flight = queue.in_flight;
                        stats.dead = queue.dead.len() as u64;
                        stats.oldest =
                            queue.ready.values().map(|stored| stored.since).min().map(|since| {
                                Duration::try_from(now.duration_since(since)).unwrap_or_default()
                            });
                    }
                    stats
                });
            Ok(stats.collect())
        })
    }

    fn peek<'a>(
        &'a self,
        queue: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PeekedMessage>, BrokerError>> {
        Box::pin(async move {
            let mut state = self.shared.lock();
            state.advance(self.shared.clock.now());
            let Some(queue) = state.queues.get(queue) else { return Ok(Vec::new()) };
            let ready = queue.ready.values().map(|stored| (stored, None));
            let delayed = queue.delayed.iter().map(|((due, _), stored)| (stored, Some(*due)));
            let peeked = ready.chain(delayed).take(limit).map(|(stored, not_before)| PeekedMessage {
                original: stored.content.original(),
                message: stored.content.message(),
                not_before,
            });
            Ok(peeked.collect())
        })
    }

    fn purge<'a>(
        &'a self,
        queue: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let mut removed = 0;
            loop {
                let step = {
                    let mut state = self.shared.lock();
                    let Some(queue) = state.queues.get_mut(queue) else { return Ok(0) };
                    let mut step = 0;
                    while step < STEP
                        && (queue.ready.pop_first().is_some() || queue.delayed.pop_first().is_some())
                    {
                        step += 1;
                    }
                    step
                };
                if step == 0 {
                    return Ok(removed);
                }
                removed += step as u64;
                progress(removed);
                tokio::task::yield_now().await;
            }
        })
    }

    fn pick<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [PeekedMessage],
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<bool>, BrokerError>> {
        Box::pin(async move {
            let mut state = self.shared.lock();
            state.advance(self.shared.clock.now());
            let picked = messages.iter().map(|message| state.pick(queue, &message.original, to)).collect();
            drop(state);
            self.shared.changed.notify_waiters();
            Ok(picked)
        })
    }

    fn dead<'a>(
        &'a self,
        queue: &'a str,
        offset: usize,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, BrokerError>> {
        Box::pin(async move {
            let state = self.shared.lock();
            let Some(found) = state.queues.get(queue) else { return Ok(Vec::new()) };
            let mut dead: Vec<_> = found.dead.values().collect();
            dead.sort_by_key(|dead| std::cmp::Reverse((dead.at, dead.stored.id)));
            let letters = dead.into_iter().skip(offset).take(limit).map(|dead| DeadLetter {
                id: dead.stored.id.to_string(),
                queue: queue.to_owned(),
                reason: dead.reason.clone(),
                at: dead.at,
                deliveries: dead.stored.deliveries,
                original: dead.stored.content.original(),
                message: dead.stored.content.message(),
            });
            Ok(letters.collect())
        })
    }

    fn replay<'a>(&'a self, queue: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let now = self.shared.clock.now();
            let mut state = self.shared.lock();
            let replayed = ids
                .iter()
                .filter_map(|id| id.parse().ok())
                .filter(|id| state.replay(queue, *id, now))
                .count();
            drop(state);
            self.shared.changed.notify_waiters();
            Ok(replayed as u64)
        })
    }

    fn forget_dead<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let mut state = self.shared.lock();
            let Some(queue) = state.queues.get_mut(queue) else { return Ok(0) };
            let removed = ids.iter().filter_map(|id| id.parse::<u64>().ok());
            Ok(removed.filter(|id| queue.dead.remove(id).is_some()).count() as u64)
        })
    }
}
