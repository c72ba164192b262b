//! What is known now: workers, counters, how much of it can be relied on.
//!
//! Kept true here: reading never waits for the broker or the disk; memory is bounded whatever is told.

mod change;
mod counters;
mod tally;
#[cfg(test)]
mod tests;
mod workers;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use taskq_core::event::Event;
use tokio::sync::{broadcast, watch};

pub use self::{
    change::Change,
    counters::{Counters, EventCount, PrefetchTime, Prefetched, RuntimeHistogram},
};
use self::{tally::Tally, workers::Workers};
use crate::{
    record::{BrokerHealth, Coverage, Step, WorkerRecord},
    store::Heard,
};

/// Changes that a slow reader may be behind before it is told that it missed some.
const CHANGES: usize = 4_096;
/// Spans without a connection that are remembered.
const OUTAGES: usize = 50;
/// Seconds ahead of the board's clock from which on an event is from the future.
const FUTURE: f64 = 60.0;

/// The state of now.
#[derive(Debug)]
pub struct Live {
    now: Mutex<Now>,
    purge: Option<Duration>,
    changes: broadcast::Sender<Change>,
    /// Whether the broker is heard.
    linked: watch::Sender<bool>,
}

#[derive(Debug)]
struct Now {
    workers: Workers,
    tally: Tally,
    coverage: Coverage,
    broker: BrokerHealth,
    link: Link,
}

/// What is wrong with the way to the broker.
#[derive(Debug)]
struct Link {
    /// Why events cannot be heard.
    deaf: Option<String>,
    /// Why messages do not go through.
    mute: Option<String>,
    /// When something last came through, either way.
    good: f64,
}

/// The board's clock, in seconds since 1970.
pub(crate) fn clock() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1e6
}

impl Live {
    pub(crate) fn new(buckets: Vec<f64>, max_workers: usize, purge: Option<Duration>) -> Self {
        let why = Some("not connected yet".to_owned());
        let now = Now {
            link: Link { deaf: why.clone(), mute: None, good: 0.0 },
            workers: Workers::new(max_workers),
            tally: Tally::new(buckets),
            coverage: Coverage::default(),
            broker: BrokerHealth { since: clock(), error: why, ..BrokerHealth::default() },
        };
        let changes = broadcast::Sender::new(CHANGES);
        Self { now: Mutex::new(now), purge, changes, linked: watch::Sender::new(false) }
    }

