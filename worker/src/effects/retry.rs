//! The message of the next attempt.
//!
//! Kept true here: same id, same headers (those nobody knows included), same links, same format; only what a
//! retry changes is changed.

use taskq_core::{
    broker::{ERRORS_HEADER, Outgoing},
    codec::{CodecError, Map, Value, repr},
    protocol::{Message, Request, TaskMessage, format_timestamp, shown_args},
    task::{Failure, RetryRequest, TaskContext},
};
use tracing::error;

use crate::node::Node;

/// Most attempts whose errors travel along, and how much of each, in bytes: headers must stay small.
const ERRORS: usize = 10;
const ERROR_TEXT: usize = 500;

/// The next attempt.
pub(super) fn message(
    node: &Node,
    cx: &TaskContext,
    not_before: taskq_core::Timestamp,
    asked: &RetryRequest,
    cause: &Failure,
) -> Result<Outgoing, CodecError> {
    let request = cx.request();
    let mut task = TaskMessage::of(request)?;
    let headers = &mut task.headers;
    let params = node.tasks.get(&headers.task).map(|known| known.def.params).unwrap_or_default();
    cx.trace().put(headers);
    if node.app.settings().dead_letter_exhausted {
        note_error(&mut headers.extra, node.now(), cause);
    }
    headers.retries = headers.retries.saturating_add(1);
    headers.eta = Some(format_timestamp(not_before));
    headers.parent_id = Some(headers.id.clone());
    if let Some(expires) = asked.expires {
        headers.expires = Some(format_timestamp(expires));
    }
    if let Some(limit) = asked.time_limit {
        headers.timelimit.0 = Some(limit.as_secs_f64());
    }
    if let Some(limit) = asked.soft_time_limit {
        headers.timelimit.1 = Some(limit.as_secs_f64());
    }
    headers.extra.extend(asked.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some(priority) = asked.priority {
        task.properties.priority = Some(i64::from(priority));
    }
    if let Some(args) = &asked.args {
        task.args.clone_from(args);
        task.headers.argsrepr = repr::hides_any().then(|| shown_args(args, params));
    }
    if let Some(kwargs) = &asked.kwargs {
        task.kwargs.clone_from(kwargs);
        task.headers.kwargsrepr = None;
    }
    let mut out = encode(node, request, task)?;
    if let Some(queue) = &asked.queue {
        out.exchange.clear();
        out.routing_key.clone_from(queue);
    }
    out.not_before = node.can.native_delay.then_some(not_before);
    Ok(out)
}

/// Adds what an attempt failed with to those before it, of which the oldest are forgotten.
fn note_error(extra: &mut Map, at: taskq_core::Timestamp, cause: &Failure) {
    let mut errors = match extra.get(ERRORS_HEADER) {
        Some(Value::List(errors)) => errors.clone(),
        _ => Vec::new(),
    };
    errors.drain(..errors.len().saturating_sub(ERRORS - 1));
    let mut text = cause.to_string();
    text.truncate(text.floor_char_boundary(ERROR_TEXT));
    let mut error = Map::default();
    error.insert("at".into(), Value::Str(format_timestamp(at)));
    error.insert("error".into(), Value::Str(text));
    errors.push(Value::Map(error));
    extra.insert(ERRORS_HEADER.into(), Value::List(errors));
}

/// The same message as if it were sent now: the first attempt, at once.
pub(super) fn anew(node: &Node, request: &Request) -> Result<Outgoing, CodecError> {
    let mut task = TaskMessage::of(request)?;
    (task.headers.retries, task.headers.eta, task.headers.expires) = (0, None, None);
    encode(node, request, task)
}

/// The same message once more, for a task that was acknowledged early and wants to be requeued.
pub(super) fn copy(node: &Node, request: &Request) -> Vec<Outgoing> {
    match TaskMessage::of(request).and_then(|task| encode(node, request, task)) {
        Ok(out) => vec![out],
        Err(error) => {
            error!(id = %request.id(), %error, "could not write the rejected message again: it is gone");
            Vec::new()
        }
    }
}

/// The message as it came, for a child.
pub(crate) fn same_message(node: &Node, request: &Request) -> Result<Message, CodecError> {
    Ok(encode(node, request, TaskMessage::of(request)?)?.message)
}

fn encode(node: &Node, request: &Request, task: TaskMessage) -> Result<Outgoing, CodecError> {
    let serializer = node.decoding.accept.check(&request.content_type)?;
    let message = task.encode(request.protocol, serializer, request.headers.compression.as_deref())?;
    Ok(Outgoing {
        message,
        exchange: request.delivery.exchange.clone(),
        routing_key: request.delivery.routing_key.clone(),
        not_before: None,
    })
}
