//! A task as Flower shows it: the same keys in the same order.

use std::collections::HashMap;

use taskq_core::codec::{Map, Value};

use crate::{auth::Caller, record::TaskRecord, server::Shared};

/// Where the worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    InPlace,
    /// As `/api/tasks` has it.
    Last,
}

/// What only those are shown who may see arguments and results.
const HIDDEN: [&str; 5] = ["args", "kwargs", "result", "exception", "traceback"];

/// Tasks with their children.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn shown(
    shared: &Shared,
    caller: &Caller,
    tasks: &[TaskRecord],
    worker: Worker,
) -> Result<Vec<Map>, taskq_core::Error> {
    let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
    let children = if ids.is_empty() { HashMap::new() } else { shared.store.children_of(&ids).await? };
    let strict = shared.options.strict();
    let none = Vec::new();
    let one = |task: &TaskRecord| {
        let mut map = map(task, children.get(&task.id).unwrap_or(&none), worker, strict);
        if !caller.sees(task) {
            map.iter_mut()
                .filter(|(key, _)| HIDDEN.contains(&key.as_str()))
                .for_each(|(_, it)| *it = Value::Null);
        }
        map
    };
    Ok(tasks.iter().map(one).collect())
}

fn map(task: &TaskRecord, children: &[String], worker: Worker, strict: bool) -> Map {
    // A retried task names itself as its parent, and Flower believes it.
    let own = strict && task.retries.is_some_and(|retries| retries > 0);
    let parent = if own { Some(&task.id) } else { task.parent_id.as_ref() };
    let mut children: Vec<&String> = children.iter().collect();
    if own && !children.contains(&&task.id) {
        children.push(&task.id);
    }
    let text = |text: &Option<String>| Value::from(text.clone());
    let id = |id: Option<&String>| Value::from(id.cloned());
    let fields = [
        ("uuid", Value::from(task.id.as_str())),
        ("name", text(&task.name)),
        ("state", task.state.as_str().into()),
        ("received", task.received.into()),
        ("sent", task.sent.into()),
        ("started", task.started.into()),
        ("rejected", task.rejected.into()),
        ("succeeded", task.succeeded.into()),
        ("failed", task.failed.into()),
        ("retried", task.retried.into()),
        ("revoked", task.revoked.into()),
        ("args", text(&task.args)),
        ("kwargs", text(&task.kwargs)),
        ("eta", text(&task.eta)),
        ("expires", text(&task.expires)),
        ("retries", task.retries.into()),
        ("worker", text(&task.worker)),
        ("result", text(&task.result)),
        ("exception", text(&task.exception)),
        ("timestamp", task.timestamp.into()),
        ("runtime", task.runtime.into()),
        ("traceback", text(&task.traceback)),
        ("exchange", text(&task.exchange)),
        ("routing_key", text(&task.routing_key)),
        ("clock", task.clock.into()),
        ("client", text(&task.client)),
        ("root", text(&task.root_id)),
        ("root_id", text(&task.root_id)),
        ("parent", id(parent)),
        ("parent_id", id(parent)),
        ("children", children.into_iter().map(String::as_str).collect()),
    ];
    let mut map: Map = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if worker == Worker::Last
        && let Some(worker) = map.shift_remove("worker")
    {
        map.insert("worker".to_owned(), worker);
    }
    map
}
