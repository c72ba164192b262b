//! The workers that are, or were there.
//!
//! Kept true here: a worker is lost when its heartbeats stop, offline when it says so; while the board does not
//! hear the broker, silence says nothing. A late word never brings back one that has gone.

use std::collections::{BTreeMap, HashMap, VecDeque};

use taskq_core::{codec::Value, event::Event};

use crate::record::{WorkerRecord, WorkerStatus, cut};

/// Heartbeats that are remembered. As Celery.
const HEARTBEATS: usize = 4;
/// Intervals without a heartbeat after which Flower takes a worker for dead.
const MISSED: f64 = 2.0;
/// Seconds more before it is lost: messages and clocks are late.
const ALLOWANCE: f64 = 5.0;
/// Interval of a worker that did not tell it. As Celery.
const FREQ: f64 = 60.0;
/// Counts of processed tasks that coverage is measured by, and the seconds between two of them.
const COUNTS: (usize, f64) = (30, 10.0);
/// Types of events that are counted apart, of one worker.
const KINDS: usize = 64;
/// Processes that are remembered under one name.
const PROCESSES: usize = 8;
/// Logical time that passes between two events of a worker at most, unless some are missing.
const LEAP: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Workers {
    workers: HashMap<String, Worker>,
    most: usize,
    pub(super) gaps: u64,
    /// Workers that were forgotten because there were too many.
    pub(super) folded: u64,
}

#[derive(Debug, Default)]
struct Worker {
    record: WorkerRecord,
    /// Process ids, and when each was heard of first and last.
    processes: Vec<(i64, f64, f64)>,
    /// When, its own count of started tasks, and ours.
    counts: VecDeque<(f64, u64, u64)>,
    started: u64,
    clock: u64,
}

impl Workers {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    /// Takes in an event that a worker told, of itself or of a task. Whether it came or went with it.
    pub(super) fn take(&mut self, event: &Event, now: f64) -> bool {
        let name = cut(&event.hostname, 512);
        if !self.workers.contains_key(name) && self.workers.len() >= self.most {
            self.make_room();
        }
        let worker = self.workers.entry(name.to_owned()).or_default();
        if event.clock > worker.clock + LEAP && worker.clock > 0 {
            self.gaps += 1;
        }
        worker.take(event, name, now)
    }

    fn make_room(&mut self) {
        let oldest = self.workers.values().min_by(|a, b| a.record.last_heard.total_cmp(&b.record.last_heard));
        if let Some(name) = oldest.map(|worker| worker.record.hostname.clone()) {
            self.workers.remove(&name);
            self.folded += 1;
        }
    }

    /// Forgets those that are not there and were not heard of for `seconds`; answers who.
    pub(super) fn purge(&mut self, now: f64, seconds: f64) -> Vec<String> {
        let goes = |worker: &Worker| !worker.is_alive(now) && now - worker.record.last_heard > seconds;
        let gone: Vec<String> =
            self.workers.values().filter(|it| goes(it)).map(|it| it.record.hostname.clone()).collect();
        gone.iter().for_each(|name| drop(self.workers.remove(name)));
        gone
    }

    /// All of them, by name. `heard_since`: the broker is heard since then; `None`: it is not.
    pub(super) fn records(&self, now: f64, heard_since: Option<f64>) -> Vec<WorkerRecord> {
        let mut records: Vec<_> =
            self.workers.values().map(|worker| worker.record(now, heard_since)).collect();
        records.sort_by(|a, b| a.hostname.cmp(&b.hostname));
        records
    }

