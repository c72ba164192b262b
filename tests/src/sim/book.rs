//! What happened, and what must never happen.
//!
//! The servers tell it what they did, the tasks when they ran; whatever breaks a promise is noted at once.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use taskq_core::{
    Timestamp,
    broker::{DeliveryTag, Outgoing, Settle, Settled, Settlement},
    protocol::{Headers, Message},
    time::Clock,
};

use super::clock::VirtualClock;

/// A message: its task's id and how often that was retried.
type Key = (String, u32);

pub(super) struct Book {
    clock: VirtualClock,
    keeps_trace: bool,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    trace: Vec<String>,
    broken: Vec<String>,
    messages: BTreeMap<Key, Count>,
    deliveries: BTreeMap<DeliveryTag, Delivered>,
    runs: Vec<Run>,
    /// Runs that go on, by task.
    live: BTreeMap<String, Vec<usize>>,
    /// When something went wrong on the way of a process.
    disturbed: BTreeMap<String, Vec<Duration>>,
    /// Tasks that must not start before a time.
    due: BTreeMap<String, Timestamp>,
    /// Bodies of chords, and the copy of each that runs.
    bodies: BTreeMap<String, Option<String>>,
    answers_are_lost: bool,
    /// By the headers of messages: each is seen more than once.
    keys: BTreeMap<Bytes, Key>,
}

/// What became of a message.
#[derive(Debug, Default)]
struct Count {
    stored: u32,
    /// Of those, the ones whose senders do not know it.
    unknown: u32,
    acknowledged: u32,
    dead: u32,
    not_before: Option<Timestamp>,
}

#[derive(Debug)]
struct Delivered {
    key: Key,
    node: String,
    lease: Duration,
    until: Duration,
    settled: bool,
}

#[derive(Debug)]
struct Run {
    node: String,
    tag: Option<DeliveryTag>,
    is_live: bool,
    is_done: bool,
}

