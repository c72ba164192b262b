//! `POST /tasks/{id}/…`: retry, revoke, terminate, forget.
//!
//! Kept true here: a task that may still run is not sent a second time unless somebody says so; arguments that
//! were cut are never sent.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value as Json, json};
use taskq_core::{
    codec::{Map, Value},
    result::AsyncResult,
};

use super::{arguments, detail::known};
use crate::{
    api::{
        audit::Act,
        body::Body,
        calls,
        problem::{Problem, Reply, reply},
    },
    auth::{Caller, Permission},
    flower::result::has_backend,
    redact::MARK,
    server::Shared,
};

/// Signals that a task may be ended with.
const SIGNALS: [&str; 7] = ["SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"];
/// The header that names the task a retried one was made from.
const RETRY_OF: &str = "retry_of";

pub(super) async fn retry(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Reply {
    caller.require_some(Permission::TaskRetry)?;
    let act = Act::new(&caller, "task.retry", &id, body.shown());
    let result = again(&shared, &caller, &id, &body).await;
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

/// Sends a task again.
pub(crate) async fn again(shared: &Shared, caller: &Caller, id: &str, body: &Body) -> Result<Json, Problem> {
    caller.require_on_task(shared, Permission::TaskRetry, id).await?;
    let task = known(shared, id).await?;
    let forced = body.value("force").and_then(Value::as_bool).unwrap_or_default();
    if !task.state.is_ready() && !forced {
        return Err(Problem::conflict(format!(
            "the task is {}: it may still run, and would run twice",
            task.state.as_str()
        ))
        .fix("revoke it first, or say `force: true` if you know that it is lost"));
    }
    let found = arguments::find(shared, &task).await;
    let name = match (&task.name, &found) {
        (Some(name), _) => name.clone(),
        (None, Ok(found)) if found.name.is_some() => found.name.clone().unwrap_or_default(),
        _ => return Err(Problem::conflict("nobody told the name of the task")),
    };
    let (args, kwargs, source) = match body.map("edit")? {
        Some(edit) => {
            caller.require_some(Permission::TaskCall)?;
            let (args, kwargs) = edited(edit)?;
            let known = found.as_ref().ok().map(|found| (&found.args, &found.kwargs));
            let (args, kwargs) = put_back(shared, args, kwargs, known)?;
            (args, kwargs, "edit")
        }
        None => match found {
            Ok(found) => {
                let source = found.source.word();
                (found.args, found.kwargs, source)
            }
            Err(why) => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    format!("its arguments are not known exactly: {why}"),
                )
                .fix("fill them in (`edit`), or let results keep them: `result_extended = true`"));
            }
        },
    };
    let mut options = Map::default();
    let queue = body.text("queue")?.map(str::to_owned).or(task.queue);
    options.extend(queue.map(|queue| ("queue".to_owned(), Value::from(queue))));
    options.extend(body.float("countdown")?.map(|seconds| ("countdown".to_owned(), seconds.into())));
    let header = Map::from_iter([(RETRY_OF.to_owned(), Value::from(id))]);
    options.insert("headers".to_owned(), Value::Map(header));
    let permission = if source == "edit" { Permission::TaskCall } else { Permission::TaskRetry };
    let new = calls::send(shared, caller, permission, (&name, args, kwargs, options)).await?;
    Ok(json!({"id": new, "of": id, "source": source}))
}

fn edited(edit: &Map) -> Result<(Vec<Value>, Map), Problem> {
    match (edit.get("args"), edit.get("kwargs")) {
        (Some(Value::List(args)), Some(Value::Map(kwargs))) => Ok((args.clone(), kwargs.clone())),
        _ => Err(Problem::argument("`edit` has to hold `args`, a list, and `kwargs`, an object")),
    }
}

/// Arguments that somebody filled in, with what stands behind marks at the same places of those that are known.
pub(crate) fn put_back(
    shared: &Shared,
    mut args: Vec<Value>,
    mut kwargs: Map,
    known: Option<(&Vec<Value>, &Map)>,
) -> Result<(Vec<Value>, Map), Problem> {
    let mut whole = true;
    for (at, value) in args.iter_mut().enumerate() {
        whole &= shared.redact.put_back(value, known.and_then(|(args, _)| args.get(at)));
    }
    for (name, value) in &mut kwargs {
        whole &= shared.redact.put_back(value, known.and_then(|(_, kwargs)| kwargs.get(name)));
    }
    if whole {
        return Ok((args, kwargs));
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        format!("`{MARK}` stands for a secret, and nobody knows which one at its place"),
    )
    .fix("fill it in, or leave it where it was"))
}

pub(super) async fn revoke(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    caller.require_on_task(&shared, Permission::TaskRevoke, &id).await?;
    end(&shared, Act::new(&caller, "task.revoke", &id, Json::Null), &id, None).await
}

pub(super) async fn terminate(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on_task(&shared, Permission::TaskRevoke, &id).await?;
    caller.require_on_task(&shared, Permission::TaskTerminate, &id).await?;
    let signal = body.text("signal")?.unwrap_or(SIGNALS[0]);
    if !SIGNALS.contains(&signal) {
        return Err(Problem::argument(format!("`signal` has to be one of {}", SIGNALS.join(", "))));
    }
    let act = Act::new(&caller, "task.terminate", &id, json!({"signal": signal}));
    end(&shared, act, &id, Some(signal)).await
}

async fn end(shared: &Shared, act: Act, id: &str, signal: Option<&str>) -> Reply {
    let revoke = AsyncResult::<Value>::new(&shared.app, id).revoke();
    let revoke = match signal {
        Some(signal) => revoke.terminate(signal),
        None => revoke,
    };
    let result = revoke.await.map_err(|error| Problem::unavailable("the workers cannot be told", &error));
    act.done(shared, &result, |()| Json::Null).await;
    result?;
    let note = "all workers were told; they do not answer to that, the task's page shows what became of it";
    Ok(reply(shared, json!({"id": id, "told": true, "note": note})))
}

pub(super) async fn forget(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    caller.require_on_task(&shared, Permission::TaskDelete, &id).await?;
    if !has_backend(&shared) {
        return Err(Problem::conflict("there is no result backend, so nothing is stored"));
    }
    let act = Act::new(&caller, "task.forget", &id, Json::Null);
    let result = AsyncResult::<Value>::new(&shared.app, id.as_str()).forget().await;
    let result = result.map_err(|error| Problem::unavailable("the stored result cannot be removed", &error));
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    Ok(reply(
        &shared,
        json!({"id": id, "forgotten": true, "note": "its stored result; history keeps the task"}),
    ))
}
