//! What a consumer holds: which message stands behind a tag, and in which list.
//!
//! Kept true here: a tag is settled once; after the lease was lost, nothing of that epoch can be settled; what
//! is being settled is still known, so that it is not mistaken for something that was never delivered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use taskq_core::broker::DeliveryTag;

use super::take;
use crate::{keys, wire};

/// Where messages were taken from, and where they are while they are held.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) queue: Arc<str>,
    /// The in-flight list.
    pub(super) list: String,
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// The list element as it is in the in-flight list.
    pub(super) original: Bytes,
    pub(super) place: Arc<Place>,
    pub(super) priority: Option<i64>,
    /// Its entry in kombu's `unacked`, if it has one.
    pub(super) mirror: Option<String>,
    /// Deliveries, this one included.
    pub(super) deliveries: u32,
    /// An earlier attempt to settle it ended without an answer: it may be settled already.
    pub(super) tried: bool,
}

impl Holding {
    /// Names its count of deliveries.
    pub(super) fn counted_as(&self) -> String {
        take::counted_as(&self.original, &wire::read(&self.original, &self.place.queue))
    }
}

/// Everything a consumer holds.
#[derive(Debug)]
pub(super) struct Held {
    /// What the owner's name begins with; its epoch follows.
    instance: String,
    /// What is taken is mirrored in kombu's `unacked`.
    pub(super) mirrors: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the next delivery.
    next: u64,
    epoch: u32,
    /// Something was taken in this epoch, so the server may know its owner, and may have given it up.
    used: bool,
    holdings: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    holding: Holding,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Held,
    Settling,
    /// Settled, in a batch that failed for another one of it: who repeats the batch gets the same answer.
    Ended {
        lost: bool,
    },
}

/// What there is to settle.
#[derive(Debug)]
pub(super) enum Begun {
    /// The message, which is being settled from now on.
    Holding(Holding),
    /// It was settled by an earlier attempt at its batch.
    Ended { lost: bool },
    /// The lease was lost, or it is being settled already.
    Lost,
}

impl Inner {
    /// What is not settled for sure.
    fn known(&self) -> impl Iterator<Item = &Entry> {
        self.holdings.values().filter(|entry| !matches!(entry.phase, Phase::Ended { .. }))
    }

    fn begin(&mut self, tag: DeliveryTag) -> Begun {
        let entry = if self.epoch == tag.epoch { self.holdings.get_mut(&tag.id) } else { None };
        match entry {
            Some(entry) if entry.phase == Phase::Held => {
                entry.phase = Phase::Settling;
                Begun::Holding(entry.holding.clone())
            }
            Some(Entry { phase: Phase::Ended { lost }, .. }) => Begun::Ended { lost: *lost },
            _ => Begun::Lost,
        }
    }
}

