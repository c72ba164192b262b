//! What the frames say: a run on its way to a child, and its outcome on the way back.
//!
//! Kept true here: an outcome says the same on both sides, but for the error value of a failure, which stays in
//! the child: what only it can tell (whether the failure was expected) travels along.

use std::{io, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taskq_core::{
    Timestamp,
    backend::{Child, StoredError},
    broker::Envelope,
    canvas::Signature,
    codec::{Map, Value},
    protocol::{DeliveryInfo, Message, TraceContext},
    task::{Failure, FailureKind, Outcome, RetryRequest, TaskContext},
};

/// From the worker to a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Run the message in the body.
    Run(Delivered),
    /// Die of this signal.
    Die(i32),
}

/// How the message was delivered, and what holds for its run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Delivered {
    /// Node name of the worker.
    hostname: String,
    queue: String,
    priority: Option<i64>,
    redelivered: bool,
    /// The soft time limit, in seconds.
    soft: Option<f64>,
}

impl Delivered {
    pub(super) fn new(hostname: &str, delivery: &DeliveryInfo, soft: Option<Duration>) -> Self {
        Self {
            hostname: hostname.to_owned(),
            queue: delivery.queue.to_string(),
            priority: delivery.priority,
            redelivered: delivery.redelivered,
            soft: soft.map(|soft| soft.as_secs_f64()),
        }
    }

    pub(super) fn hostname(&self) -> &str {
        &self.hostname
    }

    pub(super) fn soft(&self) -> Option<Duration> {
        self.soft.and_then(|soft| Duration::try_from_secs_f64(soft).ok())
    }

    /// The message and how it was delivered.
    pub(super) fn open(&self, body: &Bytes) -> io::Result<(Message, DeliveryInfo)> {
        let Envelope { message, exchange, routing_key } = Envelope::decode(body).map_err(io::Error::other)?;
        let delivery = DeliveryInfo {
            queue: self.queue.as_str().into(),
            exchange,
            routing_key,
            priority: self.priority,
            redelivered: self.redelivered,
        };
        Ok((message, delivery))
    }
}

/// From a child to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It can take runs.
    Ready,
    /// The task tells an event.
    Event(String, Map),
    /// The run is over; a return value is in the body.
    Done(Done),
}

/// A run that is over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    how: How,
    /// What the task has sent.
    children: Vec<Value>,
    /// What is to be sent after its success.
    following: Vec<Value>,
    /// The trace that follow-ups belong to.
    trace: Map,
    /// Whether the failure is one that the task declares (`throws`).
    pub(super) expected: bool,
    /// The most memory that the child has used so far, in KiB.
    pub(super) memory: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
enum How {
    Success,
    Failure(Failed),
    Retry { not_before: Timestamp, cause: Failed, asked: Box<Asked> },
    Ignore,
    Replace(Value),
    Reject { requeue: bool, reason: String },
}

#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    error: Value,
    kind: FailureKind,
    traceback: Option<String>,
}

/// What changes in the next attempt.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    args: Option<String>,
    kwargs: Option<String>,
    queue: Option<String>,
    priority: Option<u8>,
    expires: Option<Timestamp>,
    hard: Option<f64>,
    soft: Option<f64>,
    headers: Map,
}

impl Done {
    /// The outcome of a run in a child, and its return value.
    pub(super) fn new(outcome: Outcome, cx: Option<&TaskContext>, expected: bool) -> (Self, Bytes) {
        let mut body = Bytes::new();
        let how = match outcome {
            Outcome::Success(value) => {
                body = value;
                How::Success
            }
            Outcome::Failure(failure) => How::Failure(Failed::new(failure)),
            Outcome::Retry { not_before, cause, request } => {
                How::Retry { not_before, cause: Failed::new(cause), asked: Box::new(Asked::new(*request)) }
            }
            Outcome::Ignore => How::Ignore,
            Outcome::Replace(signature) => How::Replace(signature.to_value()),
            Outcome::Reject { requeue, reason } => How::Reject { requeue, reason },
            // Only the worker revokes.
            Outcome::Revoked { reason } => How::Reject { requeue: false, reason: reason.to_owned() },
        };
        let done = Self {
            how,
            children: cx.map_or_else(Vec::new, |cx| cx.children().iter().map(Child::to_value).collect()),
            following: cx
                .map_or_else(Vec::new, |cx| cx.take_following().iter().map(Signature::to_value).collect()),
            trace: cx.map_or_else(Map::default, |cx| {
                cx.trace().iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
            }),
            expected,
            memory: None,
        };
        (done, body)
    }

    /// The outcome in the worker; what the task has sent, and is to send, goes to its context here.
    pub(super) fn outcome(self, value: Bytes, cx: &TaskContext) -> Outcome {
        self.children.iter().filter_map(Child::from_value).for_each(|child| cx.add_child(child));
        if !self.trace.is_empty() {
            cx.set_trace(TraceContext::read(|name| self.trace.get(name).cloned()));
        }
        for signature in self.following {
            match Signature::from_value(signature) {
                Ok(signature) => cx.send_with_success(signature),
                Err(error) => return unreadable(&error),
            }
        }
        match self.how {
            How::Success => Outcome::Success(value),
            How::Failure(failed) => Outcome::Failure(failed.failure()),
            How::Retry { not_before, cause, asked } => {
                Outcome::Retry { not_before, cause: cause.failure(), request: Box::new(asked.request()) }
            }
            How::Ignore => Outcome::Ignore,
            How::Replace(signature) => match Signature::from_value(signature) {
                Ok(signature) => Outcome::Replace(Box::new(signature)),
                Err(error) => unreadable(&error),
            },
            How::Reject { requeue, reason } => Outcome::Reject { requeue, reason },
        }
    }
}

fn unreadable(error: &taskq_core::Error) -> Outcome {
    Outcome::Failure(Failure::new("RuntimeError", format!("could not read what follows the task: {error}")))
}

impl Failed {
    fn new(failure: Failure) -> Self {
        Self { error: failure.error.to_value(), kind: failure.kind, traceback: failure.traceback }
    }

    fn failure(self) -> Failure {
        let mut failure = Failure::new("Exception", "").of_kind(self.kind);
        failure.error = StoredError::from_value(&self.error).unwrap_or(failure.error);
        failure.traceback = self.traceback;
        failure
    }
}

impl Asked {
    fn new(asked: RetryRequest) -> Self {
        let text = |json: Bytes| String::from_utf8_lossy(&json).into_owned();
        let seconds = |limit: Duration| limit.as_secs_f64();
        Self {
            args: asked.args.map(text),
            kwargs: asked.kwargs.map(text),
            queue: asked.queue,
            priority: asked.priority,
            expires: asked.expires,
            hard: asked.time_limit.map(seconds),
            soft: asked.soft_time_limit.map(seconds),
            headers: asked.headers,
        }
    }

    fn request(self) -> RetryRequest {
        let limit = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
        RetryRequest {
            args: self.args.map(Bytes::from),
            kwargs: self.kwargs.map(Bytes::from),
            queue: self.queue,
            priority: self.priority,
            expires: self.expires,
            time_limit: self.hard.and_then(limit),
            soft_time_limit: self.soft.and_then(limit),
            headers: self.headers,
            ..RetryRequest::default()
        }
    }
}
