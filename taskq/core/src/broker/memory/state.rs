//! All queues of a memory broker and the leases on their messages: the moves, without any waiting.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::queue::{Content, Dead, QueueState, Stored};
use crate::{
    Timestamp,
    broker::{
        BrokerError, DeadKind, DeadReason, DeliveryTag, Outgoing, Queue, RateBucket, Revocation, Settle,
        Settlement, Topology, bindings::Bindings, envelope::Envelope,
    },
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<Arc<str>, QueueState>,
    bindings: Bindings,
    leases: HashMap<u64, Lease>,
    /// The leases by their end.
    lapses: BTreeSet<(Timestamp, u64)>,
    next_id: u64,
    next_place: u64,
    pub(super) revoked: Vec<(Timestamp, Revocation)>,
    pub(super) rates: HashMap<String, RateBucket>,
}

#[derive(Debug)]
struct Lease {
    stored: Stored,
    queue: Arc<str>,
    until: Timestamp,
}

/// A message that was just leased.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) stored: Stored,
    pub(super) queue: Arc<str>,
}

impl State {
    pub(super) fn declare(&mut self, topology: &Topology) -> Result<(), BrokerError> {
        self.bindings.check(topology)?;
        for Queue { name, exchange, routing_key, .. } in &topology.queues {
            self.queue(name);
            if !exchange.name.is_empty() {
                self.bindings.bind(&exchange.name, exchange.kind, routing_key, name);
            }
        }
        Ok(())
    }

    /// Removes a queue and all in it.
    pub(super) fn remove(&mut self, queue: &Queue) {
        self.bindings.unbind(&queue.exchange.name, &queue.routing_key, &queue.name);
        self.queues.remove(queue.name.as_str());
    }

    /// Stores all or, when one of them goes nowhere, none.
    pub(super) fn publish(&mut self, batch: &[Outgoing], now: Timestamp) -> Result<(), BrokerError> {
        let routes = self.routes(batch)?;
        for (outgoing, queues) in batch.iter().zip(routes) {
            for queue in queues {
                self.put(&queue, outgoing, now);
            }
        }
        Ok(())
    }

    fn routes(&self, batch: &[Outgoing]) -> Result<Vec<Vec<String>>, BrokerError> {
        let owned = |queues: Vec<&str>| queues.into_iter().map(str::to_owned).collect();
        batch.iter().map(|out| self.bindings.route(&out.exchange, &out.routing_key).map(owned)).collect()
    }

    fn put(&mut self, queue: &str, outgoing: &Outgoing, now: Timestamp) {
        let priority = outgoing.message.properties.priority.unwrap_or(0);
        let content = Content::Message(Box::new(Envelope {
            message: outgoing.message.clone(),
            exchange: outgoing.exchange.clone(),
            routing_key: outgoing.routing_key.clone(),
        }));
        let stored = self.new_stored(priority, content, now);
        match outgoing.not_before {
            Some(due) if due > now => self.queue(queue).delay(due, stored),
            _ => self.queue(queue).put(stored),
        }
    }

    pub(super) fn put_raw(&mut self, queue: &str, bytes: Bytes, now: Timestamp) {
        let stored = self.new_stored(0, Content::Raw(bytes), now);
        self.queue(queue).put(stored);
    }

    fn new_stored(&mut self, priority: i64, content: Content, now: Timestamp) -> Stored {
        self.next_id += 1;
        self.next_place += 1;
        let (id, place) = (self.next_id, self.next_place);
        Stored { id, place, priority, epoch: 0, deliveries: 0, since: now, content }
    }

    fn queue(&mut self, name: &str) -> &mut QueueState {
        if !self.queues.contains_key(name) {
            self.queues.insert(name.into(), QueueState::default());
        }
        // Just inserted when it was missing.
        self.queues.get_mut(name).unwrap_or_else(|| unreachable!("queue `{name}` was just made"))
    }

    /// Removes a waiting message with these bytes, or moves it; whether there was one.
    pub(super) fn pick(&mut self, queue: &str, original: &[u8], to: Option<&str>) -> bool {
        let Some(from) = self.queues.get_mut(queue) else { return false };
        let is_it = |stored: &Stored| stored.content.original() == original;
        let ready = from.ready.iter().find(|(_, stored)| is_it(stored)).map(|(key, _)| *key);
        let delayed = from.delayed.iter().find(|(_, stored)| is_it(stored)).map(|(key, _)| *key);
        let (found, due) = match (ready, delayed) {
            (Some(key), _) => (from.ready.remove(&key), None),
            (None, Some(key)) => (from.delayed.remove(&key), Some(key.0)),
            (None, None) => return false,
        };
        if let (Some(stored), Some(to)) = (found, to) {
            self.next_place += 1;
            let stored = Stored { place: self.next_place, ..stored };
            match due {
                Some(due) => self.queue(to).delay(due, stored),
                None => self.queue(to).put(stored),
            }
        }
        true
    }

