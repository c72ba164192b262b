//! Queues: how much waits where, what it is, and what can be done about it.

mod messages;
mod pause;
mod pick;
mod purge;
mod row;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::json;

pub(crate) use self::{
    messages::{admin, describe},
    pause::Paused,
    purge::Snapshots,
    row::{QueueRow, rows},
};
use super::{
    problem::{Problem, Reply, now, reply},
    workers::fleet,
};
use crate::{sample, server::Shared};

/// What is remembered of queues.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Messages that were purged.
    pub(crate) snapshots: Snapshots,
    /// Whose queues were taken away.
    pub(crate) paused: Paused,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/queues", get(list))
        .route("/api/v1/queues/{queue}", get(detail))
        .route("/api/v1/queues/{queue}/messages", get(messages::messages))
        .route("/api/v1/queues/{queue}/messages/delete", post(pick::delete))
        .route("/api/v1/queues/{queue}/messages/move", post(pick::move_to))
        .route("/api/v1/queues/{queue}/purge", post(purge::purge))
        .route("/api/v1/queues/{queue}/restore", post(purge::restore))
        .route("/api/v1/queues/{queue}/pause", post(pause::pause))
        .route("/api/v1/queues/{queue}/resume", post(pause::resume))
}

async fn list(State(shared): State<Shared>) -> Reply {
    watched(&shared).await;
    let known = shared.v1.samples.queues();
    Ok(reply(
        &shared,
        json!({
            "queues": rows(&shared, &known, &fleet(&shared)),
            "as_of": known.as_of,
            "error": known.error,
            "supported": known.supported,
            "note": if known.supported { None } else { Some("this broker cannot be looked into") },
        }),
    ))
}

async fn detail(State(shared): State<Shared>, Path(queue): Path<String>) -> Reply {
    watched(&shared).await;
    let known = shared.v1.samples.queues();
    let row = rows(&shared, &known, &fleet(&shared)).into_iter().find(|row| row.name == queue);
    let row = row.ok_or_else(|| unknown(&queue))?;
    let mut body = serde_json::to_value(row)
        .map_err(|error| Problem::unavailable("the queue cannot be shown", &error))?;
    body["error"] = known.error.into();
    // Whether messages can be looked at, and copied before a purge.
    let broker = shared.app.broker().await.ok();
    body["in_place"] = json!(broker.map(|broker| broker.capabilities().in_place));
    body["snapshots"] = json!(shared.v1.kept.snapshots.of(&queue));
    Ok(reply(&shared, body))
}

/// Somebody watches; the first one waits for numbers.
async fn watched(shared: &Shared) {
    shared.v1.samples.watch(now(shared));
    let known = shared.v1.samples.queues();
    if known.as_of.is_none() && known.error.is_none() && known.supported {
        sample::look(shared).await;
    }
}

fn unknown(queue: &str) -> Problem {
    Problem::missing(format!("there is no queue `{queue}`"))
        .fix("the list of queues has those that the broker, the workers or the settings know")
}

/// The queue if it is one that is known.
pub(super) fn known(shared: &Shared, queue: &str) -> Result<(), Problem> {
    match sample::names(shared).iter().any(|name| name == queue) {
        true => Ok(()),
        false => Err(unknown(queue)),
    }
}
