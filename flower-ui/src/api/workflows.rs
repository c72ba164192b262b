//! `/workflows`: what one task brought about: drawn, and listed.

mod graph;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};

use super::{
    audit::Act,
    problem::{Problem, Reply, reply},
    tasks::{TaskRow, rows},
};
use crate::{
    auth::{Caller, Permission},
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

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workflows", get(list))
        .route("/api/v1/workflows/{root}", get(detail))
        .route("/api/v1/workflows/{root}/cancel", post(cancel))
}

async fn list(State(shared): State<Shared>, params: Params) -> Reply {
    let offset = match params.raw("cursor").filter(|text| !text.is_empty()) {
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
    let graph = layout(graph::graph(&tasks));
    let waterfall: Vec<Json> = tasks.iter().take(LISTED).map(bar).collect();
    let listed: Vec<TaskRow> = rows(&tasks[..tasks.len().min(LISTED)], &caller);
    Ok(reply(
        &shared,
        json!({
            "root": root, "count": count, "tasks": listed, "graph": graph, "waterfall": waterfall,
            "note": (count > LISTED).then(|| format!("{LISTED} of {count} tasks are listed")),
        }),
    ))
}

/// A task over time.
fn bar(task: &TaskRecord) -> Json {
    json!({
        "id": task.id, "name": task.name, "state": task.state.as_str(), "sent": task.sent,
        "received": task.received, "started": task.started, "ended": task.ended(),
    })
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
