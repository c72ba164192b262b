//! The events of tasks, with Celery's fields in Celery's order.
//!
//! Kept true here: while nobody asked for task events, none is made: the cost is one load.

use taskq_core::{
    broker::DeadKind,
    codec::{Map, Value, repr},
    event::exception,
    protocol::{Request, TaskId},
    task::Failure,
};

use super::{Ended, How};
use crate::{node::Node, tasks::Known};

/// The signal that `terminate` stands for where a task is dropped, not signalled.
const SIGTERM: i32 = 15;

pub(super) fn received(node: &Node, known: &Known, request: &Request) {
    if !tells(node, known) {
        return;
    }
    let headers = &request.headers;
    // What another sender shows may show what is hidden here.
    let told = |text: &Option<String>| text.clone().filter(|_| !repr::hides_any());
    let shown = || request.arguments.shown(known.def.params);
    let args = told(&headers.argsrepr).unwrap_or_else(|| shown().0);
    let kwargs = told(&headers.kwargsrepr).unwrap_or_else(|| shown().1);
    let fields = [
        ("uuid", Value::from(request.id().as_str())),
        ("name", Value::from(request.display_name())),
        ("args", Value::from(args)),
        ("kwargs", Value::from(kwargs)),
        ("root_id", id(headers.root_id.as_ref())),
        ("parent_id", id(headers.parent_id.as_ref())),
        ("retries", Value::from(headers.retries)),
        ("eta", text(headers.eta.as_deref())),
        ("expires", text(headers.expires.as_deref())),
    ];
    node.events.tell("task-received", map(fields));
}

pub(super) fn started(node: &Node, known: &Known, id: &TaskId) {
    if tells(node, known) {
        node.events.tell("task-started", map([("uuid", Value::from(id.as_str()))]));
    }
}

pub(super) fn ended(node: &Node, ended: &Ended) {
    let Some(uuid) = ended.id.as_ref().filter(|_| ended.tells && node.events.tells_tasks()) else { return };
    let uuid = ("uuid", Value::from(uuid.as_str()));
    let runtime = ended.runtime.unwrap_or_default().as_secs_f64();
    match &ended.how {
        How::Succeeded(value) => node.events.tell(
            "task-succeeded",
            map([uuid, ("result", repr::raw_value(value).into()), ("runtime", runtime.into())]),
        ),
        How::Failed { failure, .. } => node.events.tell("task-failed", error(uuid, failure)),
        How::Retried { cause, .. } => node.events.tell("task-retried", error(uuid, cause)),
        How::Rejected { requeue, reason } => {
            if !requeue {
                let exception = format!("Reject({}, False)", repr::value(&Value::from(reason.as_str())));
                node.events.tell("task-failed", map([uuid.clone(), ("exception", exception.into())]));
            }
            node.events.tell("task-rejected", map([uuid, ("requeue", (*requeue).into())]));
        }
        How::Revoked(reason) => {
            let terminated = *reason == "terminated";
            let signum = if terminated { Value::from(ended.signal.unwrap_or(SIGTERM)) } else { Value::Null };
            let expired = Value::Bool(*reason == "expired");
            let fields = [uuid, ("terminated", terminated.into()), ("signum", signum), ("expired", expired)];
            node.events.tell("task-revoked", map(fields));
        }
        How::Dead(reason) => {
            let exception = match reason.kind {
                DeadKind::UnknownTask => {
                    format!("NotRegistered({})", repr::value(&Value::from(&*ended.task)))
                }
                _ => reason.to_string(),
            };
            let exception = Value::from(exception);
            node.events.tell("task-failed", map([uuid, ("exception", exception)]));
        }
        How::Ignored | How::Replaced | How::Postponed { .. } | How::GivenBack | How::Duplicate(_) => {}
    }
}

fn tells(node: &Node, known: &Known) -> bool {
    node.events.tells_tasks() && known.def.options.send_events
}

fn error(uuid: (&'static str, Value), failure: &Failure) -> Map {
    map([
        uuid,
        ("exception", exception(&failure.error).into()),
        ("traceback", text(failure.traceback.as_deref())),
    ])
}

fn id(id: Option<&TaskId>) -> Value {
    text(id.map(TaskId::as_str))
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