    /// Takes in when boards before this one heard events, the oldest first: what is between, and since then, is not
    /// known.
    pub(crate) fn remember(&self, spans: &[(f64, f64)]) {
        let mut now = self.now();
        let coverage = &mut now.coverage;
        coverage.heard_from = spans.first().map(|(begin, _)| *begin);
        let next = spans.iter().skip(1).map(|(begin, _)| Some(*begin)).chain([None]);
        let between = spans.iter().map(|(_, until)| until.min(clock())).zip(next);
        coverage.outages = between.filter(|(from, until)| until.is_none_or(|until| until > *from)).collect();
        let many = coverage.outages.len().saturating_sub(OUTAGES);
        coverage.outages.drain(..many);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workers, by name.
    pub fn workers(&self) -> Vec<WorkerRecord> {
        let now = self.now();
        now.workers.records(clock(), now.broker.connected.then_some(now.broker.since))
    }

    /// How much of what was told was heard.
    pub fn coverage(&self) -> Coverage {
        let now = self.now();
        let mut coverage = now.coverage.clone();
        coverage.gaps = now.workers.gaps;
        coverage.folded = now.tally.folded + now.workers.folded;
        if let Some((expected, seen)) = now.workers.coverage() {
            (coverage.expected, coverage.seen) = (expected, seen);
            coverage.share = (expected > 0).then(|| seen as f64 / expected as f64);
        }
        coverage
    }

    /// What Flower's metrics count.
    pub fn counters(&self) -> Counters {
        let now = self.now();
        let mut counters = now.tally.snapshot();
        for (worker, online) in now.workers.online() {
            counters.online.push((worker.hostname.clone(), online));
            counters.executing.extend(worker.active.map(|active| (worker.hostname.clone(), active)));
        }
        counters.online.sort();
        counters.executing.sort();
        counters
    }

    /// Whether the broker is heard.
    pub fn broker(&self) -> BrokerHealth {
        self.now().broker.clone()
    }

    /// Whether the broker is heard, and when that changes.
    pub(crate) fn linked(&self) -> watch::Receiver<bool> {
        self.linked.subscribe()
    }

    /// What changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Takes in an event that came `at`, before its task is told to history.
    pub(crate) fn hear(&self, event: &Event, at: f64) {
        let mut now = self.now();
        now.coverage.events += 1;
        now.coverage.last_event = Some(at);
        now.link.good = at;
        if event.timestamp > at + FUTURE {
            now.coverage.future += 1;
        } else if event.timestamp > 0.0 {
            now.coverage.lag = Some((at - event.timestamp).max(0.0));
        }
        // A client is no worker.
        if event.kind == "task-sent" {
            return;
        }
        let is_of_worker = event.kind.starts_with("worker-");
        if !is_of_worker && !event.kind.starts_with("task-") {
            return;
        }
        let changed = now.workers.take(event, at);
        drop(now);
        if changed || is_of_worker {
            self.changed(|| Change::Worker(event.hostname.as_str().into()));
        }
    }

    /// Counts an event of a task, with what is known of that by now.
    pub(crate) fn count(
        &self,
        worker: &Arc<str>,
        kind: &Arc<str>,
        step: Step,
        heard: &Heard,
        runtime: Option<f64>,
        at: f64,
    ) {
        self.now().tally.count(worker, kind, step, heard, runtime, at);
    }

    /// Tells whoever listens.
    pub(crate) fn changed(&self, change: impl FnOnce() -> Change) {
        if self.changes.receiver_count() > 0 {
            // Whoever listened may be gone by now.
            let _ = self.changes.send(change());
        }
    }

    /// So many messages or events could not be read.
    pub(crate) fn garbage(&self, count: u64) {
        self.now().coverage.garbage += count;
    }

    /// So many ends of tasks were learnt after an outage.
    pub(crate) fn backfilled(&self, count: u64) {
        self.now().coverage.backfilled += count;
    }

    /// Events are heard from the broker, or not, and why.
    pub(crate) fn heard(&self, heard: Result<(), &str>) {
        self.link(|link| link.deaf = heard.err().map(str::to_owned));
    }

    /// A message to the broker went through and took so long, or did not, and why.
    pub(crate) fn probed(&self, probe: Result<Duration, &str>) {
        if let Ok(took) = probe {
            let mut now = self.now();
            now.broker.probe = Some(took.as_secs_f64());
            now.link.good = clock();
        }
        self.link(|link| link.mute = probe.err().map(str::to_owned));
    }

    fn link(&self, change: impl FnOnce(&mut Link)) {
        let mut now = self.now();
        change(&mut now.link);
        let error = now.link.deaf.clone().or_else(|| now.link.mute.clone());
        let connected = error.is_none();
        now.broker.error = error;
        if now.broker.connected == connected {
            return;
        }
        let at = clock();
        now.broker.connected = connected;
        now.broker.since = at;
        if connected {
            now.coverage.heard_from.get_or_insert(at);
            now.link.good = at;
        }
        // It is noticed late: nothing is known since something last came through.
        let good = now.link.good;
        let outages = &mut now.coverage.outages;
        if !connected {
            if outages.len() >= OUTAGES {
                outages.remove(0);
            }
            outages.push((good, None));
            now.broker.losses += 1;
        } else if let Some((_, until @ None)) = outages.last_mut() {
            *until = Some(at);
        }
        drop(now);
        self.linked.send_replace(connected);
        self.changed(|| Change::Broker);
    }

    /// Forgets workers that are gone for long enough.
    pub(crate) fn purge(&self) {
        let Some(purge) = self.purge else { return };
        let mut now = self.now();
        for worker in now.workers.purge(clock(), purge.as_secs_f64()) {
            now.tally.forget(&worker);
        }
    }
}
