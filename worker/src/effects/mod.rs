//! What becomes of a task after its run: the one place where outcomes turn into effects.
//!
//! A [`Completion`] holds the effects of one delivery. The completer applies them in this order, always:
//!
//! | step | what | a crash after it |
//! |---|---|---|
//! | 1 | the result is stored, chords that follow are started | the task runs again and stores it again; a stored SUCCESS stays |
//! | 1b | the member of a chord is counted; the last one joins the header, and the body follows like a callback | it is delivered again and not counted again; the claim to send the body lapses and is given to it |
//! | 2 | follow-ups are published with the settlement, or before it where the broker cannot do both at once | (cannot: the task runs again and its follow-ups are doubled) |
//! | 3 | the delivery is settled | the chord is not finished: its counters lapse. Whoever counts a member meanwhile sends the body again, a copy that is not run |
//! | 3b | chords whose body was sent, or that failed, are finished | nothing: all is done |
//! | 4 | logs, counters and events | a log line is missing |
//!
//! So a crash between two steps repeats work and loses none.

pub(crate) mod errbacks;
mod failure;
pub(crate) mod fall;
pub(crate) mod kept;
mod links;
mod lost;
mod meta;
mod retry;
pub(crate) mod sending;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    Timestamp,
    backend::{ChordClaim, ChordStart, StoredError, TaskMeta, TaskOutput},
    broker::{DeadKind, DeadReason, DeliveryTag, Outgoing, Settle},
    canvas::{self, Signature},
    codec::{Value, json},
    protocol::{Request, TaskId},
    task::{Failure, FailureKind, Outcome, RetryRequest, TaskContext},
};
use tokio::sync::oneshot;
use tracing::{error, warn};

pub(crate) use self::failure::{malformed, poison, undecodable, unknown_task, unreadable};
pub(crate) use self::lost::{Deaths, worker_lost};
pub(crate) use self::retry::same_message;
use self::{
    errbacks::Errbacks,
    fall::{Cause, Fallen, Part},
    sending::{Origin, Sending},
};
use crate::{
    emit::{self, Ended, How},
    limits,
    node::Node,
    tasks::Known,
};

/// Why a task that was too late is revoked, as Celery says it.
pub(crate) const EXPIRED: &str = "expired";

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) known: Arc<Known>,
    pub(crate) cx: TaskContext,
    pub(crate) tag: DeliveryTag,
    /// It was acknowledged before it ran: nothing is left to settle.
    pub(crate) acked: bool,
    pub(crate) runtime: Duration,
    /// It failed elsewhere, as it declares that it may: the error value, which would tell, is not here.
    pub(crate) expected: bool,
    /// The signal that ended its child.
    pub(crate) signal: Option<i32>,
}

/// The effects of one delivery, to be applied in the order of the fields.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The delivery.
    pub(crate) tag: DeliveryTag,
    /// 1. The result of the task,
    pub(crate) store: Option<Box<TaskMeta>>,
    /// and results of other tasks that follow from it.
    pub(crate) store_also: Vec<TaskMeta>,
    /// Chords that follow,
    pub(crate) starts: Vec<ChordStart>,
    /// 1b. and headers in which it counts.
    pub(crate) parts: Vec<Part>,
    /// 2. Messages that follow.
    pub(crate) publish: Vec<Outgoing>,
    /// 3. The end of the delivery; `None` when it was acknowledged before the run.
    pub(crate) settle: Option<Settle>,
    /// 3b. Chords whose body is among the messages that follow, and chords that failed.
    pub(crate) chords: Vec<ChordEnd>,
    /// Told whether the settlement held: early acknowledgement waits for it.
    pub(crate) tell: Option<oneshot::Sender<bool>>,
    /// 4. What to say of it.
    pub(crate) ended: Option<Box<Ended>>,
}

/// A chord that this delivery ends.
#[derive(Debug)]
pub(crate) struct ChordEnd {
    pub(crate) claim: ChordClaim,
    /// Its body was sent; else it failed.
    pub(crate) sent: bool,
}

impl Completion {
    /// No effect at all: what others start from.
    pub(crate) fn of(tag: DeliveryTag) -> Self {
        Self {
            tag,
            store: None,
            store_also: Vec::new(),
            starts: Vec::new(),
            parts: Vec::new(),
            publish: Vec::new(),
            settle: None,
            chords: Vec::new(),
            tell: None,
            ended: None,
        }
    }

