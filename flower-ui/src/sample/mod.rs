//! Queues and workers, looked at again and again: what is needed for rates and small charts.
//!
//! Kept true here: the broker is asked every second while somebody watches, else every five; memory is bounded;
//! what could not be read stays as it was, with its age and the reason.

mod ring;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indexmap::IndexMap;
use taskq_core::broker::QueueStats;

use self::ring::Ring;
pub(crate) use self::ring::Trend;
use crate::{api::now, flower, server::Shared, store::QueueSample};

/// How often the broker is asked while somebody watches.
const WATCHED: Duration = Duration::from_secs(1);
/// And while nobody does.
const ALONE: Duration = Duration::from_secs(5);
/// Somebody who asked so long ago still watches, in milliseconds.
const ATTENTION: f64 = 15_000.0;
/// How often samples are kept in history, in seconds.
const STORED: f64 = 15.0;
/// The longest time that the broker is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Queues and workers that are kept.
const MOST: usize = 1_000;
/// Queues that are not anybody's tasks: replies, control and events.
const OF_OTHERS: [&str; 3] = [".pidbox", "celeryev", ".reply."];

/// What is known of a queue.
#[derive(Clone, Debug)]
pub(crate) struct QueueNow {
    pub(crate) stats: QueueStats,
    /// When it was read, in seconds since 1970.
    pub(crate) as_of: f64,
    pub(crate) trend: Trend,
}

/// What is known of all queues.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queues {
    /// By name, sorted.
    pub(crate) queues: Vec<QueueNow>,
    /// When the broker was last read.
    pub(crate) as_of: Option<f64>,
    /// Why it cannot be read now.
    pub(crate) error: Option<String>,
    /// Whether this broker can be looked into at all.
    pub(crate) supported: bool,
}

/// The samples.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// When somebody last asked, in milliseconds since 1970.
    watched: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    queues: IndexMap<String, (QueueStats, f64, Ring)>,
    workers: IndexMap<String, Ring>,
    as_of: Option<f64>,
    /// When samples were last kept in history.
    stored: f64,
    error: Option<String>,
    unsupported: bool,
}

impl Samples {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody watches.
    pub(crate) fn watch(&self, now: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // milliseconds since 1970
        self.watched.store((now * 1e3) as u64, Ordering::Relaxed);
    }

    #[allow(clippy::cast_precision_loss)]
    fn is_watched(&self, now: f64) -> bool {
        now * 1e3 - (self.watched.load(Ordering::Relaxed) as f64) < ATTENTION
    }

    /// Whether samples are to be kept in history again.
    fn is_time_to_keep(&self, at: f64) -> bool {
        let mut kept = self.kept();
        let is = at - kept.stored >= STORED;
        if is {
            kept.stored = at;
        }
        is
    }

    /// The queues now.
    pub(crate) fn queues(&self) -> Queues {
        let kept = self.kept();
        let mut queues: Vec<QueueNow> = kept
            .queues
            .values()
            .map(|(stats, as_of, ring)| QueueNow { stats: stats.clone(), as_of: *as_of, trend: ring.trend() })
            .collect();
        queues.sort_by(|a, b| a.stats.queue.cmp(&b.stats.queue));
        Queues { queues, as_of: kept.as_of, error: kept.error.clone(), supported: !kept.unsupported }
    }

    /// Tasks that a worker starts a second, over the last minute.
    pub(crate) fn rate_of(&self, worker: &str) -> Option<f64> {
        self.kept().workers.get(worker)?.rate()
    }

    /// Takes in what the broker said.
    fn counted(&self, at: f64, stats: Vec<QueueStats>) {
        let mut kept = self.kept();
        kept.queues.retain(|name, _| stats.iter().any(|stats| stats.queue == *name));
        for stats in stats.into_iter().take(MOST) {
            let waiting = stats.ready + stats.delayed;
            match kept.queues.get_mut(&stats.queue) {
                Some((last, as_of, ring)) => {
                    (*last, *as_of) = (stats, at);
                    ring.push(at, waiting);
                }
                None => {
                    let mut ring = Ring::default();
                    ring.push(at, waiting);
                    kept.queues.insert(stats.queue.clone(), (stats, at, ring));
                }
            }
        }
        (kept.as_of, kept.error) = (Some(at), None);
    }

    fn processed(&self, at: f64, workers: Vec<(String, u64)>) {
        let mut kept = self.kept();
        kept.workers.retain(|name, _| workers.iter().any(|(worker, _)| worker == name));
        for (worker, processed) in workers.into_iter().take(MOST) {
            kept.workers.entry(worker).or_default().push(at, processed);
        }
    }
}

/// Looks, until the board stops.
pub(crate) async fn keep_looking(shared: Shared) {
    loop {
        look(&shared).await;
        let every = if shared.v1.samples.is_watched(now(&shared)) { WATCHED } else { ALONE };
        // Somebody who comes meanwhile does not wait for long.
        let mut waited = Duration::ZERO;
        while waited < every && !(waited >= WATCHED && shared.v1.samples.is_watched(now(&shared))) {
            tokio::time::sleep(WATCHED).await;
            waited += WATCHED;
        }
    }
}

/// Looks once.
pub(crate) async fn look(shared: &Shared) {
    let samples = &shared.v1.samples;
    let workers = shared.live.workers();
    let processed = workers.into_iter().filter_map(|worker| Some((worker.hostname, worker.processed?)));
    samples.processed(now(shared), processed.collect());
    match tokio::time::timeout(PATIENCE, read(shared)).await {
        Ok(Ok(Some(stats))) => {
            keep(shared, &stats).await;
            samples.counted(now(shared), stats);
        }
        Ok(Ok(None)) => samples.kept().unsupported = true,
        Ok(Err(error)) => samples.kept().error = Some(error.to_string()),
        Err(_) => samples.kept().error = Some("the broker did not answer within 5 s".to_owned()),
    }
}

/// Into history, now and then.
async fn keep(shared: &Shared, stats: &[QueueStats]) {
    let at = now(shared);
    if !shared.v1.samples.is_time_to_keep(at) {
        return;
    }
    #[allow(clippy::cast_possible_truncation)] // whole seconds
    let sample = |stats: &QueueStats| QueueSample {
        at: at as i64,
        queue: stats.queue.clone(),
        waiting: Some(stats.ready + stats.delayed),
        in_flight: Some(stats.in_flight),
        oldest: stats.oldest.map(|age| age.as_secs_f64()),
        consumers: stats.consumers,
    };
    let samples: Vec<QueueSample> = stats.iter().map(sample).collect();
    if let Err(error) = shared.store.record_queue_samples(&samples).await {
        tracing::debug!(%error, "could not keep samples of queues");
    }
}

async fn read(shared: &Shared) -> Result<Option<Vec<QueueStats>>, taskq_core::Error> {
    let Some(admin) = shared.app.broker().await?.admin() else { return Ok(None) };
    let mut names: BTreeSet<String> = flower::queues::names(shared).into_iter().collect();
    let mut others = admin.queues().await?;
    others.retain(|name| !OF_OTHERS.iter().any(|part| name.contains(part)));
    names.extend(others);
    let names: Vec<String> = names.into_iter().take(MOST).collect();
    Ok(Some(admin.stats(&names).await?))
}

/// The queues that are known.
pub(crate) fn names(shared: &Shared) -> Vec<String> {
    let mut known: Vec<String> = shared.v1.samples.kept().queues.keys().cloned().collect();
    known.sort_unstable();
    if known.is_empty() { flower::queues::names(shared) } else { known }
}
