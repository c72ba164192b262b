//! `/workflows`: what one task brought about: drawn, and listed.

mod graph;

use std::time::Duration;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use taskq_core::{ErrorKind, protocol::TaskId};

use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, reply},
    tasks::{TaskRow, rows},
};
use crate::{
    auth::{Caller, Permission},
    flower::result::has_backend,
    layout::layout,
    record::TaskRecord,
    server::{Params, Shared},
    store::Workflow,
};

/// Workflows of a page.
const PAGE: usize = 50;
/// Tasks that are listed.
const LISTED: usize = 1_000;
/// Tasks that are drawn; in groups there may be more.
const DRAWN: usize = 10_000;
/// Longest look into the result backend.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workflows", get(list))
        .route("/api/v1/workflows/{root}", get(detail))
        .route("/api/v1/workflows/{root}/cancel", post(cancel))
        .route("/api/v1/workflows/{root}/retry", post(retry))
}

async fn list(State(shared): State<Shared>, params: Params) -> Reply {
    let offset = match params.filled("cursor") {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| Problem::argument("`cursor` is none of ours"))?,
    };
    let found = shared.store.workflows(offset, PAGE + 1).await.map_err(|error| Problem::history(&error))?;
    let next = (found.len() > PAGE).then(|| (offset + PAGE).to_string());
    let rows: Vec<Json> = found.iter().take(PAGE).map(row).collect();
    Ok(reply(&shared, json!({"workflows": rows, "next": next})))
}

fn row(it: &Workflow) -> Json {
    let count = |states: &[&str]| states.iter().filter_map(|state| it.states.get(*state)).sum::<u64>();
    let tasks: u64 = it.states.values().sum();
    let done = count(&["SUCCESS", "FAILURE", "REVOKED", "REJECTED"]);
    json!({
        "root": it.root, "name": it.name, "states": it.states, "first": it.first, "last": it.last,
        "tasks": tasks, "done": done, "failed": count(&["FAILURE", "REJECTED"]),
    })
}

async fn detail(State(shared): State<Shared>, caller: Caller, Path(root): Path<String>) -> Reply {
    let mut tasks = shared.store.workflow(&root).await.map_err(|error| Problem::history(&error))?;
    if tasks.is_empty() {
        return Err(Problem::missing(format!("no workflow `{root}` was heard of")));
    }
    let count = tasks.len();
    tasks.truncate(DRAWN);
    let graph = layout(graph::graph(&tasks, &stored(&shared, &tasks).await));
    let waterfall: Vec<Json> = tasks.iter().take(LISTED).map(bar).collect();
    let (failed, failed_note) = failed(&shared, &root).await;
    let listed: Vec<TaskRow> = rows(&tasks[..tasks.len().min(LISTED)], &caller);
    Ok(reply(
        &shared,
        json!({
            "root": root, "count": count, "tasks": listed, "graph": graph, "waterfall": waterfall,
            "failed_steps": failed, "failed_note": failed_note,
            "note": (count > LISTED).then(|| format!("{LISTED} of {count} tasks are listed")),
        }),
    ))
}

/// What the result backend tells of the first of them; nothing if it does not answer soon.
async fn stored(shared: &Shared, tasks: &[TaskRecord]) -> graph::Stored {
    if !has_backend(shared) {
        return graph::Stored::default();
    }
    let ids: Vec<TaskId> = tasks.iter().take(LISTED).map(|task| TaskId::from(task.id.as_str())).collect();
    let look = async { shared.app.backend().await.ok()?.fetch(&ids).await.ok() };
    let found = tokio::time::timeout(PATIENCE, look).await.ok().flatten().unwrap_or_default();
    graph::Stored::of(&found.into_iter().flatten().collect::<Vec<_>>())
}

/// The steps that can be run again with all that follows them, or why that is not known.
async fn failed(shared: &Shared, root: &str) -> (Vec<String>, Option<String>) {
    if !has_backend(shared) {
        return (Vec::new(), Some("there is no result backend, which keeps failed steps".to_owned()));
    }
    match tokio::time::timeout(PATIENCE, shared.app.failed_steps(root)).await {
        Ok(Ok(steps)) => {
            let with_message = steps.into_iter().filter(|step| !step.message.is_empty());
            (with_message.map(|step| step.id).collect(), None)
        }
        Ok(Err(error)) => (Vec::new(), Some(error.to_string())),
        Err(_) => (Vec::new(), Some("the result backend does not answer".to_owned())),
    }
}

/// A task over time.
fn bar(task: &TaskRecord) -> Json {
    json!({
        "id": task.id, "name": task.name, "state": task.state.as_str(), "sent": task.sent,
        "received": task.received, "started": task.started, "ended": task.ended(),
    })
}

/// `{from?}`: all steps that failed, or one of them; and what follows.
async fn retry(State(shared): State<Shared>, caller: Caller, Path(root): Path<String>, body: Body) -> Reply {
    caller.require(Permission::TaskRetry)?;
    let from = body.text("from")?;
    let act = Act::new(&caller, "workflow.retry", &root, body.shown());
    let result = retried(&shared, &root, from).await;
    act.done(&shared, &result, |ids| json!({"tasks": ids})).await;
    let ids = result?;
    let note = "they run again under their own ids; what has succeeded is not run again";
    Ok(reply(&shared, json!({"root": root, "tasks": ids, "note": note})))
}

async fn retried(shared: &Shared, root: &str, from: Option<&str>) -> Result<Vec<String>, Problem> {
    if !has_backend(shared) {
        return Err(Problem::conflict("there is no result backend, which keeps failed steps")
            .fix("give the board and the workers `result_backend`: Redis or SQLite"));
    }
    let sent = match from {
        Some(step) => shared.app.retry_workflow_from(root, step).await,
        None => shared.app.retry_workflow(root).await,
    };
    let ids = sent.map_err(|error| match error.kind() {
        ErrorKind::Config => Problem::conflict(error.to_string()),
        _ => Problem::unavailable("the workflow cannot be retried", &error),
    })?;
    if ids.is_empty() {
        let what = if from.is_some() {
            "that step did not fail on a taskq worker"
        } else {
            "no step failed on a taskq worker"
        };
        return Err(Problem::conflict(format!("{what}, or somebody retries it at this moment"))
            .fix("failed tasks of Python workers can be retried one by one, without what follows them"));
    }
    Ok(ids.iter().map(|id| id.as_str().to_owned()).collect())
}

async fn cancel(State(shared): State<Shared>, caller: Caller, Path(root): Path<String>) -> Reply {
    caller.require(Permission::TaskRevoke)?;
    let act = Act::new(&caller, "workflow.cancel", &root, Json::Null);
    let result = shared.app.revoke_workflow(root.as_str()).await;
    let result = result.map_err(|error| Problem::unavailable("the workers cannot be told", &error));
    act.done(&shared, &result, |_| Json::Null).await;
    result?;
    let note = "workers of taskq start none of its tasks any more; Python workers do not know this command";
    Ok(reply(&shared, json!({"root": root, "told": true, "note": note})))
}