    /// Whether all that is left to do is to acknowledge the delivery.
    pub(crate) fn is_mere_acknowledgement(&self) -> bool {
        matches!(self.settle, Some(Settle::Ack))
            && self.tell.is_none()
            && self.store.is_none()
            && self.publish.is_empty()
            && self.parts.is_empty()
            && self.chords.is_empty()
            && self.starts.is_empty()
            && self.store_also.is_empty()
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

    /// Back to its queue, not before a time and not counted; nothing was made of it.
    pub(crate) fn untouched(tag: DeliveryTag, until: Timestamp) -> Self {
        Self { settle: Some(Settle::Requeue { not_before: Some(until) }), ..Self::of(tag) }
    }

    /// Back to its queue instead of all effects it has left.
    pub(crate) fn back(self, node: &Node) -> Self {
        let requeue = Settle::Requeue { not_before: Some(node.now()) };
        Self { settle: self.settle.map(|_| requeue), tell: self.tell, ..Self::of(self.tag) }
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

    /// Delivered again although it has succeeded: its first run was not acknowledged, so what follows it may not
    /// have been sent.
    pub(crate) async fn duplicate(
        node: &Node,
        tag: DeliveryTag,
        known: &Known,
        request: &Request,
        meta: &TaskMeta,
    ) -> Self {
        let origin = Origin::of(request);
        let sending = match value(&meta.output) {
            Some(value) => links::after_success(node, request, &origin, &value).await,
            None => Ok(Sending::default()),
        };
        let sending = sending.unwrap_or_else(|error| {
            error!(id = %request.id(), %error, "could not send what follows a task that has succeeded");
            Sending::default()
        });
        Self {
            starts: sending.starts,
            parts: Part::of(request, &origin, meta).into_iter().collect(),
            publish: sending.publish,
            settle: Some(Settle::Ack),
            ended: Some(Ended::new(known, request, How::Duplicate("it has succeeded already"))),
            ..Self::of(tag)
        }
    }

    /// Another copy of what ends a chord runs, or has run: this one is dropped, and nothing follows it.
    pub(crate) fn copy(node: &Node, tag: DeliveryTag, request: &Request) -> Self {
        let how = How::Duplicate("another copy of it was taken");
        let ended = match node.tasks.get(&request.headers.task) {
            Some(known) => Ended::new(known, request, how),
            None => Ended::unnamed(Some(request.id().clone()), how),
        };
        Self { settle: Some(Settle::Ack), ended: Some(ended), ..Self::of(tag) }
    }

    /// Revoked or expired before it ran.
    pub(crate) fn revoked(
        node: &Node,
        tag: DeliveryTag,
        known: &Known,
        request: &Request,
        reason: &'static str,
    ) -> Self {
        let keeps = reason == EXPIRED && node.app.settings().dead_letter_expired;
        let settle = match &request.headers.expires {
            Some(at) if keeps => {
                let why = format!("it was not to run after {at}");
                Settle::DeadLetter { reason: DeadReason::new(DeadKind::Expired, why) }
            }
            _ => Settle::Ack,
        };
        Self {
            settle: Some(settle),
            ended: Some(Ended::new(known, request, How::Revoked(reason))),
            ..Self::of(tag)
        }
        .cancelled(node, request, &Origin::of(request), reason, known.stores_errors(request))
    }

    /// With the results of a task that was revoked, and of those that would have come after it.
    fn cancelled(
        mut self,
        node: &Node,
        request: &Request,
        origin: &Origin,
        reason: &'static str,
        stores: bool,
    ) -> Self {
        let meta = meta::revoked(node, request, reason);
        let cause = Cause {
            state: meta.state.clone(),
            error: StoredError::celery("TaskRevokedError", reason),
            traceback: None,
            at: node.now(),
        };
        let own = Part::of(request, origin, &meta);
        self.store = stores.then(|| Box::new(meta));
        self.fallen(Fallen::chain(request.embed.chain.as_deref(), &cause, origin), stores);
        self.parts.extend(own);
        self
    }

    /// With what failed besides.
    fn fallen(&mut self, fallen: Fallen, stores: bool) {
        if stores {
            self.store_also.extend(fallen.store);
        }
        self.parts.extend(fallen.parts);
    }
}

/// The effects of an outcome.
pub(crate) async fn of(node: &Arc<Node>, ran: &Ran, outcome: Outcome) -> Completion {
    match outcome {
        Outcome::Success(value) => success(node, ran, value).await,
        Outcome::Failure(failure) => Box::pin(failed(node, ran, failure)).await,
        Outcome::Retry { not_before, cause, request } => {
            Box::pin(retried(node, ran, not_before, cause, &request)).await
        }
        Outcome::Ignore => ignored(node, ran),
        Outcome::Replace(signature) => Box::pin(replaced(node, ran, *signature)).await,
        Outcome::Reject { requeue, reason } => Box::pin(rejected(node, ran, requeue, reason)).await,
        Outcome::Revoked { reason } => Completion {
            settle: settle(ran, Settle::Ack),
            ended: Some(ended(ran, How::Revoked(reason))),
            ..Completion::of(ran.tag)
        }
        .cancelled(node, ran.cx.request(), &Origin::of_run(&ran.cx), reason, stores_errors(ran)),
    }
}

/// The effects of a run that was dropped because the worker stops at once.
pub(crate) async fn given_back(node: &Arc<Node>, ran: &Ran) -> Completion {
    if !ran.acked {
        return Completion::give_back(node, ran.tag, &ran.known, ran.cx.request());
    }
    // Its message is gone; whoever waits must not wait for ever.
    let failure = Failure::new("WorkerLostError", "the worker was stopped while the task ran")
        .in_module("billiard.exceptions")
        .of_kind(FailureKind::WorkerLost);
    failed(node, ran, failure).await
}

async fn success(node: &Arc<Node>, ran: &Ran, value: Bytes) -> Completion {
    match links::is_followed(ran) {
        true => Box::pin(followed(node, ran, value)).await,
        false => {
            let stores = ran.known.stores_result(ran.cx.request());
            Completion {
                store: stores.then(|| Box::new(meta::success(node, ran, value.clone()))),
                settle: settle(ran, Settle::Ack),
                ended: Some(ended(ran, How::Succeeded(value))),
                ..Completion::of(ran.tag)
            }
        }
    }
}

/// A success that others wait for.
async fn followed(node: &Arc<Node>, ran: &Ran, value: Bytes) -> Completion {
    let (request, origin) = (ran.cx.request(), Origin::of_run(&ran.cx));
    let sending = match links::after_success(node, request, &origin, &value).await {
        Ok(sending) => sending,
        Err(error) => {
            let failure =
                Failure::new("EncodeError", format!("could not send what follows the task: {error}"))
                    .in_module("kombu.exceptions");
            return failed(node, ran, failure).await;
        }
    };
    sending.children.into_iter().for_each(|child| ran.cx.add_child(child));
    let stores = ran.known.stores_result(request);
    let meta = (stores || request.embed.chord.is_some()).then(|| meta::success(node, ran, value.clone()));
    Completion {
        starts: sending.starts,
        parts: meta.as_ref().and_then(|meta| Part::of(request, &origin, meta)).into_iter().collect(),
        store: meta.filter(|_| stores).map(Box::new),
        publish: sending.publish,
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Succeeded(value))),
        ..Completion::of(ran.tag)
    }
}

