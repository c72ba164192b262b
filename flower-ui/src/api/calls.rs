//! `/calls`: sending a task by hand.
//!
//! Kept true here: what is sent is what was written, and is refused before it is sent where that can be told.

use std::collections::BTreeSet;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use taskq_core::{
    ErrorKind,
    canvas::{Args, Kwargs, Signature},
    codec::{Map, Value},
    protocol::{Arguments, ParamKind},
    send::SendOptions,
};

use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, reply},
    tasks::put_back,
};
use crate::{
    auth::{Caller, Permission},
    query::{Page, TaskQuery},
    server::Shared,
};

/// Options that a call by hand may have.
const OPTIONS: [&str; 12] = [
    "queue",
    "countdown",
    "eta",
    "expires",
    "priority",
    "headers",
    "task_id",
    "time_limit",
    "soft_time_limit",
    "ignore_result",
    "shadow",
    "routing_key",
];
/// Tasks whose arguments are looked at for examples, and examples that are shown.
const LOOK: u64 = 50;
const EXAMPLES: usize = 8;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/calls", post(call)).route("/api/v1/calls/{name}", get(known))
}

async fn call(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require_some(Permission::TaskCall)?;
    let name = body.required("name")?.to_owned();
    let act = Act::new(&caller, "task.call", &name, body.shown());
    let result = called(&shared, &caller, &name, &body).await;
    act.done(&shared, &result, |id| json!({"id": id})).await;
    let id = result?;
    Ok(reply(&shared, json!({"id": id, "state": "PENDING"})))
}

async fn called(shared: &Shared, caller: &Caller, name: &str, body: &Body) -> Result<String, Problem> {
    let args = body.list("args")?.unwrap_or_default().to_vec();
    let kwargs = body.map("kwargs")?.cloned().unwrap_or_default();
    let mut options = Map::default();
    for option in OPTIONS {
        options.extend(body.value(option).map(|value| (option.to_owned(), value.clone())));
    }
    if let Some(unknown) =
        body.names().find(|it| !OPTIONS.contains(it) && !["name", "args", "kwargs"].contains(it))
    {
        return Err(Problem::argument(format!("`{unknown}` is no option of a call"))
            .fix(format!("options are {}", OPTIONS.join(", "))));
    }
    let (args, kwargs) = put_back(shared, args, kwargs, None)?;
    send(shared, caller, Permission::TaskCall, (name, args, kwargs, options)).await
}

/// The name of a task, its arguments, and options of the call.
type Call<'a> = (&'a str, Vec<Value>, Map, Map);

/// Sends a task for somebody whose permission reaches it, and answers its id.
pub(super) async fn send(
    shared: &Shared,
    caller: &Caller,
    permission: Permission,
    (name, args, kwargs, options): Call<'_>,
) -> Result<String, Problem> {
    if let Some(task) = shared.app.registry().get(name) {
        let given = Arguments::Values { args: args.clone(), kwargs: kwargs.clone() };
        given.bind::<IgnoredAny>(name, task.params).map_err(|error| {
            Problem::argument(error.to_string()).fix("see the parameters of the task on its page")
        })?;
    }
    let options = SendOptions::from_map(options).map_err(|error| Problem::argument(error.to_string()))?;
    if let Some(priority) = options.priority.filter(|priority| *priority > 9) {
        return Err(Problem::argument(format!("priority {priority} is outside 0 to 9")));
    }
    let mut signature = Signature::by_name(name, Args::from(args)).with_kwargs(Kwargs::from(kwargs));
    signature.options = options;
    caller.require_call(shared, permission, &signature)?;
    let sent = shared.app.send_signature(signature).await.map_err(|error| match error.kind() {
        ErrorKind::Connection | ErrorKind::Timeout => {
            Problem::unavailable("the task could not be sent", &error)
        }
        _ => Problem::argument(error.to_string()),
    })?;
    Ok(sent.id().as_str().to_owned())
}

/// What is known of how a task is called.
async fn known(State(shared): State<Shared>, caller: Caller, Path(name): Path<String>) -> Reply {
    let task = shared.app.registry().get(&name);
    let params: Option<Vec<Json>> = task.map(|task| {
        task.params.iter().map(|param| json!({"name": param.name, "kind": kind(param.kind)})).collect()
    });
    let registered_by = registered_by(&shared.workers.all(), &name);
    let query = TaskQuery { name: Some(name.clone()), ..TaskQuery::default() };
    let page = Page { limit: Some(LOOK), ..Page::default() };
    let rows = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?.rows;
    let mut queues: BTreeSet<String> = rows.iter().filter_map(|row| row.queue.clone()).collect();
    queues.extend(task.and_then(|task| task.options.queue).map(str::to_owned));
    let mut seen: Vec<Json> = Vec::new();
    for row in rows.iter().filter(|row| caller.sees(row)) {
        let example = json!({"args": row.args, "kwargs": row.kwargs});
        if seen.len() < EXAMPLES && row.args.is_some() && !seen.contains(&example) {
            seen.push(example);
        }
    }
    let note =
        if registered_by.is_empty() { Some("no worker that answers has a task of this name") } else { None };
    Ok(reply(
        &shared,
        json!({
            "name": name,
            "params": params,
            "seen_args": seen,
            "registered_by": registered_by,
            "queues": queues,
            "note": note,
        }),
    ))
}

/// Workers that have a task of that name, by what all of them said.
pub(super) fn registered_by(said: &Map, name: &str) -> Vec<String> {
    let has = |said: &Value| {
        let tasks = said.as_map()?.get("registered")?.as_list()?;
        // Limits follow the name: `shop.sleepy [rate_limit=0]`.
        Some(tasks.iter().filter_map(|task| task.as_str()?.split(' ').next()).any(|known| known == name))
    };
    said.iter().filter(|(_, said)| has(said) == Some(true)).map(|(worker, _)| worker.clone()).collect()
}

fn kind(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Required => "required",
        ParamKind::Optional => "optional",
        ParamKind::Rest => "rest",
        ParamKind::RestByName => "rest_by_name",
    }
}
