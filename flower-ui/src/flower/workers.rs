//! `GET /api/workers`: what workers said about themselves.

use axum::extract::State;
use taskq_core::codec::{Map, Value};

use super::fleet;
use crate::auth::Caller;
use crate::inspect::LIMITS;
use crate::server::{Answer, Params, Refusal, Shared, json};

pub(super) async fn list(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let (refresh, status) = (params.bool("refresh")?, params.bool("status")?);
    let worker = params.text("workername").filter(|name| !name.is_empty());
    if refresh {
        let timeout = shared.options.inspect_timeout;
        if let Err(error) = shared.workers.refresh(&shared.app, timeout, worker.as_deref()).await {
            tracing::warn!(%error, "could not ask the workers");
            return Err(Refusal::unavailable());
        }
    }
    if status {
        return Ok(json(fleet::statuses(&shared)));
    }
    match worker {
        None => Ok(json(
            shared
                .workers
                .all()
                .into_iter()
                .map(|(name, said)| (name, shown(&shared, &caller, said)))
                .collect(),
        )),
        Some(worker) => match shared.workers.get(&worker) {
            Some(said) => Ok(json(Map::from_iter([(worker, shown(&shared, &caller, Value::Map(said)))]))),
            None => Err(Refusal::unknown_worker(&worker)),
        },
    }
}

/// What Flower would have asked a worker for.
fn shown(shared: &Shared, caller: &Caller, mut said: Value) -> Value {
    if let Value::Map(said) = &mut said {
        said.shift_remove(LIMITS);
    }
    caller.shown_of(shared, said)
}
