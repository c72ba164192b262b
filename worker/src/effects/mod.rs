//! What becomes of a task after its run: the one place where outcomes turn into effects.
//!
//! A [`Completion`] holds the effects of one delivery. The completer applies them in this order, always:
//!
//! | step | what | a crash after it |
//! |---|---|---|
//! | 1 | the result is stored | the task runs again and stores it again; a stored SUCCESS stays |
//! | 2 | follow-ups are published with the settlement, or before it where the broker cannot do both at once | (cannot: the task runs again and its follow-ups are doubled) |
//! | 3 | the delivery is settled | nothing: all is done |
//! | 4 | logs, counters and events | a log line is missing |
//!
//! So a crash between two steps repeats work and loses none.

mod failure;
mod links;
mod meta;
mod retry;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    Timestamp,
    backend::{StoredError, TaskMeta},
    broker::{DeadKind, DeadReason, DeliveryTag, Outgoing, Settle},
    codec::Value,
    protocol::{Request, TaskId},
    task::{Failure, FailureKind, Outcome, RetryRequest, TaskContext},
};
use tokio::sync::oneshot;

pub(crate) use self::failure::{malformed, poison, undecodable, unknown_task, unreadable};
use crate::{
    emit::{Ended, How},
    limits,
    node::Node,
    tasks::Known,
};

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) known: Arc<Known>,
    pub(crate) cx: TaskContext,
    pub(crate) tag: DeliveryTag,
    /// It was acknowledged before it ran: nothing is left to settle.
    pub(crate) acked: bool,
    pub(crate) runtime: Duration,
}

/// The effects of one delivery, to be applied in the order of the fields.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The delivery.
    pub(crate) tag: DeliveryTag,
    /// 1. The result of the task,
    pub(crate) store: Option<TaskMeta>,
    /// and results of other tasks that follow from it.
    pub(crate) store_also: Vec<TaskMeta>,
    /// 2. Messages that follow.
    pub(crate) publish: Vec<Outgoing>,
    /// 3. The end of the delivery; `None` when it was acknowledged before the run.
    pub(crate) settle: Option<Settle>,
    /// Told whether the settlement held: early acknowledgement waits for it.
    pub(crate) tell: Option<oneshot::Sender<bool>>,
    /// 4. What to say of it.
    pub(crate) ended: Option<Ended>,
}

impl Completion {
    /// No effect at all: what others start from.
    pub(crate) fn of(tag: DeliveryTag) -> Self {
        Self {
            tag,
            store: None,
            store_also: Vec::new(),
            publish: Vec::new(),
            settle: None,
            tell: None,
            ended: None,
        }
    }

    /// The acknowledgement of a task that is about to run.
    pub(crate) fn early_ack(tag: DeliveryTag, tell: oneshot::Sender<bool>) -> Self {
        Self { settle: Some(Settle::Ack), tell: Some(tell), ..Self::of(tag) }
    }

    /// Back to its queue at once, and not counted as a delivery that came to nothing: a message must not become
    /// poison because workers were replaced while it waited.
    pub(crate) fn give_back(node: &Node, tag: DeliveryTag, known: &Known, request: &Request) -> Self {
        Self {
            settle: Some(Settle::Requeue { not_before: Some(node.now()) }),
            ended: Some(Ended::new(known, request, How::GivenBack)),
            ..Self::of(tag)
        }
    }

    /// Back to its queue although its task still runs and cannot be stopped.
    pub(crate) fn give_back_blocked(node: &Node, tag: DeliveryTag, id: &TaskId) -> Self {
        Self {
            settle: Some(Settle::Requeue { not_before: Some(node.now()) }),
            ended: Some(Ended::unnamed(Some(id.clone()), How::GivenBack)),
            ..Self::of(tag)
        }
    }

    /// Back into the broker until `until`.
    pub(crate) fn postpone(
        tag: DeliveryTag,
        known: &Known,
        request: &Request,
        until: Timestamp,
        why: &'static str,
    ) -> Self {
        Self {
            settle: Some(Settle::Requeue { not_before: Some(until) }),
            ended: Some(Ended::new(known, request, How::Postponed { until, why })),
            ..Self::of(tag)
        }
    }

    /// Delivered again although it has succeeded: its first run was not acknowledged.
    pub(crate) fn duplicate(tag: DeliveryTag, known: &Known, request: &Request) -> Self {
        Self {
            settle: Some(Settle::Ack),
            ended: Some(Ended::new(known, request, How::Duplicate)),
            ..Self::of(tag)
        }
    }

    /// Revoked or expired before it ran.
    pub(crate) fn revoked(
        node: &Node,
        tag: DeliveryTag,
        known: &Known,
        request: &Request,
        reason: &'static str,
    ) -> Self {
        Self {
            store: known.stores_errors(request).then(|| meta::revoked(node, request, reason)),
            settle: Some(Settle::Ack),
            ended: Some(Ended::new(known, request, How::Revoked(reason))),
            ..Self::of(tag)
        }
    }
}

