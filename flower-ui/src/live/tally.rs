//! The counting behind Flower's metrics.
//!
//! Kept true here: names come from anybody, so their number is bounded; what comes beyond that is counted under
//! [`OTHER`].

use std::{collections::HashMap, sync::Arc};

use super::counters::{Counters, EventCount, PrefetchTime, Prefetched, RuntimeHistogram};
use crate::{record::Step, store::Heard};

/// Series of one metric.
const MOST: usize = 20_000;
/// Stands for all names beyond that.
const OTHER: &str = "other";

/// Worker and task.
type Pair = (Arc<str>, Arc<str>);
/// Worker, type and task.
type Event = (Arc<str>, Arc<str>, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Tally {
    bounds: Vec<f64>,
    /// How many, and when the first came.
    events: HashMap<Event, (u64, f64)>,
    runtimes: HashMap<Pair, Runtimes>,
    prefetch_times: HashMap<Pair, f64>,
    prefetched: HashMap<Pair, u64>,
    pub(super) folded: u64,
}

#[derive(Debug, Default)]
struct Runtimes {
    /// Not cumulative; the last one is beyond all bounds.
    buckets: Vec<u64>,
    sum: f64,
    created: f64,
}

impl Tally {
    pub(super) fn new(bounds: Vec<f64>) -> Self {
        Self { bounds: bounds.into_iter().filter(|bound| bound.is_finite()).collect(), ..Self::default() }
    }

    /// Counts an event of a task.
    pub(super) fn count(
        &mut self,
        worker: &Arc<str>,
        kind: &Arc<str>,
        step: Step,
        heard: &Heard,
        runtime: Option<f64>,
        now: f64,
    ) {
        let task = heard.name.clone().unwrap_or_default();
        let mut key = (Arc::clone(worker), Arc::clone(kind), Arc::clone(&task));
        if self.events.len() >= MOST && !self.events.contains_key(&key) {
            self.folded += 1;
            key = (OTHER.into(), OTHER.into(), OTHER.into());
        }
        self.events.entry(key).or_insert((0, now)).0 += 1;
        let full = self.prefetched.len() >= MOST || self.runtimes.len() >= MOST;
        let pair = if full { (OTHER.into(), OTHER.into()) } else { (Arc::clone(worker), task) };
        if let Some(seconds) = runtime.filter(|_| step == Step::Succeeded) {
            let bounds = &self.bounds;
            let runtimes = self.runtimes.entry(pair.clone()).or_insert_with(|| Runtimes {
                buckets: vec![0; bounds.len() + 1],
                created: now,
                ..Runtimes::default()
            });
            let bucket = bounds.iter().position(|bound| seconds <= *bound).unwrap_or(bounds.len());
            runtimes.buckets[bucket] += 1;
            runtimes.sum += seconds;
        }
        // As Flower: tasks with an eta do not count as prefetched, nor those whose receipt was not told.
        if heard.has_eta || !heard.is_new {
            return;
        }
        match (step, heard.received, heard.started) {
            (Step::Received, Some(_), None) => *self.prefetched.entry(pair).or_default() += 1,
            (Step::Started, Some(received), Some(started)) => {
                self.prefetch_times.insert(pair.clone(), (started - received).max(0.0));
                let count = self.prefetched.entry(pair).or_default();
                *count = count.saturating_sub(1);
            }
            (Step::Succeeded | Step::Failed, Some(_), Some(_)) => {
                self.prefetch_times.insert(pair, 0.0);
            }
            _ => {}
        }
    }

    /// Forgets a worker.
    pub(super) fn forget(&mut self, worker: &str) {
        self.events.retain(|key, _| &*key.0 != worker);
        self.runtimes.retain(|key, _| &*key.0 != worker);
        self.prefetch_times.retain(|key, _| &*key.0 != worker);
        self.prefetched.retain(|key, _| &*key.0 != worker);
    }

    /// The counts of now, sorted. Who is online and what runs is left to whoever knows it.
    pub(super) fn snapshot(&self) -> Counters {
        let own = |text: &Arc<str>| text.as_ref().to_owned();
        let mut counters = Counters {
            events: (self.events.iter())
                .map(|((worker, kind, task), (count, created))| EventCount {
                    worker: own(worker),
                    kind: own(kind),
                    task: own(task),
                    count: *count,
                    created: *created,
                })
                .collect(),
            runtimes: self
                .runtimes
                .iter()
                .map(|((worker, task), it)| self.histogram(worker, task, it))
                .collect(),
            prefetch_times: (self.prefetch_times.iter())
                .map(|((worker, task), seconds)| PrefetchTime {
                    worker: own(worker),
                    task: own(task),
                    seconds: *seconds,
                })
                .collect(),
            prefetched: (self.prefetched.iter())
                .map(|((worker, task), count)| Prefetched {
                    worker: own(worker),
                    task: own(task),
                    count: *count,
                })
                .collect(),
            ..Counters::default()
        };
        counters.events.sort_by(|a, b| (&a.worker, &a.kind, &a.task).cmp(&(&b.worker, &b.kind, &b.task)));
        counters.runtimes.sort_by(|a, b| (&a.worker, &a.task).cmp(&(&b.worker, &b.task)));
        counters.prefetch_times.sort_by(|a, b| (&a.worker, &a.task).cmp(&(&b.worker, &b.task)));
        counters.prefetched.sort_by(|a, b| (&a.worker, &a.task).cmp(&(&b.worker, &b.task)));
        counters
    }

    fn histogram(&self, worker: &str, task: &str, runtimes: &Runtimes) -> RuntimeHistogram {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (bound, more) in self.bounds.iter().zip(&runtimes.buckets) {
            count += more;
            buckets.push((*bound, count));
        }
        RuntimeHistogram {
            worker: worker.to_owned(),
            task: task.to_owned(),
            buckets,
            count: runtimes.buckets.iter().sum(),
            sum: runtimes.sum,
            created: runtimes.created,
        }
    }
}
