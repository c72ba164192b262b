//! A stored result, for people and for machines.

use serde::Serialize;
use serde_json::value::RawValue;
use taskq_core::{
    backend::{State, StoredError, TaskMeta, TaskOutput},
    codec,
    protocol::TaskId,
};

use super::{Exit, Failure, Output};

/// The document of `--json`: Celery's names.
#[derive(Serialize)]
struct Document<'a> {
    task_id: &'a str,
    status: &'a str,
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorDocument<'a>>,
    traceback: Option<&'a str>,
    date_done: Option<String>,
    parent_id: Option<&'a str>,
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    exc_type: &'a str,
    exc_message: String,
    exc_module: &'a str,
}

/// Prints a result: the value alone on standard output, an error as an error. The exit code tells them apart.
pub(super) fn print(
    out: Output,
    id: &TaskId,
    meta: Option<TaskMeta>,
    traceback: bool,
) -> Result<(), Failure> {
    let pending = || TaskMeta::new(id.clone(), State::Pending, TaskOutput::NULL);
    let meta = meta.unwrap_or_else(pending);
    if out.is_json() {
        out.print(|| document(&meta), |_| String::new())?;
    } else if meta.state == State::Success {
        out.line(&json(&meta.output).unwrap_or_else(|| "null".into()))?;
    }
    let text = if traceback { meta.traceback.clone() } else { None };
    let ended = |exit, message: String| match &text {
        Some(text) => Failure::new(exit, message).detail(text.clone()),
        None => Failure::new(exit, message),
    };
    match (&meta.state, &meta.output) {
        (State::Success, _) => Ok(()),
        (State::Failure, TaskOutput::Error(error)) => {
            Err(ended(Exit::TaskFailed, format!("task `{id}` failed: {}", describe(error))))
        }
        (State::Failure, _) => Err(ended(Exit::TaskFailed, format!("task `{id}` failed"))),
        (State::Revoked, TaskOutput::Error(error)) => {
            Err(ended(Exit::TaskFailed, format!("task `{id}` was revoked: {}", error.message())))
        }
        (State::Revoked, _) => Err(ended(Exit::TaskFailed, format!("task `{id}` was revoked"))),
        (State::Pending, _) => {
            Err(Failure::new(Exit::NotReady, format!("nothing is stored for task `{id}` (PENDING)"))
                .hint("it waits, or its result expired, or nobody sent it; `--wait` waits for it"))
        }
        (state @ State::Retry, TaskOutput::Error(error)) => {
            Err(ended(Exit::NotReady, format!("task `{id}` is in state {state} after {}", describe(error))))
        }
        (state, output) => {
            let about = json(output).filter(|text| text != "null").map(|text| format!(": {text}"));
            Err(Failure::new(
                Exit::NotReady,
                format!("task `{id}` is in state {state}{}", about.unwrap_or_default()),
            ))
        }
    }
}

fn describe(error: &StoredError) -> String {
    let message = error.message();
    if message.is_empty() { error.exc_type.clone() } else { format!("{}: {message}", error.exc_type) }
}

/// A value as JSON text, exactly as it was stored.
fn json(output: &TaskOutput) -> Option<String> {
    let bytes = match output {
        TaskOutput::Json(bytes) => bytes.clone(),
        TaskOutput::Value(value) => codec::json::to_bytes(value).ok()?,
        TaskOutput::Error(_) => return None,
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Stored text as JSON; Python's `NaN` and `Infinity` are none, and become texts.
fn raw(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text)
        .or_else(|error| {
            let _ = error;
            serde_json::value::to_raw_value("NaN or Infinity inside: print without --json")
        })
        .ok()
}

fn document(meta: &TaskMeta) -> Document<'_> {
    let error = match &meta.output {
        TaskOutput::Error(error) => Some(ErrorDocument {
            exc_type: &error.exc_type,
            exc_message: error.message(),
            exc_module: &error.exc_module,
        }),
        _ => None,
    };
    let extended = meta.extended.as_deref();
    Document {
        task_id: meta.id.as_str(),
        status: meta.state.as_str(),
        result: json(&meta.output).and_then(raw),
        error,
        traceback: meta.traceback.as_deref(),
        date_done: meta.date_done.map(|at| at.to_string()),
        parent_id: meta.parent_id.as_ref().map(TaskId::as_str),
        group_id: meta.group_id.as_deref(),
        name: extended.map(|extended| extended.name.as_str()),
        worker: extended.map(|extended| extended.worker.as_str()),
        retries: extended.map(|extended| extended.retries),
        queue: extended.and_then(|extended| extended.queue.as_deref()),
    }
}