/// The effects of an outcome.
pub(crate) async fn of(node: &Node, ran: &Ran, outcome: Outcome) -> Completion {
    match outcome {
        Outcome::Success(value) => success(node, ran, value).await,
        Outcome::Failure(failure) => failed(node, ran, failure).await,
        Outcome::Retry { not_before, cause, request } => {
            retried(node, ran, not_before, cause, &request).await
        }
        Outcome::Ignore => Completion {
            settle: settle(ran, Settle::Ack),
            ended: Some(ended(ran, How::Ignored)),
            ..Completion::of(ran.tag)
        },
        Outcome::Reject { requeue, reason } => rejected(node, ran, requeue, reason),
        Outcome::Revoked { reason } => Completion {
            store: stores_errors(ran).then(|| meta::revoked(node, ran.cx.request(), reason)),
            settle: settle(ran, Settle::Ack),
            ended: Some(ended(ran, How::Revoked(reason))),
            ..Completion::of(ran.tag)
        },
    }
}

/// The effects of a run that was dropped because the worker stops at once.
pub(crate) async fn given_back(node: &Node, ran: &Ran) -> Completion {
    if !ran.acked {
        return Completion::give_back(node, ran.tag, &ran.known, ran.cx.request());
    }
    // Its message is gone; whoever waits must not wait for ever.
    let failure = Failure::new("WorkerLostError", "the worker was stopped while the task ran")
        .in_module("billiard.exceptions")
        .of_kind(FailureKind::WorkerLost);
    failed(node, ran, failure).await
}

async fn success(node: &Node, ran: &Ran, value: Bytes) -> Completion {
    let request = ran.cx.request();
    // In the task's scope: what follows it is its child.
    let publish = match ran.cx.clone().scope(links::after_success(node, request, &value)).await {
        Ok(following) => {
            following.children.into_iter().for_each(|child| ran.cx.add_child(child));
            following.publish
        }
        Err(error) => {
            let failure =
                Failure::new("EncodeError", format!("could not send what follows the task: {error}"))
                    .in_module("kombu.exceptions");
            return failed(node, ran, failure).await;
        }
    };
    Completion {
        store: ran.known.stores_result(request).then(|| meta::success(node, ran, value.clone())),
        publish,
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Succeeded(value))),
        ..Completion::of(ran.tag)
    }
}

async fn failed(node: &Node, ran: &Ran, failure: Failure) -> Completion {
    let request = ran.cx.request();
    let policy = &ran.known.policy;
    let reason = |kind| DeadReason::new(kind, failure.to_string());
    let how = if failure.kind == FailureKind::BadArguments {
        Settle::DeadLetter { reason: reason(DeadKind::BadArguments) }
    } else if limits::is_hard_limit(&failure) {
        if policy.acks_on_timeout { Settle::Ack } else { Settle::Requeue { not_before: None } }
    } else if policy.acks_on_failure {
        Settle::Ack
    } else {
        Settle::DeadLetter { reason: reason(DeadKind::Rejected) }
    };
    let dead = matches!(how, Settle::DeadLetter { .. }) && !ran.acked;
    // A run that is repeated has not failed yet for those who come after it.
    let again = matches!(how, Settle::Requeue { .. }) && !ran.acked;
    let stores = stores_errors(ran);
    Completion {
        store: stores.then(|| meta::failure(node, ran, &failure)),
        store_also: if stores && !again {
            links::chain_failures(node, request, &failure)
        } else {
            Vec::new()
        },
        publish: if again { Vec::new() } else { links::after_failure(node, request).await },
        settle: settle(ran, how),
        ended: Some(ended(ran, How::Failed { failure, dead })),
        ..Completion::of(ran.tag)
    }
}

async fn retried(
    node: &Node,
    ran: &Ran,
    not_before: Timestamp,
    cause: Failure,
    asked: &RetryRequest,
) -> Completion {
    let next = match retry::message(node, ran.cx.request(), not_before, asked) {
        Ok(next) => next,
        Err(error) => {
            let failure = Failure::new("EncodeError", format!("could not write the retry: {error}"))
                .in_module("kombu.exceptions");
            return failed(node, ran, failure).await;
        }
    };
    Completion {
        store: stores_errors(ran).then(|| meta::retry(ran, &cause)),
        publish: vec![next],
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Retried { not_before, cause })),
        ..Completion::of(ran.tag)
    }
}

fn rejected(node: &Node, ran: &Ran, requeue: bool, reason: String) -> Completion {
    let ended = Some(ended(ran, How::Rejected { requeue, reason: reason.clone() }));
    if requeue {
        return Completion {
            // Acknowledged before the run: only a copy can go back.
            publish: if ran.acked { retry::copy(node, ran.cx.request()) } else { Vec::new() },
            settle: settle(ran, Settle::Requeue { not_before: None }),
            ended,
            ..Completion::of(ran.tag)
        };
    }
    let error = StoredError {
        exc_message: vec![Value::Str(reason.clone()), Value::Bool(false)],
        ..StoredError::celery("Reject", "")
    };
    let mut failure = Failure::new("Reject", "");
    failure.traceback = Some(format!("Reject: {reason}"));
    failure.error = error;
    Completion {
        store: stores_errors(ran).then(|| meta::failure(node, ran, &failure)),
        settle: settle(ran, Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, reason) }),
        ended,
        ..Completion::of(ran.tag)
    }
}

fn settle(ran: &Ran, how: Settle) -> Option<Settle> {
    (!ran.acked).then_some(how)
}

fn stores_errors(ran: &Ran) -> bool {
    ran.known.stores_errors(ran.cx.request())
}

fn ended(ran: &Ran, how: How) -> Ended {
    Ended { runtime: Some(ran.runtime), ..Ended::new(&ran.known, ran.cx.request(), how) }
}
