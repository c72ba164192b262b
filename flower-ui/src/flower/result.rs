//! `GET /api/task/result/{id}`: what the result backend holds of a task.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use taskq_core::{
    backend::{ResultBackend, State as TaskState, StoredError, TaskMeta, TaskOutput, WaitError},
    codec::{Map, Value, json as dialect, repr},
    protocol::TaskId,
};

use crate::auth::{Caller, Permission};
use crate::server::{Answer, Params, Refusal, Shared, json};

/// Longest wait: more is as good as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Whether results are kept at all.
pub(crate) fn has_backend(shared: &Shared) -> bool {
    shared.app.settings().backend_url().scheme() != "disabled"
}

/// The result backend.
pub(super) async fn backend(shared: &Shared) -> Result<Arc<dyn ResultBackend>, Refusal> {
    if !has_backend(shared) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let text = if shared.options.strict() { "" } else { "there is no result backend" };
        return Err(Refusal::html(status, "no_backend", text));
    }
    shared.app.backend().await.map_err(|error| {
        tracing::warn!(%error, "could not reach the result backend");
        Refusal::unavailable()
    })
}

pub(super) async fn result(
    caller: Caller,
    State(shared): State<Shared>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    caller.require_on_task(&shared, Permission::ViewPayloads, &id).await?;
    let timeout = params.float("timeout")?;
    let backend = backend(&shared).await?;
    let wait = timeout.filter(|seconds| *seconds > 0.0).map(duration);
    let meta = outcome(&*backend, &TaskId::from(id.as_str()), wait).await?;
    let mut body = shown(&id, meta.as_ref(), Order::StateFirst);
    if caller.require_on_task(&shared, Permission::ViewPayloadsRaw, &id).await.is_err() {
        clean(&shared, &mut body);
    }
    Ok(json(body))
}

/// A time in seconds that somebody gave.
pub(super) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST)
}

/// What is stored, at the end or after a wait.
pub(super) async fn outcome(
    backend: &dyn ResultBackend,
    id: &TaskId,
    wait: Option<Duration>,
) -> Result<Option<TaskMeta>, Refusal> {
    if let Some(wait) = wait {
        match backend.wait(id, Some(wait)).await {
            Ok(meta) => return Ok(Some(meta)),
            Err(WaitError::Timeout { .. }) => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    let found = backend.fetch(std::slice::from_ref(id)).await.map_err(|error| unreadable(&error))?;
    Ok(found.into_iter().next().flatten())
}

fn unreadable(error: &dyn std::error::Error) -> Refusal {
    tracing::warn!(%error, "could not read a result");
    Refusal::unavailable()
}

/// Which comes first in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    StateFirst,
    StateLast,
}

/// The answer about a task.
pub(super) fn shown(id: &str, meta: Option<&TaskMeta>, order: Order) -> Map {
    let mut body = Map::from_iter([("task-id".to_owned(), Value::from(id))]);
    let state = meta.map_or(&TaskState::Pending, |meta| &meta.state);
    if order == Order::StateFirst {
        body.insert("state".to_owned(), Value::from(state.as_str()));
    }
    if let Some(meta) = meta.filter(|meta| meta.state.is_ready()) {
        body.insert("result".to_owned(), value(&meta.output));
        if meta.state == TaskState::Failure {
            body.insert("traceback".to_owned(), meta.traceback.clone().into());
        }
    }
    if order == Order::StateLast {
        body.insert("state".to_owned(), Value::from(state.as_str()));
    }
    body
}

/// Takes secrets out of an answer.
pub(super) fn clean(shared: &Shared, body: &mut Map) {
    for root in ["result", "traceback"] {
        if let Some(value) = body.get_mut(root) {
            shared.redact.value(root, value);
        }
    }
}

/// A result as JSON can hold it, else as Python would show it.
fn value(output: &TaskOutput) -> Value {
    let value = match output {
        TaskOutput::Value(value) => value.clone(),
        TaskOutput::Json(bytes) => match dialect::from_slice(bytes) {
            Ok(value) => value,
            Err(_) => Value::from(String::from_utf8_lossy(bytes).into_owned()),
        },
        TaskOutput::Error(error) => Value::from(exception(error)),
    };
    if is_plain(&value) { value } else { Value::from(repr::value(&value)) }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Str(_) => {
            true
        }
        Value::List(items) => items.iter().all(is_plain),
        Value::Map(map) => map.values().all(is_plain),
        _ => false,
    }
}

/// As Python's `repr` shows it: `ValueError('no')`.
fn exception(error: &StoredError) -> String {
    // Celery's `Reject` shows itself in its own way.
    if error.exc_type == "Reject"
        && let [reason, requeue] = error.exc_message.as_slice()
    {
        let reason = reason.as_str().map_or_else(|| repr::value(reason), str::to_owned);
        return format!("reject requeue={}: {reason}", repr::value(requeue));
    }
    let args = repr::args(&error.exc_message);
    let args = match error.exc_message.as_slice() {
        [_] => args.strip_suffix(",)").map(|args| format!("{args})")).unwrap_or(args),
        _ => args,
    };
    format!("{}{args}", error.exc_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_look_as_in_python() {
        let error = |name: &str, message: Vec<Value>| {
            exception(&StoredError { exc_message: message, ..StoredError::builtin(name, "") })
        };
        assert_eq!(error("ValueError", vec!["no (x,)".into()]), "ValueError('no (x,)')");
        assert_eq!(error("SoftTimeLimitExceeded", vec![]), "SoftTimeLimitExceeded()");
        assert_eq!(error("E", vec![1.into(), "b".into()]), "E(1, 'b')");
        assert_eq!(
            error("Reject", vec!["no thanks".into(), false.into()]),
            "reject requeue=False: no thanks"
        );
    }
}
