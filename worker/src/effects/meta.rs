//! What is stored of a run.

use bytes::Bytes;
use taskq_core::{
    backend::{Extended, State, StoredError, TaskMeta, TaskOutput},
    protocol::Request,
    task::Failure,
};

use super::Ran;
use crate::node::Node;

pub(super) fn success(node: &Node, ran: &Ran, value: Bytes) -> TaskMeta {
    let mut meta = of_run(ran, State::Success, TaskOutput::Json(value));
    meta.date_done = Some(node.now());
    meta.extended = extended(node, ran.cx.request());
    meta
}

pub(super) fn failure(node: &Node, ran: &Ran, failure: &Failure) -> TaskMeta {
    let mut meta = of_run(ran, State::Failure, TaskOutput::Error(failure.error.clone()));
    meta.traceback.clone_from(&failure.traceback);
    meta.date_done = Some(node.now());
    meta.extended = extended(node, ran.cx.request());
    meta
}

pub(super) fn retry(ran: &Ran, cause: &Failure) -> TaskMeta {
    let mut meta = of_run(ran, State::Retry, TaskOutput::Error(cause.error.clone()));
    meta.traceback.clone_from(&cause.traceback);
    meta
}

pub(super) fn revoked(node: &Node, request: &Request, reason: &str) -> TaskMeta {
    let error = StoredError::celery("TaskRevokedError", reason);
    let mut meta = of_request(request, State::Revoked, TaskOutput::Error(error));
    meta.date_done = Some(node.now());
    meta.extended = extended(node, request);
    meta
}

/// A failure of a task that never ran.
pub(super) fn failed_request(node: &Node, request: &Request, failure: &Failure) -> TaskMeta {
    let mut meta = of_request(request, State::Failure, TaskOutput::Error(failure.error.clone()));
    meta.traceback.clone_from(&failure.traceback);
    meta.date_done = Some(node.now());
    meta.extended = extended(node, request);
    meta
}

fn of_run(ran: &Ran, state: State, output: TaskOutput) -> TaskMeta {
    let mut meta = of_request(ran.cx.request(), state, output);
    if ran.known.def.options.trail {
        meta.children = Some(ran.cx.children());
    }
    meta
}

fn of_request(request: &Request, state: State, output: TaskOutput) -> TaskMeta {
    let mut meta = TaskMeta::new(request.id().clone(), state, output);
    meta.group_id.clone_from(&request.headers.group);
    meta.parent_id.clone_from(&request.headers.parent_id);
    meta.reply_to.clone_from(&request.properties.reply_to);
    meta
}

fn extended(node: &Node, request: &Request) -> Option<Box<Extended>> {
    if !node.tuning.result_extended {
        return None;
    }
    // Arguments that cannot be read are shown as none: the failure itself says what is wrong with them.
    let params = node.tasks.get(&request.headers.task).map_or(&[][..], |known| known.def.params);
    let (args, kwargs) = request.arguments.to_stored(params).unwrap_or_default();
    Some(Box::new(Extended {
        name: request.headers.task.clone(),
        args,
        kwargs,
        worker: node.name.as_ref().to_owned(),
        retries: request.headers.retries,
        queue: Some(request.delivery.routing_key.clone()),
        stamps: request.headers.stamps.clone(),
    }))
}
