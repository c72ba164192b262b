//! `POST /api/task/{revoke,abort,timeout,rate-limit}/…`

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use taskq_core::{
    backend::{State as TaskState, TaskMeta, TaskOutput},
    codec::Value,
    control::Ask,
    result::AsyncResult,
};

use super::{knows_task, pool, result::backend};
use crate::auth::{Caller, Permission, Target};
use crate::server::{Answer, Params, Refusal, Shared, message};

/// Longest time for a revocation.
const REVOKE: Duration = Duration::from_secs(6);

/// Told to everybody; nobody answers.
pub(super) async fn revoke(
    caller: Caller,
    State(shared): State<Shared>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    caller.require_on_task(&shared, Permission::TaskRevoke, &id).await?;
    let terminate = params.bool("terminate")?;
    if terminate {
        caller.require_on_task(&shared, Permission::TaskTerminate, &id).await?;
    }
    let signal = params.text("signal").unwrap_or_else(|| "SIGTERM".to_owned());
    let revoke = AsyncResult::<Value>::new(&shared.app, id.as_str()).revoke();
    let revoke = if terminate { revoke.terminate(signal) } else { revoke };
    match tokio::time::timeout(REVOKE, revoke.into_future()).await {
        Ok(Ok(())) => Ok(message(format!("Revoked '{id}'"))),
        failed => {
            if let Ok(Err(error)) = failed {
                tracing::warn!(%error, id, "could not revoke");
            }
            Err(Refusal::unavailable())
        }
    }
}

/// For tasks that look whether they were aborted (Celery: `AbortableTask`).
pub(super) async fn abort(caller: Caller, State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    caller.require_on_task(&shared, Permission::TaskRevoke, &id).await?;
    let backend = backend(&shared).await?;
    let state = TaskState::Custom("ABORTED".into());
    let mut meta = TaskMeta::new(id.as_str().into(), state, TaskOutput::NULL);
    meta.children = None;
    backend.store(&[meta]).await.map_err(|error| {
        tracing::warn!(%error, id, "could not abort");
        Refusal::unavailable()
    })?;
    Ok(message(format!("Aborted '{id}'")))
}

pub(super) async fn timeout(
    caller: Caller,
    State(shared): State<Shared>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    caller.require_on(Permission::WorkerLimits, Target::task(Some(&name), None))?;
    let worker = params.required("workername")?;
    let (hard, soft) = (params.float("hard")?, params.float("soft")?);
    let ask = shared.app.control().ask("time_limit").arg("hard", hard).arg("soft", soft);
    limit(&shared, &name, &worker, ask, "Failed to set timeouts").await
}

pub(super) async fn rate_limit(
    caller: Caller,
    State(shared): State<Shared>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    caller.require_on(Permission::WorkerLimits, Target::task(Some(&name), None))?;
    let worker = params.required("workername")?;
    let rate = params.required("ratelimit")?;
    let ask = shared.app.control().ask("rate_limit").arg("rate_limit", rate);
    limit(&shared, &name, &worker, ask, "Failed to set rate limit").await
}

async fn limit(shared: &Shared, task: &str, worker: &str, ask: Ask, failed: &str) -> Answer {
    if !knows_task(shared, task) {
        return Err(Refusal::unknown_task(task));
    }
    if !shared.workers.knows(worker) {
        return Err(Refusal::unknown_worker(worker));
    }
    match pool::ask(shared, worker, ask.arg("task_name", task)).await? {
        Ok(said) => Ok(message(pool::words(said))),
        Err(why) => {
            Err(Refusal::html(StatusCode::FORBIDDEN, "refused_by_worker", format!("{failed}: '{why}'")))
        }
    }
}