/// The run goes on in another signature under its id: nothing is stored or counted, all links went along.
async fn replaced(node: &Arc<Node>, ran: &Ran, signature: Signature) -> Completion {
    let mut sending = Sending::default();
    let origin = Origin::of_run(&ran.cx);
    let sent = match canvas::replacement(ran.cx.request(), signature) {
        Ok(signature) => sending.add(node, signature, &origin).await,
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        let failure = Failure::new("ImproperlyConfigured", format!("could not replace the task: {error}"))
            .in_module("celery.exceptions");
        return failed(node, ran, failure).await;
    }
    Completion {
        starts: sending.starts,
        publish: sending.publish,
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Replaced)),
        ..Completion::of(ran.tag)
    }
}

/// Nothing is stored. A chord it is in could never end, so it fails, and says why.
fn ignored(node: &Node, ran: &Ran) -> Completion {
    let request = ran.cx.request();
    let why = format!("the task `{}` was ignored, so it has no result", request.headers.task);
    let cause = Cause::error(StoredError::celery("Ignore", why), node.now());
    let part = Part::of(request, &Origin::of_run(&ran.cx), &cause.meta(request.id().clone()));
    Completion {
        parts: part.into_iter().collect(),
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Ignored)),
        ..Completion::of(ran.tag)
    }
}

async fn failed(node: &Arc<Node>, ran: &Ran, failure: Failure) -> Completion {
    let policy = &ran.known.policy;
    let reason = |kind| DeadReason::new(kind, failure.to_string());
    let how = if failure.kind == FailureKind::BadArguments {
        Settle::DeadLetter { reason: reason(DeadKind::BadArguments) }
    } else if limits::is_hard_limit(&failure) {
        if policy.acks_on_timeout { Settle::Ack } else { Settle::Requeue { not_before: None } }
    } else if is_exhausted(node, ran) {
        Settle::DeadLetter { reason: reason(DeadKind::RetriesExhausted) }
    } else if policy.acks_on_failure {
        Settle::Ack
    } else {
        Settle::DeadLetter { reason: reason(DeadKind::Rejected) }
    };
    let dead = matches!(how, Settle::DeadLetter { .. }) && !ran.acked;
    // A run that is repeated has not failed yet for those who come after it.
    let again = matches!(how, Settle::Requeue { .. }) && !ran.acked;
    let stores = stores_errors(ran);
    let meta = meta::failure(node, ran, &failure);
    let mut completion = if again {
        Completion { store: stores.then(|| Box::new(meta)), ..Completion::of(ran.tag) }
    } else {
        after_failure(node, ran, meta, &failure, stores).await
    };
    completion.settle = settle(ran, how);
    completion.ended = Some(ended(ran, How::Failed { failure, dead }));
    completion
}

