//! What is said of each change of a task's state: a structured log line, a counter, an event.
//!
//! Kept true here: every part of the worker says it by one call; nothing said here can fail or wait.

mod event;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    Timestamp,
    broker::DeadReason,
    codec::repr,
    protocol::{Request, TaskId, TraceContext},
    task::Failure,
};
use tracing::{debug, error, info, warn};

use crate::{measure, node::Node, tasks::Known};

/// The end of a delivery, to be told after it was settled.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) task: Arc<str>,
    pub(crate) id: Option<TaskId>,
    pub(crate) root: Option<TaskId>,
    /// `None` when it did not run.
    pub(crate) runtime: Option<Duration>,
    /// Longest result text in the log, in bytes.
    pub(crate) repr_limit: usize,
    /// Whether its events are told: the task's option `send_events`.
    pub(crate) tells: bool,
    /// Which failures are no alarm.
    pub(crate) expected: Option<fn(&Failure) -> bool>,
    /// The signal that ended its process, if one did.
    pub(crate) signal: Option<i32>,
    /// Its trace, where log lines name it.
    pub(crate) trace: Option<Box<TraceContext>>,
    pub(crate) how: How,
}

/// How a delivery ended.
#[derive(Debug)]
pub(crate) enum How {
    Succeeded(Bytes),
    Failed { failure: Failure, dead: bool },
    Retried { not_before: Timestamp, cause: Failure },
    Ignored,
    Replaced,
    Rejected { requeue: bool, reason: String },
    Revoked(&'static str),
    Postponed { until: Timestamp, why: &'static str },
    GivenBack,
    Duplicate(&'static str),
    Dead(DeadReason),
}

impl Ended {
    pub(crate) fn new(known: &Known, request: &Request, how: How) -> Box<Self> {
        Box::new(Self {
            task: Arc::clone(&known.name),
            id: Some(request.id().clone()),
            root: request.headers.root_id.clone(),
            runtime: None,
            repr_limit: known.def.options.resultrepr_maxsize,
            tells: known.def.options.send_events,
            expected: known.def.options.throws,
            signal: None,
            trace: logged(|| TraceContext::of(&request.headers)),
            how,
        })
    }

    /// A message that never became a run.
    pub(crate) fn dead(task: Option<&str>, id: Option<TaskId>, reason: DeadReason) -> Box<Self> {
        Box::new(Self { task: task.unwrap_or("?").into(), ..*Self::unnamed(id, How::Dead(reason)) })
    }

    /// The end of a delivery whose task's name is not at hand.
    pub(crate) fn unnamed(id: Option<TaskId>, how: How) -> Box<Self> {
        Box::new(Self {
            task: "?".into(),
            id,
            root: None,
            runtime: None,
            repr_limit: 0,
            tells: true,
            expected: None,
            signal: None,
            trace: None,
            how,
        })
    }
}

/// The trace, for a log that names it.
pub(crate) fn logged(trace: impl FnOnce() -> TraceContext) -> Option<Box<TraceContext>> {
    TraceContext::ids_are_logged().then(|| Box::new(trace()))
}

/// `trace_id` and `span_id`, where there are any.
fn ids(trace: Option<&TraceContext>) -> (Option<&str>, Option<&str>) {
    trace.map_or((None, None), |trace| (trace.trace_id(), trace.span_id()))
}

/// A task has arrived and passed the gates.
pub(crate) fn received(node: &Node, known: &Known, request: &Request) {
    event::received(node, known, request);
    let trace = logged(|| TraceContext::of(&request.headers));
    let (trace_id, span_id) = ids(trace.as_deref());
    let root = shown(request.headers.root_id.as_ref());
    info!(task = %known.name, id = %request.id(), root = %root, trace_id, span_id, "task received");
}

/// A task starts.
pub(crate) fn started(node: &Node, known: &Known, request: &Request) {
    node.counters.started.inc();
    node.totals.count(&known.name);
    let trace = logged(|| TraceContext::of(&request.headers));
    let (trace_id, span_id) = ids(trace.as_deref());
    debug!(task = %known.name, id = %request.id(), trace_id, span_id, "task started");
    event::started(node, known, request.id());
}

/// Tells the end of a delivery. `lost`: its lease was gone, so what it did last was dropped.
pub(crate) fn ended(node: &Node, ended: &Ended, lost: bool) {
    if node.watched {
        measure::ended(ended, lost);
    }
    let (task, id) = (&*ended.task, shown(ended.id.as_ref()));
    let (trace_id, span_id) = ids(ended.trace.as_deref());
    let count = &node.counters;
    if lost {
        count.lost.inc();
        warn!(
            task,
            id, trace_id, span_id, "lease lost: the task runs somewhere else, its end here was dropped"
        );
        return;
    }
    event::ended(node, ended);
    let root = shown(ended.root.as_ref());
    let runtime = ended.runtime.unwrap_or_default().as_secs_f64();
    match &ended.how {
        How::Succeeded(value) => {
            count.succeeded.inc();
            info!(task, id, root, trace_id, span_id, runtime, result = %Text(value, ended.repr_limit), "task succeeded");
        }
        How::Failed { failure, dead } => {
            count.failed.inc();
            if *dead {
                count.dead.inc();
            }
            let traceback = failure.traceback.as_deref().unwrap_or_default();
            if ended.expected.is_some_and(|expected| expected(failure)) {
                info!(task, id, root, trace_id, span_id, runtime, error = %failure, "task failed as expected");
            } else {
                error!(task, id, root, trace_id, span_id, runtime, error = %failure, traceback, "task failed");
            }
        }
        How::Retried { not_before, cause } => {
            count.retried.inc();
            info!(task, id, root, trace_id, span_id, runtime, not_before = %not_before, cause = %cause, "task retries");
        }
        How::Ignored => {
            count.ignored.inc();
            info!(task, id, root, trace_id, span_id, runtime, "task ignored");
        }
        How::Replaced => {
            count.replaced.inc();
            info!(task, id, root, trace_id, span_id, runtime, "task replaced");
        }
        How::Rejected { requeue, reason } => {
            count.rejected.inc();
            if !requeue {
                count.dead.inc();
            }
            warn!(task, id, root, trace_id, span_id, runtime, requeue, reason, "task rejected");
        }
        How::Revoked(reason) => {
            count.revoked.inc();
            info!(task, id, root, trace_id, span_id, runtime, reason, "task revoked");
        }
        How::Postponed { until, why } => {
            count.postponed.inc();
            info!(task, id, root, trace_id, span_id, until = %until, why, "task waits in the broker");
        }
        How::Duplicate(why) => {
            count.duplicates.inc();
            info!(task, id, root, trace_id, span_id, "task skipped: {why}");
        }
        How::GivenBack => {
            count.given_back.inc();
            debug!(task, id, root, trace_id, span_id, "task given back");
        }
        How::Dead(reason) => {
            count.failed.inc();
            count.dead.inc();
            error!(task, id, root, trace_id, span_id, %reason, "message put aside");
        }
    }
}

fn shown(id: Option<&TaskId>) -> &str {
    id.map_or("", TaskId::as_str)
}

/// A result as text, cut at a limit; where something is hidden, as arguments are shown.
struct Text<'a>(&'a [u8], usize);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if repr::hides_any() {
            return f.write_str(&repr::raw_value(self.0));
        }
        let cut = self.0.len() > self.1;
        let bytes = if cut { &self.0[..self.1] } else { self.0 };
        f.write_str(&String::from_utf8_lossy(bytes))?;
        if cut { f.write_str("...") } else { Ok(()) }
    }
}
