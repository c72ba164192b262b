//! `POST /api/worker/…`: one command to one worker, and its answer.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use taskq_core::{codec::Value, control::Ask};

use crate::auth::{Caller, Permission, Target};
use crate::server::{Answer, Params, Refusal, Shared, message};

/// Asks a worker, and waits as long as for what workers are looked into for. The inner error is what the worker said, or
/// that it said nothing.
pub(super) async fn ask(shared: &Shared, worker: &str, ask: Ask) -> Result<Result<Value, String>, Refusal> {
    let mut replies =
        ask.destination([worker]).timeout(shared.options.inspect_timeout).await.map_err(|error| {
            tracing::warn!(%error, worker, "could not ask a worker");
            Refusal::unavailable()
        })?;
    let Some(Value::Map(mut reply)) = replies.remove(worker) else { return Ok(Err(nothing())) };
    if let Some(ok) = reply.shift_remove("ok") {
        return Ok(Ok(ok));
    }
    Ok(Err(reply.get("error").and_then(Value::as_str).map_or_else(nothing, str::to_owned)))
}

fn nothing() -> String {
    "Unknown reason".to_owned()
}

/// A text of a worker.
pub(super) fn words(value: Value) -> String {
    match value {
        Value::Str(text) => text,
        other => taskq_core::codec::repr::value(&other),
    }
}

fn known(shared: &Shared, worker: &str) -> Result<(), Refusal> {
    if shared.workers.knows(worker) { Ok(()) } else { Err(Refusal::unknown_worker(worker)) }
}

pub(super) async fn shut_down(
    caller: Caller,
    State(shared): State<Shared>,
    Path(worker): Path<String>,
) -> Answer {
    caller.require(Permission::WorkerShutdown)?;
    known(&shared, &worker)?;
    tell(shared.app.control().ask("shutdown").destination([worker])).await?;
    Ok(message("Shutting down!"))
}

/// Longest time for a command that wants no answer.
const TOLD: Duration = Duration::from_secs(6);

/// Tells workers something, for a bounded time.
pub(super) async fn tell(ask: Ask) -> Result<(), Refusal> {
    match tokio::time::timeout(TOLD, ask.tell()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not tell the workers");
            Err(Refusal::unavailable())
        }
        Err(_) => Err(Refusal::unavailable()),
    }
}

/// Gives one worker a command and says what came of it: `done` makes a text of its answer, `failed` goes before its
/// reason.
async fn command(
    shared: &Shared,
    order: Ask,
    worker: &str,
    done: impl FnOnce(Value) -> String,
    failed: &str,
) -> Answer {
    match ask(shared, worker, order).await? {
        Ok(said) => Ok(message(done(said))),
        Err(why) => Err(Refusal::refused(format!("{failed}: {why}"))),
    }
}

pub(super) async fn restart(
    caller: Caller,
    State(shared): State<Shared>,
    Path(worker): Path<String>,
) -> Answer {
    caller.require(Permission::WorkerPool)?;
    known(&shared, &worker)?;
    let restart = shared.app.control().ask("pool_restart").arg("reload", false);
    let done = |_| format!("Restarting '{worker}' worker's pool");
    command(&shared, restart, &worker, done, &format!("Failed to restart the '{worker}' pool")).await
}

pub(super) async fn grow(
    caller: Caller,
    shared: State<Shared>,
    worker: Path<String>,
    params: Params,
) -> Answer {
    caller.require(Permission::WorkerPool)?;
    resize(shared, worker, &params, "pool_grow", ["Growing", "grow"]).await
}

pub(super) async fn shrink(
    caller: Caller,
    shared: State<Shared>,
    worker: Path<String>,
    params: Params,
) -> Answer {
    caller.require(Permission::WorkerPool)?;
    resize(shared, worker, &params, "pool_shrink", ["Shrinking", "shrink"]).await
}

async fn resize(
    State(shared): State<Shared>,
    Path(worker): Path<String>,
    params: &Params,
    method: &str,
    [doing, verb]: [&str; 2],
) -> Answer {
    known(&shared, &worker)?;
    let n = params.int("n")?.unwrap_or(1);
    if n < 1 && !shared.options.strict() {
        return Err(Refusal::argument(format!("`n` has to be 1 or more, not {n}")));
    }
    let resize = shared.app.control().ask(method).arg("n", n);
    let done = |_| format!("{doing} '{worker}' worker's pool by {n}");
    command(&shared, resize, &worker, done, &format!("Failed to {verb} '{worker}' worker's pool")).await
}

pub(super) async fn autoscale(
    caller: Caller,
    State(shared): State<Shared>,
    Path(worker): Path<String>,
    params: Params,
) -> Answer {
    caller.require(Permission::WorkerPool)?;
    known(&shared, &worker)?;
    let (min, max) = (params.required_int("min")?, params.required_int("max")?);
    if (min < 0 || max < 1 || min > max) && !shared.options.strict() {
        return Err(Refusal::text(
            StatusCode::BAD_REQUEST,
            "bad_argument",
            format!("`min` and `max` have to be 0 <= min <= max, not {min} and {max}"),
        ));
    }
    let autoscale = shared.app.control().ask("autoscale").arg("min", min).arg("max", max);
    let done = |_| format!("Autoscaling '{worker}' worker (min={min}, max={max})");
    command(&shared, autoscale, &worker, done, &format!("Failed to autoscale '{worker}' worker")).await
}

pub(super) async fn add_consumer(
    caller: Caller,
    shared: State<Shared>,
    worker: Path<String>,
    params: Params,
) -> Answer {
    consume(caller, shared, worker, &params, "add_consumer", ["add", "to"]).await
}

pub(super) async fn cancel_consumer(
    caller: Caller,
    shared: State<Shared>,
    worker: Path<String>,
    params: Params,
) -> Answer {
    consume(caller, shared, worker, &params, "cancel_consumer", ["cancel", "from"]).await
}

async fn consume(
    caller: Caller,
    State(shared): State<Shared>,
    Path(worker): Path<String>,
    params: &Params,
    method: &str,
    [verb, of]: [&str; 2],
) -> Answer {
    caller.require_some(Permission::WorkerConsumers)?;
    known(&shared, &worker)?;
    let queue = params.required("queue")?;
    caller.require_on(Permission::WorkerConsumers, Target::queue(&queue))?;
    let consume = shared.app.control().ask(method).arg("queue", queue.as_str());
    command(
        &shared,
        consume,
        &worker,
        words,
        &format!("Failed to {verb} '{queue}' consumer {of} '{worker}' worker"),
    )
    .await
}