    /// Gives back what nobody renewed, and makes ready what is due.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while let Some(&(until, id)) = self.lapses.first()
            && until <= now
        {
            if let Some(lease) = self.end_lease(id) {
                self.queue(&lease.queue).put(lease.stored);
            }
        }
        self.next_place += 1;
        for queue in self.queues.values_mut() {
            queue.promote(now, &mut self.next_place);
        }
    }

    /// Leases up to `max` messages, most urgent first, queues of equal urgency in turn from `first` on.
    /// What was delivered too often goes to the dead letters instead.
    pub(super) fn take(
        &mut self,
        names: &[Arc<str>],
        first: usize,
        max: usize,
        limits: (Duration, u32),
        now: Timestamp,
    ) -> Vec<Taken> {
        let (lease, max_deliveries) = limits;
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let mut taken = Vec::new();
        let mut turn = first;
        while taken.len() < max {
            let best = |name: &Arc<str>| self.queues.get(name).and_then(QueueState::best);
            let Some(priority) = names.iter().filter_map(best).max() else { break };
            let Some(at) = (0..names.len())
                .map(|step| (turn + step) % names.len())
                .find(|at| best(&names[*at]) == Some(priority))
            else {
                break;
            };
            turn = at + 1;
            let name = Arc::clone(&names[at]);
            let queue = self.queue(&name);
            let Some((_, mut stored)) = queue.ready.pop_first() else { break };
            if max_deliveries > 0 && stored.deliveries >= max_deliveries {
                let reason = poison(stored.deliveries);
                queue.dead.insert(stored.id, Dead { stored, reason, at: now });
                continue;
            }
            stored.epoch += 1;
            stored.deliveries += 1;
            queue.in_flight += 1;
            self.lapses.insert((until, stored.id));
            self.leases.insert(stored.id, Lease { stored: stored.clone(), queue: Arc::clone(&name), until });
            taken.push(Taken { stored, queue: name });
        }
        taken
    }

    /// When the next delayed message of these queues is due, or a lease lapses.
    pub(super) fn next_event(&self, names: &[Arc<str>]) -> Option<Timestamp> {
        let due = |name: &Arc<str>| {
            self.queues.get(name).and_then(|queue| queue.delayed.first_key_value()).map(|((at, _), _)| *at)
        };
        let lapse = self.lapses.first().map(|(at, _)| *at);
        names.iter().filter_map(due).chain(lapse).min()
    }

    /// Whether `tag` is the lease in force.
    fn holds(&self, tag: DeliveryTag) -> bool {
        self.leases.get(&tag.id).is_some_and(|lease| lease.stored.epoch == tag.epoch)
    }

    fn end_lease(&mut self, id: u64) -> Option<Lease> {
        let lease = self.leases.remove(&id)?;
        self.lapses.remove(&(lease.until, id));
        self.queue(&lease.queue).in_flight -= 1;
        Some(lease)
    }

    /// One settlement with what it publishes. False when the lease was lost: nothing was done.
    ///
    /// # Errors
    /// When a follow-up goes nowhere: nothing was done either, and the lease goes on.
    pub(super) fn settle(&mut self, settlement: &Settlement, now: Timestamp) -> Result<bool, BrokerError> {
        if !self.holds(settlement.tag) {
            return Ok(false);
        }
        self.publish(&settlement.publish, now)?;
        let Some(Lease { mut stored, queue, .. }) = self.end_lease(settlement.tag.id) else {
            return Ok(false);
        };
        let queue = self.queue(&queue);
        match &settlement.how {
            Settle::Ack => {}
            Settle::Requeue { not_before: None } => queue.put(stored),
            Settle::Requeue { not_before: Some(due) } => {
                stored.deliveries -= 1; // a delay, not a failed delivery
                if *due > now {
                    queue.delay(*due, stored);
                } else {
                    queue.put(stored);
                }
            }
            Settle::DeadLetter { reason } => {
                queue.dead.insert(stored.id, Dead { stored, reason: reason.clone(), at: now });
            }
        }
        Ok(true)
    }

    /// Renews a lease. False when it was lost.
    pub(super) fn extend(&mut self, tag: DeliveryTag, until: Timestamp) -> bool {
        match self.leases.get_mut(&tag.id) {
            Some(lease) if lease.stored.epoch == tag.epoch => {
                self.lapses.remove(&(lease.until, tag.id));
                self.lapses.insert((until, tag.id));
                lease.until = until;
                true
            }
            _ => false,
        }
    }

    /// Puts a dead letter back, as if it were published now.
    pub(super) fn replay(&mut self, queue: &str, id: u64, now: Timestamp) -> bool {
        let Some(dead) = self.queues.get_mut(queue).and_then(|queue| queue.dead.remove(&id)) else {
            return false;
        };
        let stored = self.new_stored(dead.stored.priority, dead.stored.content, now);
        self.queue(queue).put(stored);
        true
    }
}

/// Why a message that was delivered `deliveries` times is not delivered again.
fn poison(deliveries: u32) -> DeadReason {
    DeadReason::new(DeadKind::Poison, format!("delivered {deliveries} times without an end"))
}
