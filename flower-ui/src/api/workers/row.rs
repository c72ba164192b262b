//! A worker as a row: what its events tell, and what it says of itself.
//!
//! Kept true here: each part says how old it is; what a worker did not tell is `null`.

use std::collections::BTreeMap;

use serde::Serialize;
use taskq_core::codec::{Map, Value};

use crate::{
    api::now,
    record::{WorkerRecord, WorkerStatus},
    server::Shared,
};

/// A row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorkerRow {
    pub(crate) name: String,
    /// `rust`, `python`
    pub(crate) kind: Option<&'static str>,
    pub(crate) version: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) pid: Option<i64>,
    pub(crate) pool: Option<String>,
    pub(crate) slots: Option<i64>,
    pub(crate) busy: Option<u64>,
    pub(crate) queues: Option<Vec<String>>,
    pub(crate) processed: Option<u64>,
    /// Tasks started a second, over the last minute.
    pub(crate) rate: Option<f64>,
    pub(crate) load: Option<[f64; 3]>,
    /// Seconds since its last heartbeat.
    pub(crate) heartbeat_age: Option<f64>,
    pub(crate) clock_skew: Option<f64>,
    /// Seconds.
    pub(crate) uptime: Option<f64>,
    /// The most memory it had, in bytes.
    pub(crate) memory: Option<i64>,
    pub(crate) prefetch: Option<i64>,
    /// Share of its events that were seen.
    pub(crate) coverage: Option<f64>,
    /// Others under the same name.
    pub(crate) namesakes: Vec<i64>,
    /// When events last told of it.
    pub(crate) last_heard: Option<f64>,
    /// When it last said something of itself.
    pub(crate) as_of: Option<f64>,
}

/// All workers, by name.
pub(crate) fn fleet(shared: &Shared) -> Vec<WorkerRow> {
    let said = shared.workers.all();
    let heard = shared.live.workers().into_iter().map(|worker| (worker.hostname.clone(), worker));
    let mut workers: BTreeMap<String, WorkerRecord> = heard.collect();
    // Some answer, and send no events.
    for name in said.keys() {
        let silent = || WorkerRecord { hostname: name.clone(), ..WorkerRecord::default() };
        workers.entry(name.clone()).or_insert_with(silent);
    }
    let nothing = Map::default();
    let said_by = |name: &str| said.get(name).and_then(Value::as_map).unwrap_or(&nothing);
    workers.values().map(|worker| row(shared, worker, said_by(&worker.hostname))).collect()
}

fn row(shared: &Shared, worker: &WorkerRecord, said: &Map) -> WorkerRow {
    let number = |path: &[&str]| find(said, path).and_then(Value::as_i64);
    let now = now(shared);
    let as_of = said.get("timestamp").and_then(Value::as_f64);
    let is_up = matches!(worker.status, WorkerStatus::Online | WorkerStatus::Suspect);
    let uptime = worker
        .online_since
        .map(|since| now - since)
        .or_else(|| Some(find(said, &["stats", "uptime"])?.as_f64()? + (now - as_of?)));
    let draining = shared.v1.drains.contains(&worker.hostname);
    WorkerRow {
        name: worker.hostname.clone(),
        kind: kind(worker, said),
        version: worker.sw_ver.clone(),
        status: if draining && is_up { "draining" } else { worker.status.word() },
        pid: worker.pid.or(number(&["stats", "pid"])),
        pool: find(said, &["stats", "pool", "implementation"]).and_then(Value::as_str).map(str::to_owned),
        slots: slots(kind(worker, said), said),
        busy: worker.active.filter(|_| is_up),
        queues: queues(said),
        processed: worker.processed.or_else(|| total(said)),
        rate: shared.v1.samples.rate_of(&worker.hostname).filter(|rate| is_up && *rate >= 0.0),
        load: worker.loadavg,
        heartbeat_age: worker.heartbeats.last().map(|last| (now - last).max(0.0)),
        clock_skew: worker.skew,
        uptime: uptime.filter(|_| is_up),
        memory: number(&["stats", "rusage", "maxrss"]).map(|kib| kib.saturating_mul(1024)),
        prefetch: number(&["stats", "prefetch_count"]),
        coverage: worker.coverage,
        namesakes: worker.namesakes.clone(),
        last_heard: Some(worker.last_heard).filter(|at| *at > 0.0),
        as_of,
    }
}

fn kind(worker: &WorkerRecord, said: &Map) -> Option<&'static str> {
    let pool = || find(said, &["stats", "pool", "implementation"])?.as_str();
    match worker.sw_ident.as_deref() {
        Some("taskq") => Some("rust"),
        Some("py-celery") => Some("python"),
        Some(_) => None,
        None => pool().map(|pool| if pool.starts_with("taskq") { "rust" } else { "python" }),
    }
}

/// Tasks that it runs at a time. Celery's pool of processes goes on telling with how many it was started when it has
/// grown or shrunk: its processes are counted.
fn slots(kind: Option<&str>, said: &Map) -> Option<i64> {
    let processes = || find(said, &["stats", "pool", "processes"])?.as_list().map(<[_]>::len);
    let grown = processes().filter(|count| kind == Some("python") && *count > 0);
    match grown {
        Some(count) => i64::try_from(count).ok(),
        None => find(said, &["stats", "pool", "max-concurrency"])?.as_i64(),
    }
}

/// The queues it consumes, as it said last.
fn queues(said: &Map) -> Option<Vec<String>> {
    let queues = said.get("active_queues")?.as_list()?;
    let name = |queue: &Value| queue.as_map()?.get("name")?.as_str().map(str::to_owned);
    Some(queues.iter().filter_map(name).collect())
}

fn total(said: &Map) -> Option<u64> {
    let counts = find(said, &["stats", "total"])?.as_map()?;
    Some(counts.values().filter_map(Value::as_u64).sum())
}

fn find<'a>(said: &'a Map, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(said.get(*first)?, |value, key| value.as_map()?.get(*key))
}

#[cfg(test)]
mod tests {
    use taskq_core::codec::json;

    use super::*;

    #[test]
    fn a_pool_of_celery_that_has_grown_is_counted_by_its_processes() {
        let said = |text: &str| json::from_slice::<Map>(text.as_bytes()).unwrap();
        let grown = said(r#"{"stats": {"pool": {"max-concurrency": 2, "processes": [11, 12, 13]}}}"#);
        assert_eq!(slots(Some("python"), &grown), Some(3));
        assert_eq!(slots(Some("rust"), &grown), Some(2), "it tells what it has now");
        let threads = said(r#"{"stats": {"pool": {"max-concurrency": 8, "threads": 3}}}"#);
        assert_eq!(slots(Some("python"), &threads), Some(8));
        assert_eq!(slots(Some("python"), &said("{}")), None);
    }
}
