//! `POST /api/task/{apply,async-apply,send-task}/{name}`: tasks sent by hand.

use axum::{
    body::Bytes,
    extract::{Path, State},
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use taskq_core::{
    Error, ErrorKind,
    codec::{Map, Value},
    protocol::TaskId,
};

use super::{
    body::{Call, bad},
    knows_task,
    result::{Order, backend, clean, duration, has_backend, outcome, shown},
};
use crate::api::Act;
use crate::auth::{Caller, Permission};
use crate::server::{Answer, Refusal, Shared, json as answer};

/// Sends, and waits for the result.
pub(super) async fn apply(
    caller: Caller,
    State(shared): State<Shared>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    caller.require_some(Permission::TaskCall)?;
    let mut call = Call::read(&body)?;
    let timeout = call.timeout()?;
    let id = own(&shared, &caller, call, &name).await?;
    // Before the wait, which whoever asked may give up.
    Act::new(&caller, "task.call", &name, Json::Null).write(&shared, "ok", json!({"id": id.as_str()})).await;
    let backend = backend(&shared).await?;
    let wait = match timeout {
        Some(seconds) => duration(seconds),
        None => duration(f64::MAX),
    };
    let meta = tokio::select! {
        meta = outcome(&*backend, &id, Some(wait)) => meta?,
        () = shared.stop.cancelled() => None,
    };
    let mut body = shown(id.as_str(), meta.as_ref(), Order::StateLast);
    if !caller.may(Permission::ViewPayloadsRaw) {
        clean(&shared, &mut body);
    }
    Ok(answer(body))
}

/// Sends.
pub(super) async fn async_apply(
    caller: Caller,
    State(shared): State<Shared>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    caller.require_some(Permission::TaskCall)?;
    let id = own(&shared, &caller, Call::read(&body)?, &name).await?;
    sent(&shared, &id).await
}

/// Sends a task of anybody.
pub(super) async fn send_task(
    caller: Caller,
    State(shared): State<Shared>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    caller.require_some(Permission::TaskCall)?;
    let mut call = Call::read(&body)?;
    if !shared.options.strict() {
        call.convert(&zone(&shared), false)?;
    }
    let id = send(&shared, &caller, call, &name).await?;
    sent(&shared, &id).await
}

/// Sends a task that is known.
async fn own(shared: &Shared, caller: &Caller, mut call: Call, name: &str) -> Result<TaskId, Refusal> {
    if !knows_task(shared, name) {
        return Err(Refusal::unknown_task(name));
    }
    call.convert(&zone(shared), shared.options.strict())?;
    call.check(shared, name)?;
    send(shared, caller, call, name).await
}

fn zone(shared: &Shared) -> TimeZone {
    shared.app.settings().zone()
}

async fn send(shared: &Shared, caller: &Caller, call: Call, name: &str) -> Result<TaskId, Refusal> {
    let signature = call.into_signature(shared, name)?;
    caller.require_call(shared, Permission::TaskCall, &signature)?;
    let sent = shared.app.send_signature(signature).await.map_err(|error| failed(shared, &error))?;
    Ok(sent.id().clone())
}

fn failed(shared: &Shared, error: &Error) -> Refusal {
    tracing::warn!(%error, "could not send a task");
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Timeout if !shared.options.strict() => Refusal::unavailable(),
        _ => bad(shared, error.to_string()),
    }
}

async fn sent(shared: &Shared, id: &TaskId) -> Answer {
    let mut body = Map::from_iter([("task-id".to_owned(), Value::from(id.as_str()))]);
    if has_backend(shared) {
        let backend = backend(shared).await?;
        let meta = outcome(&*backend, id, None).await?;
        body.extend(
            shown(id.as_str(), meta.as_ref(), Order::StateFirst)
                .into_iter()
                .filter(|(key, _)| key == "state"),
        );
    }
    Ok(answer(body))
}
