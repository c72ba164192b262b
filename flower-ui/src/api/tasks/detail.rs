//! `GET /tasks/{id}`: everything that is known of one task.

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};

use super::{TaskRow, arguments, code, row, rows, stored};
use crate::{
    api::{
        audit,
        problem::{Problem, Reply, reply},
    },
    auth::{Caller, Permission, Target},
    query::{Page, TaskQuery},
    record::{Attempt, EndReason, TaskRecord},
    server::Shared,
};

/// Children that are shown.
const CHILDREN: usize = 200;
/// Tasks of the same name that are shown.
const SIMILAR: u64 = 20;
/// Audit entries that are shown.
const AUDIT: u32 = 50;

pub(super) async fn detail(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    let task = known(&shared, &id).await?;
    let payload = caller.sees(&task);
    let found = arguments::find(&shared, &task).await;
    let (stored, stored_note) = match stored::meta(&shared, &id).await {
        Ok(meta) => (meta, None),
        Err(problem) => (None, Some(problem.detail().to_owned())),
    };
    let audit = match caller.may(Permission::AuditView) {
        true => audit::entries(&shared, Some(&id), AUDIT).await?,
        false => Vec::new(),
    };
    let sight = caller.sight(&shared, Target::task(task.name.as_deref(), task.queue.as_deref()));
    let code = match (&found, &task.name) {
        (Ok(found), Some(name)) if payload => {
            let (args, kwargs) = arguments::seen(found, &sight);
            code::code(name, &args, &kwargs, task.queue.as_deref())
        }
        _ => Json::Null,
    };
    Ok(reply(
        &shared,
        json!({
            "task": whole(&task, &caller)?,
            "by": by(&shared, &task, &caller).await,
            "attempts": task.attempts.iter().map(|it| attempt(it, payload)).collect::<Vec<_>>(),
            "relations": relations(&shared, &task, &caller).await?,
            "arguments": if payload { arguments::shown(&found, &task, &sight) } else { Json::Null },
            "stored": stored.as_ref().and_then(|meta| stored::shown(meta, &sight)),
            "stored_note": stored_note,
            "similar": similar(&shared, &task, &caller).await?,
            "audit": audit,
            "code": code,
        }),
    ))
}

/// Who asked for its end, if it was revoked through the board.
async fn by(shared: &Shared, task: &TaskRecord, caller: &Caller) -> Option<Json> {
    const ACTIONS: [&str; 2] = ["task.revoke", "task.terminate"];
    let ended = matches!(task.reason, Some(EndReason::Revoked | EndReason::Terminated { .. }));
    let known = if ended && caller.may(Permission::AuditView) {
        shared.store.audits(Some(&task.id), None, AUDIT).await.ok()
    } else {
        None
    };
    let asked = known?.into_iter().find(|row| ACTIONS.contains(&row.entry.action.as_str()))?.entry;
    Some(json!({"user": asked.actor, "action": asked.action, "at": asked.at}))
}

/// A task of history.
pub(super) async fn known(shared: &Shared, id: &str) -> Result<TaskRecord, Problem> {
    let task = shared.store.task(id).await.map_err(|error| Problem::history(&error))?;
    task.ok_or_else(|| {
        Problem::missing(format!("no task `{id}` was heard of"))
            .fix("it may be older than history, or its worker sends no events: start workers with `-E`")
    })
}

fn whole(task: &TaskRecord, caller: &Caller) -> Result<Json, Problem> {
    let row = serde_json::to_value(TaskRow::of(task, caller));
    let mut row = row.map_err(|error| Problem::unavailable("the task cannot be shown", &error))?;
    if let Json::Object(row) = &mut row {
        let traceback = task.traceback.clone().filter(|_| caller.sees(task));
        row.insert("traceback".to_owned(), traceback.into());
        row.insert("exchange".to_owned(), task.exchange.clone().into());
        row.insert("routing_key".to_owned(), task.routing_key.clone().into());
        row.insert("retries".to_owned(), task.retries.into());
        row.insert("expires".to_owned(), task.expires.clone().into());
        row.insert("clock".to_owned(), task.clock.into());
    }
    Ok(row)
}

fn attempt(attempt: &Attempt, payload: bool) -> Json {
    json!({
        "number": attempt.number,
        "retries": attempt.retries,
        "worker": attempt.worker,
        "sent": attempt.sent,
        "eta": attempt.eta,
        "received": attempt.received,
        "started": attempt.started,
        "ended": attempt.ended,
        "state": attempt.state.as_str(),
        "reason": attempt.reason.as_ref().map(ToString::to_string),
        "exception": attempt.exception.as_ref().filter(|_| payload),
        "wait": row::wait(attempt),
        "queued": attempt.wait,
        "prefetched": attempt.prefetch,
        "run": attempt.run,
        "backoff": attempt.backoff,
    })
}

async fn relations(shared: &Shared, task: &TaskRecord, caller: &Caller) -> Result<Json, Problem> {
    let mut ids = shared.store.children_of(&[&task.id]).await.map_err(|error| Problem::history(&error))?;
    let ids = ids.remove(&task.id).unwrap_or_default();
    let others = [&task.root_id, &task.parent_id].map(|id| id.as_deref().filter(|id| *id != task.id));
    let wanted: Vec<&str> =
        others.into_iter().flatten().chain(ids.iter().take(CHILDREN).map(String::as_str)).collect();
    let found = shared.store.tasks_by_id(&wanted).await.map_err(|error| Problem::history(&error))?;
    let [root, parent] = others.map(|id| found.iter().find(|task| Some(&*task.id) == id));
    let children: Vec<TaskRecord> = found.iter().filter(|task| ids.contains(&task.id)).cloned().collect();
    let row = |task: &TaskRecord| TaskRow::of(task, caller);
    Ok(json!({
        "root": root.map(row),
        "parent": parent.map(row),
        "children": rows(&children, caller),
        "children_count": ids.len(),
    }))
}

async fn similar(shared: &Shared, task: &TaskRecord, caller: &Caller) -> Result<Vec<TaskRow>, Problem> {
    let Some(name) = &task.name else { return Ok(Vec::new()) };
    let query = TaskQuery { name: Some(name.clone()), ..TaskQuery::default() };
    let page = Page { limit: Some(SIMILAR + 1), ..Page::default() };
    let mut found = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?.rows;
    found.retain(|other| other.id != task.id);
    found.truncate(usize::try_from(SIMILAR).unwrap_or(usize::MAX));
    Ok(rows(&found, caller))
}
