//! Messages that never become a run: each is kept as a dead letter with its reason, and whoever waits for its
//! result gets a failure that says what is wrong.

use std::sync::Arc;

use taskq_core::{
    backend::{State, TaskMeta, TaskOutput},
    broker::{DeadKind, DeadReason, DeliveryTag, Settle, Undecodable},
    protocol::{Malformed, MalformedKind, Request, TaskId, TraceContext},
    task::Failure,
};

use super::{Completion, errbacks::Errbacks, fall::Cause, falling, meta, sending::Origin};
use crate::{
    emit::{self, Ended},
    node::Node,
};

/// No task of that name is registered. Celery: `NotRegistered`.
pub(crate) async fn unknown_task(node: &Arc<Node>, tag: DeliveryTag, request: &Request) -> Completion {
    let name = &request.headers.task;
    let failure = Failure::new("NotRegistered", name.clone()).in_module("celery.exceptions");
    let reason =
        DeadReason::new(DeadKind::UnknownTask, format!("no task `{name}` is registered on this worker"));
    dead_request(node, tag, request, &failure, reason).await
}

/// Delivered too often without an end.
pub(crate) async fn poison(
    node: &Arc<Node>,
    tag: DeliveryTag,
    request: &Request,
    deliveries: u32,
) -> Completion {
    let times = deliveries.saturating_sub(1);
    let text = format!("delivered {times} times without an end: it probably kills its workers");
    let failure = Failure::new("WorkerLostError", text.clone()).in_module("billiard.exceptions");
    dead_request(node, tag, request, &failure, DeadReason::new(DeadKind::Poison, text)).await
}

/// Headers or body cannot be read, or its content type is refused.
pub(crate) fn malformed(node: &Node, tag: DeliveryTag, malformed: &Malformed) -> Completion {
    let (kind, class) = match malformed.kind {
        MalformedKind::Undecodable => (DeadKind::Undecodable, "DecodeError"),
        MalformedKind::RefusedContentType => (DeadKind::RefusedContentType, "ContentDisallowed"),
    };
    let store = malformed.id.clone().map(|id| {
        let failure = Failure::new(class, malformed.detail.clone()).in_module("kombu.exceptions");
        let mut meta = TaskMeta::new(id, State::Failure, TaskOutput::Error(failure.error));
        meta.date_done = Some(node.now());
        meta.reply_to.clone_from(&malformed.reply_to);
        Box::new(meta)
    });
    let reason = DeadReason::new(kind, malformed.detail.clone());
    Completion {
        store,
        settle: Some(Settle::DeadLetter { reason: reason.clone() }),
        ended: Some(Ended::dead(malformed.task.as_deref(), malformed.id.clone(), reason)),
        ..Completion::of(tag)
    }
}

/// Not even an envelope.
pub(crate) fn undecodable(tag: DeliveryTag, undecodable: &Undecodable) -> Completion {
    dead_letter(tag, undecodable.why.clone())
}

/// Reading it made us panic.
pub(crate) fn unreadable(tag: DeliveryTag, failure: &Failure) -> Completion {
    dead_letter(tag, format!("could not be read: {failure}"))
}

fn dead_letter(tag: DeliveryTag, why: String) -> Completion {
    let reason = DeadReason::new(DeadKind::Undecodable, why);
    Completion {
        settle: Some(Settle::DeadLetter { reason: reason.clone() }),
        ended: Some(Ended::dead(None, None::<TaskId>, reason)),
        ..Completion::of(tag)
    }
}

async fn dead_request(
    node: &Arc<Node>,
    tag: DeliveryTag,
    request: &Request,
    failure: &Failure,
    reason: DeadReason,
) -> Completion {
    let stores = request.headers.ignore_result != Some(true);
    let (origin, cause) = (Origin::of(request), Cause::failed(failure, node.now()));
    let meta = meta::failed_request(node, request, failure);
    let mut completion = Completion {
        settle: Some(Settle::DeadLetter { reason: reason.clone() }),
        ended: Some(Box::new(Ended {
            root: request.headers.root_id.clone(),
            trace: emit::logged(|| TraceContext::of(&request.headers)),
            ..*Ended::dead(Some(&request.headers.task), Some(request.id().clone()), reason)
        })),
        ..falling(node, tag, request, (&origin, &cause), &meta, stores).await
    };
    completion.store = stores.then(|| Box::new(meta));
    if let Some(errbacks) = Errbacks::of_request(request, &cause, &origin) {
        let sending = errbacks.tell(node).await;
        (completion.publish, completion.starts) = (sending.publish, sending.starts);
    }
    completion
}
