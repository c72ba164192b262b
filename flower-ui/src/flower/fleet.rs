//! `GET /workers?json=1`: what the workers page of Flower asks every second.

use axum::extract::State;
use taskq_core::codec::{Map, Value};

use crate::{
    record::WorkerRecord,
    server::{Answer, Params, Refusal, Shared, json},
};

/// Whether each worker is there, as Flower judges it.
pub(super) fn statuses(shared: &Shared) -> Map {
    shared.live.workers().into_iter().map(|worker| (worker.hostname, Value::from(worker.alive))).collect()
}

/// The rows of all workers.
pub(crate) async fn rows(State(shared): State<Shared>, params: Params) -> Answer {
    if params.bool("refresh")? {
        let timeout = shared.options.inspect_timeout;
        if let Err(error) = shared.workers.refresh(&shared.app, timeout, None).await {
            tracing::warn!(%error, "could not ask the workers");
            return Err(Refusal::unavailable());
        }
    }
    let rows: Vec<Value> = shared.live.workers().iter().map(row).map(Value::Map).collect();
    Ok(json(Map::from_iter([("data".to_owned(), Value::List(rows))])))
}

fn row(worker: &WorkerRecord) -> Map {
    let mut row: Map =
        worker.events.iter().map(|(kind, count)| (kind.clone(), Value::from(*count))).collect();
    let fields = [
        ("hostname", Value::from(worker.hostname.as_str())),
        ("pid", worker.pid.into()),
        ("freq", worker.freq.into()),
        ("heartbeats", worker.heartbeats.clone().into()),
        ("clock", worker.clock.into()),
        ("active", worker.active.into()),
        ("processed", worker.processed.into()),
        ("loadavg", worker.loadavg.map(Vec::from).into()),
        ("sw_ident", worker.sw_ident.clone().into()),
        ("sw_ver", worker.sw_ver.clone().into()),
        ("sw_sys", worker.sw_sys.clone().into()),
        ("status", worker.alive.into()),
    ];
    row.extend(fields.map(|(key, value)| (key.to_owned(), value)));
    row
}