/// Whether it failed in its last attempt, and such tasks are kept.
fn is_exhausted(node: &Node, ran: &Ran) -> bool {
    let retries = ran.cx.request().headers.retries;
    let most = ran.known.def.options.max_retries;
    retries > 0 && most.is_some_and(|most| retries >= most) && node.app.settings().dead_letter_exhausted
}

/// Its results, its chord, its chain, and those who are told.
async fn after_failure(
    node: &Arc<Node>,
    ran: &Ran,
    meta: TaskMeta,
    failure: &Failure,
    stores: bool,
) -> Completion {
    let (request, origin) = (ran.cx.request(), Origin::of_run(&ran.cx));
    let cause = Cause::failed(failure, node.now());
    let mut completion = falling(node, ran.tag, request, (&origin, &cause), &meta, stores).await;
    if let Some(errbacks) = Errbacks::of_request(request, &cause, &origin) {
        // An errback that is called here may look at the result.
        if stores && errbacks.any_here(node) {
            let stored = node.backend.store(std::slice::from_ref(&meta)).await;
            stored.unwrap_or_else(|error| warn!(%error, "could not store a failure before its errbacks"));
        }
        let sending = errbacks.tell(node).await;
        (completion.publish, completion.starts) = (sending.publish, sending.starts);
    }
    completion.store = stores.then(|| Box::new(meta));
    completion
}

/// What a failure takes along: its part in a chord, and the steps that would have followed. Kept, to be run again.
async fn falling(
    node: &Node,
    tag: DeliveryTag,
    request: &Request,
    (origin, cause): (&Origin, &Cause),
    meta: &TaskMeta,
    stores: bool,
) -> Completion {
    let fallen = Fallen::chain(request.embed.chain.as_deref(), cause, origin);
    let own = Part::of(request, origin, meta);
    kept::step(node, request, &fallen, own.as_ref()).await;
    let mut completion = Completion { parts: own.into_iter().collect(), ..Completion::of(tag) };
    completion.fallen(fallen, stores);
    completion
}

async fn retried(
    node: &Arc<Node>,
    ran: &Ran,
    not_before: Timestamp,
    cause: Failure,
    asked: &RetryRequest,
) -> Completion {
    let next = match retry::message(node, &ran.cx, not_before, asked, &cause) {
        Ok(next) => next,
        Err(error) => {
            let failure = Failure::new("EncodeError", format!("could not write the retry: {error}"))
                .in_module("kombu.exceptions");
            return failed(node, ran, failure).await;
        }
    };
    Completion {
        store: stores_errors(ran).then(|| Box::new(meta::retry(ran, &cause))),
        publish: vec![next],
        settle: settle(ran, Settle::Ack),
        ended: Some(ended(ran, How::Retried { not_before, cause })),
        ..Completion::of(ran.tag)
    }
}

async fn rejected(node: &Arc<Node>, ran: &Ran, requeue: bool, reason: String) -> Completion {
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
    let meta = meta::failure(node, ran, &failure);
    Completion {
        settle: settle(ran, Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, reason) }),
        ended,
        ..after_failure(node, ran, meta, &failure, stores_errors(ran)).await
    }
}

/// A stored value as JSON.
fn value(output: &TaskOutput) -> Option<Bytes> {
    match output {
        TaskOutput::Json(text) => Some(text.clone()),
        TaskOutput::Value(value) => json::to_bytes(value).ok(),
        TaskOutput::Error(_) => None,
    }
}

fn settle(ran: &Ran, how: Settle) -> Option<Settle> {
    (!ran.acked).then_some(how)
}

fn stores_errors(ran: &Ran) -> bool {
    ran.known.stores_errors(ran.cx.request())
}

fn ended(ran: &Ran, how: How) -> Box<Ended> {
    let mut ended = Ended::new(&ran.known, ran.cx.request(), how);
    if ran.expected {
        ended.expected = Some(|_| true);
    }
    // The run's own span, which is not in the message.
    ended.trace = emit::logged(|| ran.cx.trace());
    (ended.runtime, ended.signal) = (Some(ran.runtime), ran.signal);
    ended
}
