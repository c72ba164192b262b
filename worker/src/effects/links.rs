//! What follows a task: callbacks and the next step of its chain after success; errbacks, and the failure of
//! all later steps, after failure.
//!
//! Canvas primitives inside a link (`celery.group`, `celery.chord`) are sent as the tasks of those names, which
//! a worker with the built-in tasks expands. Chord counting has its place here too, once it is there.

use bytes::Bytes;
use taskq_core::{
    Error, ErrorKind,
    backend::{Child, State, TaskMeta, TaskOutput},
    broker::Outgoing,
    canvas::Signature,
    codec::{Value, json},
    protocol::{Request, TaskId},
    task::Failure,
};
use tracing::error;

use crate::node::Node;

/// What follows a task, and how its result names it.
#[derive(Debug, Default)]
pub(super) struct Following {
    pub(super) publish: Vec<Outgoing>,
    pub(super) children: Vec<Child>,
}

/// Callbacks, then the next step of the chain, each with the result as its first argument.
///
/// # Errors
/// When one is no signature, or cannot be written; nothing is sent then.
pub(super) async fn after_success(node: &Node, request: &Request, value: &Bytes) -> Result<Following, Error> {
    let callbacks = request.embed.callbacks.as_deref().unwrap_or_default();
    let chain = request.embed.chain.as_deref().unwrap_or_default();
    if callbacks.is_empty() && chain.is_empty() {
        return Ok(Following::default());
    }
    let value: Value = json::from_slice(value)
        .map_err(|error| Error::with_source(ErrorKind::Encode, "could not pass the result on", error))?;
    let mut following = Following::default();
    let mut sent = Vec::with_capacity(callbacks.len());
    // Celery sends several callbacks as a group, a single one by itself.
    let group = (callbacks.len() > 1).then(TaskId::new);
    for (index, callback) in (0_i64..).zip(callbacks) {
        let mut signature = Signature::from_value(callback.clone())?.prepend([value.clone()]);
        if let Some(group) = &group {
            let flow = signature.options.flow.get_or_insert_default();
            flow.group_id = Some(group.to_string());
            flow.group_index = Some(index);
        }
        let (id, message) = message(node, request, signature).await?;
        following.publish.extend(message);
        sent.push(child(id));
    }
    match group {
        Some(group) => following.children.push(Child { members: Some(sent), ..child(group) }),
        None => following.children.append(&mut sent),
    }
    if let Some((next, rest)) = chain.split_last() {
        let mut signature = Signature::from_value(next.clone())?.prepend([value]);
        signature.options.flow.get_or_insert_default().chain = Some(rest.to_vec());
        let (id, message) = message(node, request, signature).await?;
        following.publish.extend(message);
        following.children.push(child(id));
    }
    Ok(following)
}

#[allow(clippy::needless_pass_by_value)] // used up: it names nothing else any more
fn child(id: TaskId) -> Child {
    Child { id: id.to_string(), parent: None, members: None }
}

/// Errbacks: sent as tasks with the failed id as their argument. One that cannot be written is logged: the
/// failure itself must get through.
pub(super) async fn after_failure(node: &Node, request: &Request) -> Vec<Outgoing> {
    let errbacks = request.embed.errbacks.as_deref().unwrap_or_default();
    let mut out = Vec::with_capacity(errbacks.len());
    let group = TaskId::new();
    for (index, errback) in (0_i64..).zip(errbacks) {
        let sent = async {
            let id = Value::Str(request.id().to_string());
            let mut signature = Signature::from_value(errback.clone())?.prepend([id]);
            let flow = signature.options.flow.get_or_insert_default();
            flow.group_id = Some(group.to_string());
            flow.group_index = Some(index);
            message(node, request, signature).await
        };
        match sent.await {
            Ok((_, message)) => out.extend(message),
            Err(error) => error!(id = %request.id(), %error, "could not send an errback"),
        }
    }
    out
}

/// The id and the message of a task that follows `request`'s.
async fn message(
    node: &Node,
    request: &Request,
    mut signature: Signature,
) -> Result<(TaskId, Option<Outgoing>), Error> {
    let flow = signature.options.flow.get_or_insert_default();
    flow.parent_id = Some(request.id().clone());
    flow.root_id = Some(request.headers.root_id.as_ref().unwrap_or(request.id()).clone());
    let draft = node.app.draft(signature)?;
    if let Some(queue) = draft.queue() {
        node.declare(queue).await;
    }
    Ok((draft.id().clone(), node.app.prepare(draft).await?))
}

/// The same failure under the id of every later step of the chain: whoever waits for the last one gets it.
pub(super) fn chain_failures(node: &Node, request: &Request, failure: &Failure) -> Vec<TaskMeta> {
    let chain = request.embed.chain.as_deref().unwrap_or_default();
    let id = |step: &Value| Some(TaskId::from(field(field(step, "options")?, "task_id")?.as_str()?));
    let stored = |id: TaskId| {
        let mut meta = TaskMeta::new(id, State::Failure, TaskOutput::Error(failure.error.clone()));
        meta.traceback.clone_from(&failure.traceback);
        meta.date_done = Some(node.now());
        meta
    };
    chain.iter().rev().filter_map(id).map(stored).collect()
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(map) => map.get(name),
        _ => None,
    }
}
