//! Rate limits of this worker by itself, for each task, as Celery's token bucket of one token: starts are at least
//! one interval apart.
//!
//! A task over its rate never keeps others waiting: a few are held here for their turn within a second, so
//! that the rate is met exactly; the rest wait in the broker, spread over the time to come.

use std::{collections::HashMap, sync::Arc, time::Duration};

use taskq_core::{
    broker::{RATE_HOLD, RateBucket, RateTurn},
    task::RateLimit,
};
use tokio::time::Instant;

use crate::{
    node::Node,
    tasks::{Known, Tasks},
};

/// One bucket for each task that has a limit of this worker.
#[derive(Debug)]
pub(super) struct Rates {
    buckets: HashMap<Arc<str>, (Duration, RateBucket)>,
    /// From here on their times count.
    start: Instant,
}

impl Rates {
    pub(super) fn new(tasks: &Tasks) -> Self {
        let bucket = |known: &Arc<Known>| {
            let interval = known.policy.rate_limit.filter(|_| !known.shares_rate())?.interval();
            Some((Arc::clone(&known.name), (interval, RateBucket::default())))
        };
        Self { buckets: tasks.iter().filter_map(bucket).collect(), start: Instant::now() }
    }

    /// Another limit for a task, or none. Turns that were given stay.
    pub(super) fn set(&mut self, task: Arc<str>, rate: Option<RateLimit>) {
        let Some(rate) = rate else {
            self.buckets.remove(&task);
            return;
        };
        let (interval, bucket) = self.buckets.entry(task).or_default();
        *interval = rate.interval();
        bucket.asks = 0;
    }

    pub(super) fn take(&mut self, node: &Node, known: &Known, may_hold: bool) -> RateTurn {
        const NOW: RateTurn = RateTurn::In(Duration::ZERO);
        if self.buckets.is_empty() || !node.tuning.rate_limits {
            return NOW;
        }
        let Some((interval, bucket)) = self.buckets.get_mut(&known.name) else { return NOW };
        let hold = match node.can.native_delay {
            true => may_hold.then_some(RATE_HOLD),
            // The broker cannot keep it.
            false => Some(Duration::MAX),
        };
        bucket.take(i64::try_from(self.start.elapsed().as_micros()).unwrap_or(i64::MAX), *interval, hold)
    }
}
