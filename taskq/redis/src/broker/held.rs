//! What a consumer holds: which message stands behind a tag, and in which hash.
//!
//! Kept true here: a tag is settled once; after the lease was lost, nothing of that epoch can be settled; a number
//! names one delivery of the consumer for ever, and the server cannot hold one that is neither known nor
//! [open](Open), so that nothing is mistaken for something that was never delivered.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use taskq_core::broker::{DeliveryTag, Settle, Settlement};

use super::{numbers::Open, take};
use crate::{keys, wire};

/// Where messages were taken from, and where they are while they are held.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) queue: Arc<str>,
    pub(super) owner: String,
    /// The in-flight hash.
    pub(super) key: String,
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// The list element as it is in the in-flight hash.
    pub(super) original: Bytes,
    pub(super) place: Arc<Place>,
    pub(super) priority: Option<i64>,
    /// Its entry in kombu's `unacked`, if it has one.
    pub(super) mirror: Option<String>,
    /// Deliveries, this one included.
    pub(super) deliveries: u32,
    /// An earlier attempt to settle it ended without an answer: it may be settled already.
    pub(super) tried: bool,
    /// The answer to its take was lost: its number does not tell when it was taken.
    pub(super) found_late: bool,
}

impl Holding {
    /// Names its count of deliveries.
    pub(super) fn counted_as(&self) -> String {
        take::counted_as(&self.original, &wire::read(&self.original, &self.place.queue))
    }

    /// Whether nothing goes with its acknowledgement.
    fn is_plain(&self) -> bool {
        self.deliveries <= 1 && self.mirror.is_none()
    }
}

/// Everything a consumer holds.
#[derive(Debug)]
pub(super) struct Held {
    /// What the owner's name begins with; its epoch follows.
    instance: String,
    /// What is taken is mirrored in kombu's `unacked`.
    pub(super) mirrors: bool,
    /// The tag of a number is so much more: tags of two consumers differ.
    tags: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last number that was reserved.
    last: u64,
    /// What may have been taken in this epoch without our knowing.
    open: Open,
    epoch: u32,
    /// Something was taken in this epoch, so the server may know its owner, and may have given it up.
    used: bool,
    /// By number: those are of our own making, nobody can choose them so that they collide.
    holdings: HashMap<u64, Entry, foldhash::fast::RandomState>,
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

/// The terms of one take.
#[derive(Clone)]
pub(super) struct Reserved {
    /// The name to take under. One whose lease has lapsed, even while it held nothing, is not used again: somebody
    /// may still be busy giving back what it held.
    pub(super) owner: String,
    /// Whether it has taken before.
    pub(super) used: bool,
    /// One for each message.
    pub(super) numbers: Range<u64>,
}

/// What there is to settle of a batch, all of it being settled from now on.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Plain acknowledgements.
    pub(super) acks: Vec<Acks>,
    /// Everything else, with its place in the batch.
    pub(super) others: Vec<(usize, Holding)>,
    /// The lease was lost, or it is being settled already.
    pub(super) lost: Vec<DeliveryTag>,
}

/// Plain acknowledgements of what is in one hash.
#[derive(Debug)]
pub(super) struct Acks {
    pub(super) place: Arc<Place>,
    /// Some may be gone although the lease holds, or their numbers say nothing of when they were taken.
    pub(super) unsure: bool,
    pub(super) tags: Vec<Tried>,
}

/// A tag that is being settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    pub(super) tag: DeliveryTag,
    /// Not for the first time.
    pub(super) before: bool,
}

impl Begun {
    /// Those of a place, most likely the one that was asked for before.
    fn acks(&mut self, place: &Arc<Place>, room: usize) -> &mut Acks {
        let is_it = |acks: &Acks| Arc::ptr_eq(&acks.place, place) || acks.place.key == place.key;
        let at = self.acks.iter().rposition(is_it).unwrap_or_else(|| {
            // There is seldom a second place.
            let tags = Vec::with_capacity(if self.acks.is_empty() { room } else { 0 });
            self.acks.push(Acks { place: Arc::clone(place), unsure: false, tags });
            self.acks.len() - 1
        });
        &mut self.acks[at]
    }
}