impl Held {
    pub(super) fn new(instance: String, mirrors: bool) -> Self {
        // Consumers count from different numbers, so that their tags differ.
        let first = uuid::Uuid::new_v4().as_u64_pair().0 & !u64::from(u32::MAX);
        let inner = Inner { next: first + 1, ..Inner::default() };
        Self { instance, mirrors, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, epoch: u32) -> String {
        keys::owner(&self.instance, self.mirrors, epoch)
    }

    /// The owner's name in this epoch, and whether it holds anything.
    pub(super) fn owner(&self) -> (String, bool) {
        let inner = self.inner();
        (self.name(inner.epoch), !inner.holdings.is_empty())
    }

    /// The owner's name to take under, and whether it has taken before. A name whose lease has lapsed, even
    /// while it held nothing, is not used again: somebody may still be busy giving back what it held.
    pub(super) fn taker(&self) -> (String, bool) {
        let inner = self.inner();
        (self.name(inner.epoch), inner.used)
    }

    /// Adds what was taken. Answers the tag of the first; those of the others follow it one by one.
    pub(super) fn add(&self, taken: Vec<Holding>) -> DeliveryTag {
        let mut inner = self.inner();
        let first = inner.next;
        inner.used |= !taken.is_empty();
        inner.next += taken.len() as u64;
        let entry = |holding| Entry { holding, phase: Phase::Held };
        inner.holdings.extend((first..).zip(taken.into_iter().map(entry)));
        DeliveryTag { id: first, epoch: inner.epoch }
    }

    /// Begins to settle.
    pub(super) fn begin(&self, tags: impl Iterator<Item = DeliveryTag>) -> Vec<Begun> {
        let mut inner = self.inner();
        tags.map(|tag| inner.begin(tag)).collect()
    }

    /// These are settled, and so is all of their batch.
    pub(super) fn end(&self, tags: impl Iterator<Item = DeliveryTag>) {
        let mut inner = self.inner();
        for tag in tags {
            if tag.epoch == inner.epoch {
                inner.holdings.remove(&tag.id);
            }
        }
    }

    /// It is settled, but others of its batch are not.
    pub(super) fn end_of_some(&self, tag: DeliveryTag, lost: bool) {
        self.phase(tag, |entry| entry.phase = Phase::Ended { lost });
    }

    /// It could not be settled and may be tried again; `unsure`: the answer got lost, it may be settled already.
    pub(super) fn retry(&self, tag: DeliveryTag, unsure: bool) {
        self.phase(tag, |entry| {
            entry.phase = Phase::Held;
            entry.holding.tried |= unsure;
        });
    }

    fn phase(&self, tag: DeliveryTag, change: impl FnOnce(&mut Entry)) {
        let mut inner = self.inner();
        if inner.epoch == tag.epoch
            && let Some(entry) = inner.holdings.get_mut(&tag.id)
        {
            change(entry);
        }
    }

    /// Whether the tag is still ours, as far as this process knows.
    pub(super) fn has(&self, tag: DeliveryTag) -> bool {
        let inner = self.inner();
        inner.epoch == tag.epoch && inner.holdings.contains_key(&tag.id)
    }

    /// The mirrored entries, and the tags of their messages.
    pub(super) fn mirrored(&self) -> Vec<(DeliveryTag, String)> {
        let inner = self.inner();
        let epoch = inner.epoch;
        let mirrored = |(id, entry): (&u64, &Entry)| {
            let mirror = entry.holding.mirror.clone().filter(|_| entry.phase == Phase::Held)?;
            Some((DeliveryTag { id: *id, epoch }, mirror))
        };
        inner.holdings.iter().filter_map(mirrored).collect()
    }

    /// A Python worker has restored it. What is being settled learns that by itself.
    pub(super) fn gone(&self, tag: DeliveryTag) {
        let mut inner = self.inner();
        if inner.epoch == tag.epoch
            && inner.holdings.get(&tag.id).is_some_and(|entry| entry.phase == Phase::Held)
        {
            inner.holdings.remove(&tag.id);
        }
    }

    /// How many are not settled for sure, or were in a batch of which others are not.
    pub(super) fn total(&self) -> usize {
        self.inner().holdings.len()
    }

    /// How many are held.
    pub(super) fn count(&self) -> usize {
        self.inner().known().count()
    }

    /// How often each message is held.
    pub(super) fn originals(&self) -> HashMap<Bytes, usize> {
        let mut originals = HashMap::new();
        for entry in self.inner().known() {
            *originals.entry(entry.holding.original.clone()).or_default() += 1;
        }
        originals
    }

    /// The lease of `owner` was lost: a new epoch begins.
    pub(super) fn lose(&self, owner: &str) {
        let mut inner = self.inner();
        if self.name(inner.epoch) == owner {
            if !inner.holdings.is_empty() {
                tracing::warn!(
                    deliveries = inner.holdings.len(),
                    "the lease was lost: what this consumer held goes to others"
                );
            }
            inner.epoch += 1;
            inner.used = false;
            inner.holdings.clear();
        }
    }
}
