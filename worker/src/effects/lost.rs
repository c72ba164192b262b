//! A run whose child process died.
//!
//! Kept true here: a message that kills its processes ends: when it killed the one in which it ran alone, and at
//! the latest after as many deliveries as any other message that comes to nothing; its reason says what the last
//! one died of.

use std::sync::Arc;

use taskq_core::{
    broker::{DeadKind, DeadReason, Settle},
    task::{Failure, FailureKind, Outcome, decide},
};
use tracing::warn;

use super::{Completion, Ran, after_failure, ended, failed, meta, of, stores_errors};
use crate::{emit::How, node::Node};

/// Processes that a message has killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deaths {
    /// How many, this one included: its deliveries that came to no end.
    pub(crate) count: u32,
    /// Nothing else ran in the last one.
    pub(crate) alone: bool,
}

/// The effects of a run whose child died: back to its queue, until it has killed so many that it is poison;
/// another attempt, if the task asks for it; else a failure, as in Celery.
pub(crate) async fn worker_lost(node: &Arc<Node>, ran: &Ran, deaths: Deaths, text: String) -> Completion {
    let Deaths { count, alone } = deaths;
    let failure = || {
        Failure::new("WorkerLostError", text.clone())
            .in_module("billiard.exceptions")
            .of_kind(FailureKind::WorkerLost)
    };
    let (policy, request) = (&ran.known.policy, ran.cx.request());
    let mut options = ran.known.def.options;
    options.retry_on_worker_lost = Some(policy.retry_on_worker_lost);
    let (now, rng) = (node.now(), &mut fastrand::Rng::new());
    if let retry @ Outcome::Retry { .. } = decide(Err(failure().into()), &options, request, now, rng) {
        return of(node, ran, retry).await;
    }
    if ran.acked || !policy.reject_on_worker_lost || policy.retry_on_worker_lost {
        return failed(node, ran, failure()).await;
    }
    let limit = node.tuning.max_deliveries;
    if !alone && (limit == 0 || count < limit) {
        warn!(task = %ran.known.name, id = %request.id(), deliveries = count, "{text} its message goes back to its queue");
        // Counted as a delivery without an end: that is how poison is known.
        return Completion {
            settle: Some(Settle::Requeue { not_before: None }),
            ended: Some(ended(ran, How::GivenBack)),
            ..Completion::of(ran.tag)
        };
    }
    let reason = match alone {
        true => format!("its process died {count} times, the last time it ran alone: {text}"),
        false => format!("delivered {count} times without an end: {text}"),
    };
    let mut failure = failure();
    failure.traceback = Some(reason.clone());
    let meta = meta::failure(node, ran, &failure);
    let mut completion = after_failure(node, ran, meta, &failure, stores_errors(ran)).await;
    completion.settle = Some(Settle::DeadLetter { reason: DeadReason::new(DeadKind::Poison, reason) });
    completion.ended = Some(ended(ran, How::Failed { failure, dead: true }));
    completion
}