impl Held {
    pub(super) fn new(instance: String, mirrors: bool) -> Self {
        let tags = uuid::Uuid::new_v4().as_u64_pair().0 & !u64::from(u32::MAX);
        Self { instance, mirrors, tags, inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, epoch: u32) -> String {
        keys::owner(&self.instance, self.mirrors, epoch)
    }

    fn tag(&self, number: u64, epoch: u32) -> DeliveryTag {
        DeliveryTag { id: self.tags.wrapping_add(number), epoch }
    }

    /// The number under which the server holds it.
    pub(super) fn number(&self, tag: DeliveryTag) -> u64 {
        tag.id.wrapping_sub(self.tags)
    }

    /// The owner's name in this epoch, and whether it holds anything.
    pub(super) fn owner(&self) -> (String, bool) {
        let inner = self.inner();
        (self.name(inner.epoch), !inner.holdings.is_empty())
    }

    /// Whether something was taken under the owner's name.
    pub(super) fn has_taken(&self) -> bool {
        self.inner().used
    }

    /// Reserves numbers for a take of at most `max`. They are open until [`add`](Self::add) says what came of them.
    pub(super) fn reserve(&self, max: usize) -> Reserved {
        let mut inner = self.inner();
        let first = inner.last + 1;
        inner.last += max as u64;
        let numbers = first..first + max as u64;
        inner.open.push(numbers.clone());
        Reserved { owner: self.name(inner.epoch), used: inner.used, numbers }
    }

    /// The owner's name, if something may have been taken under it without our knowing.
    pub(super) fn owner_of_unknown(&self) -> Option<String> {
        let inner = self.inner();
        (!inner.open.is_empty()).then(|| self.name(inner.epoch))
    }

    /// Whether something may have been taken without our knowing, except under these numbers.
    pub(super) fn has_unknown_besides(&self, numbers: &Range<u64>) -> bool {
        self.inner().open.has_besides(numbers)
    }

    /// Leaves of numbers that the server holds those that were never delivered. Meant for when no take is under way.
    pub(super) fn retain_unknown(&self, numbers: &mut Vec<u64>) {
        let inner = self.inner();
        numbers.retain(|number| inner.open.contains(*number));
    }

    /// Adds what was taken under `owner`; these numbers are accounted for. Answers the tags in the order of what was
    /// taken, or nothing when the lease was lost meanwhile: then it goes to others.
    pub(super) fn add(
        &self,
        owner: &str,
        numbers: &[Range<u64>],
        taken: Vec<(u64, Holding)>,
    ) -> Option<Vec<DeliveryTag>> {
        let mut inner = self.inner();
        if self.name(inner.epoch) != owner {
            return None;
        }
        numbers.iter().for_each(|numbers| inner.open.close(numbers));
        inner.used |= !taken.is_empty();
        let epoch = inner.epoch;
        let tags = taken.iter().map(|(number, _)| self.tag(*number, epoch)).collect();
        let entry = |(number, holding)| (number, Entry { holding, phase: Phase::Held });
        inner.holdings.extend(taken.into_iter().map(entry));
        Some(tags)
    }

    /// Begins to settle.
    pub(super) fn begin(&self, batch: &[Settlement]) -> Begun {
        let mut begun = Begun::default();
        let mut inner = self.inner();
        for (at, settlement) in batch.iter().enumerate() {
            let tag = settlement.tag;
            let entry = match inner.epoch == tag.epoch {
                true => inner.holdings.get_mut(&self.number(tag)),
                false => None,
            };
            match entry {
                Some(Entry { holding, phase: phase @ Phase::Held }) => {
                    *phase = Phase::Settling;
                    let ends = settlement.how == Settle::Ack && settlement.publish.is_empty();
                    if ends && holding.is_plain() {
                        let acks = begun.acks(&holding.place, batch.len() - at);
                        acks.unsure |= holding.tried || holding.found_late;
                        acks.tags.push(Tried { tag, before: holding.tried });
                    } else {
                        begun.others.push((at, holding.clone()));
                    }
                }
                // By an earlier attempt at its batch.
                Some(Entry { phase: Phase::Ended { lost: false }, .. }) => {}
                _ => begun.lost.push(tag),
            }
        }
        begun
    }

    /// These are settled, and so is all of their batch.
    pub(super) fn end(&self, tags: impl Iterator<Item = DeliveryTag>) {
        let mut inner = self.inner();
        for tag in tags {
            if tag.epoch == inner.epoch {
                inner.holdings.remove(&self.number(tag));
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
            && let Some(entry) = inner.holdings.get_mut(&self.number(tag))
        {
            change(entry);
        }
    }

    /// Whether the tag is still ours, as far as this process knows.
    pub(super) fn has(&self, tag: DeliveryTag) -> bool {
        let inner = self.inner();
        inner.epoch == tag.epoch && inner.holdings.contains_key(&self.number(tag))
    }

    /// The mirrored entries, and the tags of their messages.
    pub(super) fn mirrored(&self) -> Vec<(DeliveryTag, String)> {
        let inner = self.inner();
        let epoch = inner.epoch;
        let mirrored = |(number, entry): (&u64, &Entry)| {
            let mirror = entry.holding.mirror.clone().filter(|_| entry.phase == Phase::Held)?;
            Some((self.tag(*number, epoch), mirror))
        };
        inner.holdings.iter().filter_map(mirrored).collect()
    }

    /// A Python worker has restored it. What is being settled learns that by itself.
    pub(super) fn gone(&self, tag: DeliveryTag) {
        let mut inner = self.inner();
        let number = self.number(tag);
        if inner.epoch == tag.epoch
            && inner.holdings.get(&number).is_some_and(|entry| entry.phase == Phase::Held)
        {
            inner.holdings.remove(&number);
        }
    }

    /// How many are not settled for sure, or were in a batch of which others are not.
    pub(super) fn total(&self) -> usize {
        self.inner().holdings.len()
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
            inner.open.clear();
            inner.holdings.clear();
        }
    }
}
