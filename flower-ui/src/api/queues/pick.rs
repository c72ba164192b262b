//! `POST /queues/{q}/messages/delete` and `/move`: single messages that wait.
//!
//! Kept true here: a message is named by all its bytes, as it was shown; one that a worker took meanwhile is said to
//! be taken, and is not touched.

use std::collections::HashMap;

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};

use super::{
    known,
    messages::{admin, depth, key},
};
use crate::{
    api::{
        audit::Act,
        body::Body,
        problem::{Problem, Reply, reply},
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// Messages that are looked through for those that are meant.
const LOOK: usize = 10_000;
/// Messages of one request.
const MOST: usize = 1_000;

/// `{keys}`
pub(super) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::QueueEdit, Target::queue(&queue))?;
    let mut act = Act::new(&caller, "queue.delete", &queue, body.shown());
    let before = depth(&shared, &queue).await;
    let result = picked(&shared, &queue, &body, None).await;
    act.change(before, depth(&shared, &queue).await);
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

/// `{keys, to}`
pub(super) async fn move_to(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::QueueEdit, Target::queue(&queue))?;
    let to = body.required("to")?;
    caller.require_on(Permission::QueueEdit, Target::queue(to))?;
    let mut act = Act::new(&caller, "queue.move", &queue, body.shown());
    let before = depth(&shared, &queue).await;
    let result = picked(&shared, &queue, &body, Some(to)).await;
    act.change(before, depth(&shared, &queue).await);
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

async fn picked(shared: &Shared, queue: &str, body: &Body, to: Option<&str>) -> Result<Json, Problem> {
    known(shared, queue)?;
    if let Some(to) = to {
        known(shared, to)?;
        if to == queue {
            return Err(Problem::argument(format!("they are in `{queue}` already")));
        }
    }
    let keys = body.texts("keys")?;
    if keys.is_empty() || keys.len() > MOST {
        return Err(Problem::argument(format!(
            "`keys` has to name 1 to {MOST} messages, as they were listed"
        )));
    }
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the queue cannot be changed", error);
    let admin = admin(shared).await?;
    let peeked = admin.peek(queue, LOOK).await.map_err(|error| failed(&error))?;
    let mut waiting: HashMap<String, _> = peeked.into_iter().map(|peeked| (key(&peeked), peeked)).collect();
    let (mut found, mut taken) = (Vec::new(), Vec::new());
    for key in keys {
        match waiting.remove(&key) {
            Some(peeked) => found.push((key, peeked)),
            None => taken.push(key),
        }
    }
    let (names, messages): (Vec<String>, Vec<_>) = found.into_iter().unzip();
    let picked = admin.pick(queue, &messages, to).await.map_err(|error| failed(&error))?;
    let mut done = Vec::new();
    for (key, picked) in names.into_iter().zip(picked) {
        if picked { done.push(key) } else { taken.push(key) }
    }
    let note = (!taken.is_empty()).then(|| format!("{} had been taken already", taken.len()));
    Ok(json!({"done": done, "taken": taken, "note": note}))
}