impl Book {
    pub(super) fn new(clock: VirtualClock, keeps_trace: bool) -> Self {
        Self { clock, keeps_trace, pages: Mutex::default() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a step, for whoever looks at a seed.
    pub(super) fn trace(&self, who: &str, what: impl fmt::Display) {
        if self.keeps_trace {
            let line = format!("{:>10.3} {who} {what}", self.elapsed().as_secs_f64());
            self.pages().trace.push(line);
        }
    }

    /// Notes a broken promise.
    pub(super) fn broken(&self, what: String) {
        self.trace("!", &what);
        self.pages().broken.push(what);
    }

    /// Something went wrong on the way of a process: its leases may lapse.
    pub(super) fn disturbed(&self, node: &str) {
        let now = self.elapsed();
        let mut pages = self.pages();
        match pages.disturbed.get_mut(node) {
            Some(times) => times.push(now),
            None => drop(pages.disturbed.insert(node.to_owned(), vec![now])),
        }
    }

    /// What is stored from now on is stored, but nobody knows.
    pub(super) fn answers_are_lost(&self, yes: bool) {
        self.pages().answers_are_lost = yes;
    }

    /// A task is not to start before that.
    pub(super) fn not_before(&self, id: &str, due: Timestamp) {
        self.pages().due.insert(id.to_owned(), due);
    }

    /// A task runs from one message, however often what leads to it is sent, and however often it is itself.
    pub(super) fn body(&self, id: &str) {
        self.pages().bodies.insert(id.to_owned(), None);
    }

    /// The broker has stored messages.
    pub(super) fn published(&self, node: &str, batch: &[Outgoing]) {
        let unknown = u32::from(self.pages().answers_are_lost);
        self.stored(node, batch, unknown);
    }

    fn stored(&self, node: &str, batch: &[Outgoing], unknown: u32) {
        for out in batch {
            let Some(key) = self.pages().key_of(&out.message) else { continue };
            self.trace(node, format_args!("stored {}/{}", key.0, key.1));
            let mut pages = self.pages();
            let count = pages.messages.entry(key).or_default();
            count.stored += 1;
            count.unknown += unknown;
            count.not_before = out.not_before;
        }
    }

    /// The broker has leased a message to a process.
    pub(super) fn delivered(
        &self,
        node: &str,
        tag: DeliveryTag,
        message: &Message,
        lease: Duration,
        lost: bool,
    ) {
        let Some(key) = self.pages().key_of(message) else { return };
        self.trace(node, format_args!("got {}/{} as {}.{}", key.0, key.1, tag.id, tag.epoch));
        if !lost {
            let until = self.elapsed() + lease;
            let delivered = Delivered { key, node: node.to_owned(), lease, until, settled: false };
            self.pages().deliveries.insert(tag, delivered);
        }
    }

    /// The broker has renewed leases.
    pub(super) fn extended(&self, tags: &[DeliveryTag], settled: &Settled, by: Duration) {
        let until = self.elapsed() + by;
        let mut pages = self.pages();
        for tag in tags.iter().filter(|tag| !settled.lost.contains(tag)) {
            if let Some(delivered) = pages.deliveries.get_mut(tag) {
                delivered.until = until;
            }
        }
    }

    /// The broker has settled deliveries and stored what follows them.
    pub(super) fn settled(&self, node: &str, batch: &[Settlement], settled: &Settled) {
        for one in batch.iter().filter(|one| !settled.lost.contains(&one.tag)) {
            // Whoever settles again is told that the delivery is not his any more, and sends nothing.
            self.stored(node, &one.publish, 0);
            let mut pages = self.pages();
            let Some(delivered) = pages.deliveries.get_mut(&one.tag) else { continue };
            delivered.settled = true;
            let key = delivered.key.clone();
            let count = pages.messages.entry(key).or_default();
            match &one.how {
                Settle::Ack => count.acknowledged += 1,
                Settle::DeadLetter { .. } => count.dead += 1,
                Settle::Requeue { .. } => {}
            }
        }
    }

    /// A process has dropped a delivery, which is back in its queue.
    pub(super) fn given_back(&self, node: &str, tag: DeliveryTag) {
        self.trace(node, format_args!("gave back {}.{}", tag.id, tag.epoch));
        if let Some(delivered) = self.pages().deliveries.get_mut(&tag) {
            delivered.settled = true;
        }
    }

    /// A process is dead, and all that it ran.
    pub(super) fn killed(&self, node: &str) {
        self.trace(node, "killed");
        let mut pages = self.pages();
        let Pages { runs, live, .. } = &mut *pages;
        for of_task in live.values_mut() {
            of_task.retain(|at| {
                let run = &mut runs[*at];
                run.is_live &= run.node != node;
                run.is_live
            });
        }
    }

    /// A run begins, of the message that was sent under a claim, if it was. Answers its number.
    pub(super) fn begin(&self, node: &str, id: &str, retries: u32, copy: Option<String>) -> usize {
        let (now, at) = (self.elapsed(), self.clock.now());
        self.trace(node, format_args!("runs {id}/{retries}"));
        let mut wrong = Vec::new();
        let mut pages = self.pages();
        let key = (id.to_owned(), retries);
        if pages.due.get(id).is_some_and(|due| at < *due) {
            wrong.push(format!("`{id}` runs before its time"));
        }
        if let Some(runs) = pages.bodies.get_mut(id) {
            match (&runs, &copy) {
                (_, None) => wrong.push(format!("`{id}` does not say under which claim it was sent")),
                (Some(one), _) if Some(one) != copy.as_ref() => {
                    wrong.push(format!("`{id}` runs from two messages"));
                }
                _ => *runs = copy,
            }
        }
        match pages.messages.get(&key) {
            Some(count) if count.acknowledged + count.dead >= count.stored => {
                wrong.push(format!("`{id}`/{retries} runs although every message of it was acknowledged"));
            }
            Some(count) if count.stored == 1 && count.not_before.is_some_and(|due| at < due) => {
                wrong.push(format!("`{id}`/{retries} runs before the time of its message"));
            }
            Some(_) => {}
            None => wrong.push(format!("`{id}`/{retries} runs and was never stored")),
        }
        let newest = |(_, held): &(&DeliveryTag, &Delivered)| held.key == key && held.node == node;
        let tag = pages.deliveries.iter().filter(newest).map(|(tag, _)| *tag).max_by_key(|tag| tag.epoch);
        for other in pages.live.get(id).into_iter().flatten() {
            wrong.extend(pages.twice(id, &pages.runs[*other], now));
        }
        let number = pages.runs.len();
        pages.runs.push(Run { node: node.to_owned(), tag, is_live: true, is_done: false });
        pages.live.entry(key.0).or_default().push(number);
        drop(pages);
        wrong.into_iter().for_each(|what| self.broken(what));
        number
    }

    /// A run ends: done, or dropped in the middle.
    pub(super) fn end(&self, id: &str, number: usize, is_done: bool) {
        let mut pages = self.pages();
        pages.runs[number].is_live = false;
        pages.runs[number].is_done = is_done;
        if let Some(live) = pages.live.get_mut(id) {
            live.retain(|run| *run != number);
        }
        let node = pages.runs[number].node.clone();
        drop(pages);
        self.trace(&node, format_args!("{} {id}", if is_done { "did" } else { "dropped" }));
    }

    /// Looks at everything when all is over. `is_beat` says of a task that it was sent by a beat.
    pub(super) fn audit(&self, is_tick: impl Fn(&str) -> bool) {
        let mut wrong = Vec::new();
        let pages = self.pages();
        for ((id, retries), count) in &pages.messages {
            let Count { stored, unknown, acknowledged, dead, .. } = count;
            if acknowledged + dead != *stored {
                wrong.push(format!(
                    "`{id}`/{retries}: stored {stored}, acknowledged {acknowledged}, dead {dead}"
                ));
            }
            if *dead > 0 {
                wrong.push(format!("`{id}`/{retries} is among the dead letters"));
            }
            // Whoever does not know sends again, and with it all that follows. A beat that takes over sends what the
            // one before may not have. Of the body of a chord it matters how many of its messages run.
            let again = pages.unknown_before(id);
            let is_told_apart = !is_tick(id) || pages.disturbed.is_empty();
            if is_told_apart && !pages.bodies.contains_key(id) && *stored > 1 + again {
                wrong.push(format!("`{id}`/{retries} was sent {stored} times, {unknown} answers lost"));
            }
        }
        if let Some((id, _)) = pages.live.iter().find(|(_, runs)| !runs.is_empty()) {
            wrong.push(format!("`{id}` still runs"));
        }
        drop(pages);
        wrong.into_iter().for_each(|what| self.broken(what));
    }

    /// How many runs ended by themselves.
    pub(super) fn done(&self) -> usize {
        self.pages().runs.iter().filter(|run| run.is_done).count()
    }

    /// How many messages of bodies were stored besides the first ones.
    pub(super) fn copies(&self) -> usize {
        let pages = self.pages();
        let stored = pages.messages.iter().filter(|((id, _), _)| pages.bodies.contains_key(id));
        stored.map(|(_, count)| count.stored.saturating_sub(1) as usize).sum()
    }

    /// How many runs began.
    pub(super) fn runs(&self) -> usize {
        self.pages().runs.len()
    }

    pub(super) fn take(&self) -> (Vec<String>, Vec<String>) {
        let mut pages = self.pages();
        (std::mem::take(&mut pages.broken), std::mem::take(&mut pages.trace))
    }
}

impl Pages {
    fn key_of(&mut self, message: &Message) -> Option<Key> {
        if let Some(key) = self.keys.get(&message.headers.0) {
            return Some(key.clone());
        }
        let headers = Headers::parse(&message.headers).ok()?;
        let key = (headers.id.as_str().to_owned(), headers.retries);
        self.keys.insert(message.headers.0.clone(), key.clone());
        Some(key)
    }

    /// How often those who sent something of the same canvas did not know whether it was stored.
    fn unknown_before(&self, id: &str) -> u32 {
        let canvas = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
        let of = canvas(id);
        self.messages.iter().filter(|((id, _), _)| canvas(id) == of).map(|(_, count)| count.unknown).sum()
    }

    /// Why a task must not run while another run of it goes on, unless it may: the lease of that one has lapsed
    /// while its process could not renew it.
    fn twice(&self, id: &str, other: &Run, now: Duration) -> Option<String> {
        // Two messages of one task are two runs: whether there may be two is for the audit to say.
        if self.messages.iter().any(|((of, _), count)| of == id && count.stored > 1) {
            return None;
        }
        let Some(held) = other.tag.and_then(|tag| self.deliveries.get(&tag)) else {
            return Some(format!("`{id}` runs twice, once without a delivery"));
        };
        if held.settled {
            return Some(format!("`{id}` runs while a run on {} goes on that was settled", other.node));
        }
        if held.until > now {
            return Some(format!("`{id}` runs while a run on {} goes on that holds its lease", other.node));
        }
        let since = held.until.saturating_sub(held.lease);
        let disturbed = |times: &Vec<Duration>| times.iter().any(|at| (since..=held.until).contains(at));
        if self.disturbed.get(&other.node).is_some_and(disturbed) {
            return None;
        }
        Some(format!("`{id}` runs twice: {} let the lease lapse with nothing in its way", other.node))
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").finish_non_exhaustive()
    }
}