    /// Started tasks that workers counted over the last minutes, and how many of them were seen.
    pub(super) fn coverage(&self) -> Option<(u64, u64)> {
        self.workers.values().filter_map(Worker::seen).reduce(|a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// As Flower counts: until they say goodbye.
    pub(super) fn online(&self) -> impl Iterator<Item = (&WorkerRecord, bool)> {
        self.workers.values().map(|worker| (&worker.record, worker.record.offline_since.is_none()))
    }
}

impl Worker {
    fn take(&mut self, event: &Event, name: &str, now: f64) -> bool {
        let record = &mut self.record;
        let is_first = record.hostname.is_empty();
        if is_first {
            name.clone_into(&mut record.hostname);
        }
        let kinds: &mut BTreeMap<String, u64> = &mut record.events;
        if let Some(count) = kinds.get_mut(&event.kind) {
            *count += 1;
        } else if kinds.len() < KINDS {
            kinds.insert(cut(&event.kind, 128).to_owned(), 1);
        }
        if event.kind == "task-started" {
            self.started += 1;
        }
        self.heard_of(event.pid, now);
        let record = &mut self.record;
        let Some(what) = event.kind.strip_prefix("worker-") else {
            self.clock = self.clock.max(event.clock);
            if record.offline_since.is_none() {
                record.last_heard = now;
            }
            return is_first;
        };
        // Told before what is known already.
        if event.clock < self.clock && record.pid == Some(event.pid) {
            return is_first;
        }
        let was_offline = record.offline_since.is_some();
        if record.pid != Some(event.pid) {
            self.counts.clear();
            record.online_since = None;
        }
        self.clock = event.clock;
        record.clock = i64::try_from(event.clock).unwrap_or(i64::MAX);
        record.pid = Some(event.pid);
        record.last_heard = now;
        self.facts(event);
        let record = &mut self.record;
        if what == "offline" {
            record.heartbeats.clear();
            record.offline_since = Some(now);
            return true;
        }
        if what == "online" {
            record.online_since = Some(now);
        }
        record.offline_since = None;
        record.skew = (event.timestamp > 0.0).then_some(event.timestamp - now);
        if record.heartbeats.len() >= HEARTBEATS {
            record.heartbeats.remove(0);
        }
        record.heartbeats.push(now);
        if let Some(processed) = record.processed
            && self.counts.back().is_none_or(|(at, ..)| now - at >= COUNTS.1)
        {
            if self.counts.len() >= COUNTS.0 {
                self.counts.pop_front();
            }
            self.counts.push_back((now, processed, self.started));
        }
        is_first || was_offline
    }

    /// What heartbeats tell.
    fn facts(&mut self, event: &Event) {
        let record = &mut self.record;
        let number = |name| event.number(name).filter(|number| number.is_finite() && *number >= 0.0);
        record.freq = number("freq").filter(|freq| *freq > 0.0).or(record.freq);
        record.active = number("active").map(|number| number as u64).or(record.active);
        record.processed = number("processed").map(|number| number as u64).or(record.processed);
        if let Some(Value::List(loads)) = event.fields.get("loadavg") {
            let load = |at: usize| match loads.get(at) {
                Some(Value::Float(load)) if load.is_finite() => Some(*load),
                Some(Value::Int(load)) => Some(*load as f64),
                _ => None,
            };
            if let (Some(one), Some(five), Some(fifteen)) = (load(0), load(1), load(2)) {
                record.loadavg = Some([one, five, fifteen]);
            }
        }
        for (name, known) in [
            ("sw_ident", &mut record.sw_ident),
            ("sw_ver", &mut record.sw_ver),
            ("sw_sys", &mut record.sw_sys),
        ] {
            if let Some(told) = event.text(name) {
                *known = Some(cut(told, 128).to_owned());
            }
        }
    }

    fn heard_of(&mut self, pid: i64, now: f64) {
        match self.processes.iter_mut().find(|(known, ..)| *known == pid) {
            Some((.., last)) => *last = now,
            None => {
                if self.processes.len() >= PROCESSES {
                    self.processes.remove(0);
                }
                self.processes.push((pid, now, now));
            }
        }
    }

    fn freq(&self) -> f64 {
        self.record.freq.unwrap_or(FREQ)
    }

    fn is_alive(&self, now: f64) -> bool {
        self.record.heartbeats.last().is_some_and(|last| now < last + self.freq() * MISSED)
    }

    fn record(&self, now: f64, heard_since: Option<f64>) -> WorkerRecord {
        let mut record = self.record.clone();
        record.alive = self.is_alive(now);
        // Silence counts from when the broker was heard again.
        let silent = now - heard_since.map_or(now, |since| record.last_heard.max(since));
        record.status = match heard_since {
            _ if record.offline_since.is_some() => WorkerStatus::Offline,
            None => WorkerStatus::Suspect,
            Some(_) if silent < self.freq() * MISSED => WorkerStatus::Online,
            Some(_) if silent < self.freq() * MISSED + ALLOWANCE => WorkerStatus::Suspect,
            Some(_) => WorkerStatus::Lost,
        };
        record.namesakes = self.namesakes(now);
        record.coverage =
            self.seen().filter(|seen| seen.0 > 0).map(|(expected, seen)| seen as f64 / expected as f64);
        record
    }

    /// Others with the same name: heard of lately, and not only before or after.
    fn namesakes(&self, now: f64) -> Vec<i64> {
        let Some(own) = self.processes.iter().find(|(pid, ..)| Some(*pid) == self.record.pid) else {
            return Vec::new();
        };
        let lately = now - self.freq() * MISSED - ALLOWANCE;
        let others = self.processes.iter().filter(|it| it.0 != own.0);
        others.filter(|it| it.2 > lately && it.2 > own.1 && own.2 > it.1).map(|it| it.0).collect()
    }

    fn seen(&self) -> Option<(u64, u64)> {
        let (first, last) = (self.counts.front()?, self.counts.back()?);
        if last.0 <= first.0 {
            return None;
        }
        let expected = last.1.saturating_sub(first.1);
        // Events of what the last heartbeat counts may come a little after it.
        Some((expected, (self.started - first.2).min(expected)))
    }
}
