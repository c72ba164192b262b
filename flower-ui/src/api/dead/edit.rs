//! `POST /dead/{queue}/edit`: a letter is sent again with other arguments.
//!
//! Kept true here: the letter itself stays as it is, with a mark; what follows its task (chain, chord, callbacks)
//! goes on after the changed one.

use axum::extract::{Path, State};
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use taskq_core::{
    broker::{EditedId, Outgoing, edited, rewritten},
    codec::{Accept, Map, Value},
    protocol::Arguments,
};

use super::letter::{Letter, find, mark};
use crate::{
    api::{
        audit::Act,
        body::Body,
        plain,
        problem::{Problem, Reply, reply},
        queues::known,
        tasks::put_back,
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// `{id, args, kwargs, to?, same_id?}`
pub(super) async fn edit(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_some(Permission::DeadEdit)?;
    let id = body.required("id")?;
    let mut act = Act::new(&caller, "dead.edit", &queue, body.shown());
    let result = sent(&shared, &caller, &queue, id, &body).await;
    if let Ok((_, before)) = &result {
        let mut after = body.shown();
        act.change(before.clone(), json!({"args": after["args"].take(), "kwargs": after["kwargs"].take()}));
    }
    act.done(&shared, &result, |(task, _)| json!({"task": task})).await;
    let (task, _) = result?;
    let note = "the letter itself stays where it is, as it came";
    Ok(reply(&shared, json!({"task_id": task, "of": id, "note": note})))
}

/// Sends it; answers the id of the new task, and the arguments of the letter.
async fn sent(
    shared: &Shared,
    caller: &Caller,
    queue: &str,
    id: &str,
    body: &Body,
) -> Result<(String, Json), Problem> {
    let (Some(args), Some(kwargs)) = (body.list("args")?, body.map("kwargs")?) else {
        return Err(Problem::argument("`args`, a list, and `kwargs`, an object, are missing"));
    };
    let to = body.filled("to")?.unwrap_or(queue);
    known(shared, to)?;
    let gone = || Problem::missing("there is no such letter: somebody replayed or deleted it meanwhile");
    let letter = find(shared, queue, id).await?.ok_or_else(gone)?;
    let unreadable =
        |why: &str| Problem::conflict(format!("the message cannot be read, and so not edited: {why}"));
    let accept = Accept::all();
    let request = letter.request(shared.app.settings(), &accept).map_err(|why| unreadable(&why))?;
    let of = request.id().as_str().to_owned();
    let before = request.arguments.to_values().map_err(|error| unreadable(&error.to_string()))?;
    let (args, kwargs) = put_back(shared, args.to_vec(), kwargs.clone(), Some((&before.0, &before.1)))?;
    let name = request.headers.task.clone();
    caller.require_on(Permission::DeadEdit, Target::task(Some(&name), Some(to)))?;
    checked(shared, &name, &args, &kwargs)?;
    let same = body.value("same_id").and_then(Value::as_bool) == Some(true);
    let request = edited(request, args, kwargs, if same { EditedId::Same } else { EditedId::New });
    let task = request.id().as_str().to_owned();
    let message = rewritten(&request, &accept)
        .map_err(|error| Problem::argument(format!("the arguments cannot be written: {error}")))?;
    let out = Outgoing::to_queue(to, message);
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the task cannot be sent", error);
    let broker = shared.app.broker().await.map_err(|error| failed(&error))?;
    broker.publish(&[out]).await.map_err(|error| failed(&error))?;
    let letter = Letter { queue: queue.to_owned(), id: id.to_owned(), task_id: Some(of), name: Some(name) };
    mark(shared, caller, &letter, "edited", Some(&task)).await;
    let (args, kwargs) = before;
    let args: Vec<Json> = args.iter().map(plain::plain).collect();
    Ok((task, json!({"args": args, "kwargs": plain::object(&kwargs)})))
}

/// Where the board's own program has the task, its parameters are known.
fn checked(shared: &Shared, name: &str, args: &[Value], kwargs: &Map) -> Result<(), Problem> {
    let Some(task) = shared.app.registry().get(name) else { return Ok(()) };
    let given = Arguments::Values { args: args.to_vec(), kwargs: kwargs.clone() };
    let bound = given.bind::<IgnoredAny>(name, task.params);
    bound.map(drop).map_err(|error| {
        Problem::argument(error.to_string()).fix("the parameters of the task are shown above the arguments")
    })
}
