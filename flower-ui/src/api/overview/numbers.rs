//! The numbers of now, from the rollups of the last minutes.
//!
//! Kept true here: a number that nothing was told for is not known, rather than 0, and so is one of a time in which
//! nothing could be heard.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value as Json, json};

use crate::{
    api::{now, workers::WorkerRow},
    record::BrokerHealth,
    server::Shared,
    store::{Rollup, SeriesQuery, Split},
};

/// Rollups are by the minute: so many seconds at least are looked at.
const SPAN: f64 = 60.0;
/// A rate is not taken over fewer seconds in which something could be heard.
const SHORTEST: f64 = 2.0;

/// The numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    /// Tasks that ended a second.
    throughput: Option<f64>,
    /// Share of them that failed.
    failure_rate: Option<f64>,
    wait_p95: Option<f64>,
    run_p95: Option<f64>,
    /// By queue: tasks a second in, and out.
    pub(crate) by_queue: HashMap<String, (Option<f64>, Option<f64>)>,
    as_of: Option<f64>,
}

impl Now {
    /// For answers.
    pub(crate) fn json(&self, fleet: &[WorkerRow], broker: &BrokerHealth) -> Json {
        // What a worker ran when it was last heard of is not what runs now.
        let heard =
            fleet.iter().filter(|worker| broker.connected && matches!(worker.status, "online" | "draining"));
        let active = heard.filter_map(|worker| worker.busy).reduce(|a, b| a + b);
        json!({
            "throughput": self.throughput, "failure_rate": self.failure_rate, "wait_p95": self.wait_p95,
            "run_p95": self.run_p95, "active": active, "as_of": self.as_of,
        })
    }
}

/// The newest numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Mutex<Arc<Now>>);

impl Numbers {
    /// None while the broker is away, whenever they were read.
    pub(crate) fn get(&self, broker: &BrokerHealth) -> Arc<Now> {
        let now = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        match broker.connected {
            true => now,
            false => Arc::new(Now { as_of: now.as_of, ..Now::default() }),
        }
    }

    fn set(&self, now: Now) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }
}

/// Reads them anew.
pub(crate) async fn measure(shared: &Shared) {
    let until = now(shared);
    // From the beginning of the minute before.
    let from = ((until - SPAN) / SPAN).floor() * SPAN;
    let query = SeriesQuery { from, until, split: Split::Queue, ..SeriesQuery::default() };
    let Ok(points) = shared.store.series(&query).await else { return };
    let coverage = shared.live.coverage();
    let seconds = coverage.heard(from, until);
    let heard = coverage.last_event.is_some() && seconds >= SHORTEST;
    let rate = |count: u64| heard.then(|| per_second(count, seconds));
    let mut all = Rollup::default();
    let mut by_queue: HashMap<String, Rollup> = HashMap::new();
    for point in points {
        all.merge(&point.rollup);
        if let Some(queue) = point.of {
            by_queue.entry(queue).or_default().merge(&point.rollup);
        }
    }
    let ended = ended(&all);
    shared.v1.numbers.set(Now {
        throughput: rate(ended),
        failure_rate: share(all.failed, ended),
        wait_p95: all.wait.percentile(0.95),
        run_p95: all.run.percentile(0.95),
        by_queue: by_queue
            .into_iter()
            .map(|(queue, rollup)| (queue, (rate(rollup.sent), rate(rollup.received))))
            .collect(),
        as_of: Some(until),
    });
}

/// Tasks that ended.
pub(crate) fn ended(rollup: &Rollup) -> u64 {
    rollup.succeeded + rollup.failed + rollup.revoked + rollup.rejected
}

#[allow(clippy::cast_precision_loss)] // counts of tasks
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(1.0)
}

/// A share; of nothing there is none.
#[allow(clippy::cast_precision_loss)] // counts of tasks
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
