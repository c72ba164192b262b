//! `POST /dead/{queue}/edit`: a letter is sent again with other arguments.
//!
//! Kept true here: the letter itself stays as it is, with a mark; what follows its task (chain, chord, callbacks)
//! goes on after the changed one.

use axum::extract::{Path, State};
use serde::de::IgnoredAny;
use serde_json::json;
use taskq_core::{
    broker::Outgoing,
    codec::{Accept, Map, Value, json as dialect},
    protocol::{Arguments, Request, TaskId, TaskMessage},
};

use super::letter::{Letter, find, mark};
use crate::{
    api::{
        audit::Act,
        body::Body,
        problem::{Problem, Reply, reply},
        queues::known,
        tasks::request,
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// The header that names the task that the edited one was made from.
const EDIT_OF: &str = "retry_of";

/// `{id, args, kwargs, to?, same_id?}`
pub(super) async fn edit(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_some(Permission::DeadEdit)?;
    let id = body.required("id")?;
    let act = Act::new(&caller, "dead.edit", &queue, body.shown());
    let result = edited(&shared, &caller, &queue, id, &body).await;
    act.done(&shared, &result, |task| json!({"task": task})).await;
    let task = result?;
    let note = "the letter itself stays where it is, as it came";
    Ok(reply(&shared, json!({"task_id": task, "of": id, "note": note})))
}

async fn edited(
    shared: &Shared,
    caller: &Caller,
    queue: &str,
    id: &str,
    body: &Body,
) -> Result<String, Problem> {
    let (Some(args), Some(kwargs)) = (body.list("args")?, body.map("kwargs")?) else {
        return Err(Problem::argument("`args`, a list, and `kwargs`, an object, are missing"));
    };
    let to = body.filled("to")?.unwrap_or(queue);
    known(shared, to)?;
    let gone = || Problem::missing("there is no such letter: somebody replayed or deleted it meanwhile");
    let letter = find(shared, queue, id).await?.ok_or_else(gone)?;
    let unreadable =
        |why: &str| Problem::conflict(format!("the message cannot be read, and so not edited: {why}"));
    let message = letter.message.clone().ok_or_else(|| unreadable("kombu or taskq did not write it"))?;
    let mut request = request(shared, message).map_err(|why| unreadable(&why))?;
    let of = request.id().as_str().to_owned();
    if body.value("same_id").and_then(Value::as_bool) != Some(true) {
        renamed(&mut request, &of);
    }
    let task = request.id().as_str().to_owned();
    let name = request.headers.task.clone();
    caller.require_on(Permission::DeadEdit, Target::task(Some(&name), Some(to)))?;
    checked(shared, &name, args, kwargs)?;
    let out = Outgoing::to_queue(to, encoded(request, args, kwargs)?);
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the task cannot be sent", error);
    let broker = shared.app.broker().await.map_err(|error| failed(&error))?;
    broker.publish(&[out]).await.map_err(|error| failed(&error))?;
    let letter = Letter { queue: queue.to_owned(), id: id.to_owned(), task_id: Some(of), name: Some(name) };
    mark(shared, caller, &letter, "edited", Some(&task)).await;
    Ok(task)
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

/// Another task, made from this one.
fn renamed(request: &mut Request, of: &str) {
    let id = TaskId::new();
    if request.headers.root_id.as_ref().is_some_and(|root| root.as_str() == of) {
        request.headers.root_id = Some(id.clone());
    }
    request.headers.id = id;
    request.properties.correlation_id = None;
    request.headers.extra.insert(EDIT_OF.to_owned(), Value::from(of));
}

/// The message anew: from the first try on, with no end and no time that has passed.
fn encoded(request: Request, args: &[Value], kwargs: &Map) -> Result<taskq_core::protocol::Message, Problem> {
    let failed = |error: taskq_core::codec::CodecError| {
        Problem::argument(format!("the arguments cannot be written: {error}"))
    };
    let (mut headers, mut properties) = (request.headers, request.properties);
    (headers.retries, headers.eta, headers.expires) = (0, None, None);
    (headers.argsrepr, headers.kwargsrepr) = (None, None);
    properties.expiration = None;
    let compression = headers.compression.clone();
    let serializer = Accept::all().check(&request.content_type).map_err(failed)?;
    let message = TaskMessage {
        headers,
        properties,
        args: dialect::to_bytes(&args.to_vec()).map_err(failed)?,
        kwargs: dialect::to_bytes(kwargs).map_err(failed)?,
        embed: request.embed,
    };
    message.encode(request.protocol, serializer, compression.as_deref()).map_err(failed)
}
