//! Deliveries of messages that a classic queue got back: RabbitMQ tells only that there was one.
//!
//! What this process gave back itself, it remembers here, and takes again at its place in the queue. What
//! somebody else gave back, or died with, is published again with its count in the mark: see [`super::suspect`].

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use super::ledger::Holding;

/// Messages remembered. One that is forgotten is counted as one that somebody else gave back.
const REMEMBERED: usize = 10_000;

/// Messages that went back, by what they are.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

/// What a message is: two that are equal in everything share a count.
pub(super) fn key(queue: &str, properties: &lapin::BasicProperties, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let id = properties.correlation_id().as_ref().map(lapin::types::ShortString::as_str);
    (queue, id, body).hash(&mut hasher);
    hasher.finish()
}

impl Counts {
    /// Remembers that `failed` deliveries of it count.
    pub(super) fn put(&self, holding: &Holding, failed: u32) {
        self.remember(key(&holding.queue, &holding.properties, &holding.body), failed);
    }

    fn remember(&self, key: u64, failed: u32) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.counts.insert(key, failed).is_none() {
            inner.order.push_back(key);
        }
        if inner.order.len() > REMEMBERED
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.counts.remove(&oldest);
        }
    }

    /// Remembers what was looked at and went back, which is no delivery: a classic queue marks it as redelivered.
    pub(super) fn looked_at(
        &self,
        queue: &str,
        properties: &lapin::BasicProperties,
        body: &[u8],
        again: bool,
    ) {
        let key = key(queue, properties, body);
        let failed = if again {
            // Somebody else's count is theirs to find out.
            let Some(failed) = self.take(key) else { return };
            failed
        } else {
            let headers = properties.headers().as_ref();
            headers.map_or(0, |headers| crate::wire::Mark::read(headers).failed)
        };
        self.remember(key, failed);
    }

    /// What is remembered of it, once.
    pub(super) fn take(&self, key: u64) -> Option<u32> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inner.counts.remove(&key);
        if count.is_some() {
            inner.order.retain(|other| *other != key);
        }
        count
    }
}
