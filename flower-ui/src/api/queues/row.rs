//! A queue as a row.
//!
//! Kept true here: while the broker cannot be read, what it said last stays with its age, and nothing is worked out
//! of it.

use serde::Serialize;

use crate::{
    api::{now, workers::WorkerRow},
    sample::Queues,
    server::Shared,
};

/// A row. Counts are messages, spans seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct QueueRow {
    pub(crate) name: String,
    pub(crate) ready: Option<u64>,
    pub(crate) delayed: Option<u64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) dead: Option<u64>,
    /// Age of the oldest message that waits.
    pub(crate) oldest: Option<f64>,
    /// Tasks sent a second.
    pub(crate) in_rate: Option<f64>,
    /// Tasks taken a second.
    pub(crate) out_rate: Option<f64>,
    /// By how much it grows a second.
    pub(crate) net_rate: Option<f64>,
    /// Seconds until it is empty, if it goes on like this; `None`: not known, or never.
    pub(crate) empty_in: Option<f64>,
    /// Whether it will not be empty if it goes on like this.
    pub(crate) never_empty: bool,
    /// Since when it grows.
    pub(crate) growing_since: Option<f64>,
    pub(crate) consumers: Vec<String>,
    pub(crate) paused: bool,
    pub(crate) spark: Vec<u64>,
    pub(crate) as_of: Option<f64>,
}

/// Grows by more than this a second to be growing.
const STILL: f64 = 0.01;

/// All queues, by name.
pub(crate) fn rows(shared: &Shared, known: &Queues, fleet: &[WorkerRow]) -> Vec<QueueRow> {
    let consumers = |queue: &str| -> Vec<String> {
        fleet
            .iter()
            .filter(|worker| matches!(worker.status, "online" | "draining" | "suspect"))
            .filter(|worker| worker.queues.as_ref().is_some_and(|queues| queues.iter().any(|it| it == queue)))
            .map(|worker| worker.name.clone())
            .collect()
    };
    let numbers = shared.v1.numbers.get(&shared.live.broker());
    let at = now(shared);
    known
        .queues
        .iter()
        .map(|queue| {
            let name = &queue.stats.queue;
            let (in_rate, out_rate) = numbers.by_queue.get(name).copied().unwrap_or_default();
            let waiting = queue.stats.ready + queue.stats.delayed;
            let is_read = known.error.is_none();
            let net = queue.trend.rate.filter(|_| is_read);
            let since = if is_read { (at - queue.as_of).max(0.0) } else { 0.0 };
            #[allow(clippy::cast_precision_loss)] // counts of messages
            let empty_in = match net {
                _ if waiting == 0 && is_read => Some(0.0),
                Some(net) if net < -STILL => Some(waiting as f64 / -net),
                _ => None,
            };
            QueueRow {
                name: name.clone(),
                ready: Some(queue.stats.ready),
                delayed: Some(queue.stats.delayed),
                in_flight: Some(queue.stats.in_flight),
                dead: Some(queue.stats.dead),
                oldest: queue.stats.oldest.map(|age| age.as_secs_f64() + since),
                in_rate,
                out_rate,
                net_rate: net,
                empty_in,
                never_empty: waiting > 0 && net.is_some_and(|net| net >= -STILL),
                growing_since: queue.trend.growing_since.filter(|_| is_read),
                consumers: consumers(name),
                paused: shared.v1.kept.paused.contains(name),
                spark: queue.trend.points.clone(),
                as_of: Some(queue.as_of),
            }
        })
        .collect()
}
