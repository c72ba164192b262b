//! One queue: what is ready, what is delayed, what was put aside.

use std::{cmp::Reverse, collections::BTreeMap};

use bytes::Bytes;

use crate::{
    Timestamp,
    broker::{DeadReason, Payload, Undecodable, envelope::Envelope},
    protocol::Message,
};

/// A message in a queue, or leased from it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Never used twice in this broker.
    pub(super) id: u64,
    /// Its place among those of its priority; kept when it is given back.
    pub(super) place: u64,
    pub(super) priority: i64,
    /// Counts every lease.
    pub(super) epoch: u32,
    /// Counts the deliveries that may have failed.
    pub(super) deliveries: u32,
    /// Since when it waits.
    pub(super) since: Timestamp,
    pub(super) content: Content,
}

/// What was published, or what somebody put there.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Message(Box<Envelope>),
    Raw(Bytes),
}

impl Content {
    /// As [`Envelope`] stores it; bytes that are no message as they are.
    pub(super) fn original(&self) -> Bytes {
        match self {
            // A property that has no JSON form cannot come from our own codecs.
            Self::Message(e) => Envelope::encode(&e.message, &e.exchange, &e.routing_key).unwrap_or_default(),
            Self::Raw(bytes) => bytes.clone(),
        }
    }

    pub(super) fn message(&self) -> Option<Message> {
        match self {
            Self::Message(envelope) => Some(envelope.message.clone()),
            Self::Raw(_) => None,
        }
    }

    pub(super) fn payload(&self) -> Payload {
        match self {
            Self::Message(envelope) => Payload::Message(envelope.message.clone()),
            Self::Raw(bytes) => Payload::Undecodable(Undecodable {
                original: bytes.clone(),
                why: Envelope::decode(bytes).err().unwrap_or_default(),
            }),
        }
    }
}

/// A message that was put aside.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    pub(super) stored: Stored,
    pub(super) reason: DeadReason,
    pub(super) at: Timestamp,
}

/// A queue. Ready messages are keyed so that the first entry is the next one out.
#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub(super) ready: BTreeMap<(Reverse<i64>, u64), Stored>,
    pub(super) delayed: BTreeMap<(Timestamp, u64), Stored>,
    /// By id: the later, the newer.
    pub(super) dead: BTreeMap<u64, Dead>,
    pub(super) in_flight: u64,
}

impl QueueState {
    pub(super) fn put(&mut self, stored: Stored) {
        self.ready.insert((Reverse(stored.priority), stored.place), stored);
    }

    pub(super) fn delay(&mut self, until: Timestamp, stored: Stored) {
        self.delayed.insert((until, stored.place), stored);
    }

    /// Moves what is due to the end of the ready ones, in the order of the due times. `next_place` counts on.
    pub(super) fn promote(&mut self, now: Timestamp, next_place: &mut u64) {
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let (due, _) = *entry.key();
            let mut stored = entry.remove();
            stored.place = *next_place;
            *next_place += 1;
            stored.since = due;
            self.put(stored);
        }
    }

    /// The priority of the next one out.
    pub(super) fn best(&self) -> Option<i64> {
        self.ready.first_key_value().map(|((Reverse(priority), _), _)| *priority)
    }
}
