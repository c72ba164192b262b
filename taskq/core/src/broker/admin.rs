//! Looking into queues: depth, peek, purge, dead letters.

use std::{fmt, time::Duration};

use bytes::Bytes;

use super::{BrokerError, BrokerErrorKind, DeadReason, Finding, Queue};
use crate::{BoxFuture, Timestamp, protocol::Message};

/// Looks into queues and changes them. Every operation names its queue.
pub trait BrokerAdmin: Send + Sync + fmt::Debug {
    /// The queues this broker knows of, sorted.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<String>, BrokerError>>;

    /// Counts of each queue, in the order asked. A queue that does not exist counts as empty.
    fn stats<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, Result<Vec<QueueStats>, BrokerError>>;

    /// The next messages of a queue without taking them, most urgent first.
    fn peek<'a>(
        &'a self,
        queue: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PeekedMessage>, BrokerError>>;

    /// Removes every waiting message (ready and delayed, not those in flight, not dead letters); answers how
    /// many. Works in bounded steps: `progress` is called with the number removed so far.
    fn purge<'a>(
        &'a self,
        queue: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>>;

    /// Makes the delayed messages of a queue due now, in their order: for moving them to another broker. A worker
    /// that takes one delays it again by its `eta` header. Default: nothing, for brokers whose queues share the
    /// place where messages wait for their time.
    fn make_due<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        let _ = queue;
        Box::pin(async { Ok(()) })
    }

    /// Dead letters of a queue, newest first, from `offset`.
    fn dead<'a>(
        &'a self,
        queue: &'a str,
        offset: usize,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, BrokerError>>;

    /// Puts dead letters back to the queue they came from, bytes unchanged; answers how many were still there.
    fn replay<'a>(&'a self, queue: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, BrokerError>>;

    /// Removes dead letters for good; answers how many were still there.
    fn forget_dead<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<u64, BrokerError>>;

    /// Looks at how the server, and these queues on it, are set up for tasks that are put aside after so many
    /// deliveries. Default: nothing is looked at.
    fn checkup<'a>(
        &'a self,
        queues: &'a [String],
        max_deliveries: u32,
    ) -> BoxFuture<'a, Result<Vec<Finding>, BrokerError>> {
        let _ = (queues, max_deliveries);
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Moves what is ready in a queue to another one of this broker, bytes unchanged; answers how many. Each is
    /// stored there before it is removed here: an error in between may double, never lose. Default: an error.
    fn move_ready<'a>(
        &'a self,
        from: &'a str,
        to: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        let _ = (from, to, progress);
        Box::pin(async { Err(cannot("move messages between its queues")) })
    }

    /// Removes waiting messages that were [peeked at](Self::peek) and are still there, byte for byte, or moves them
    /// to the back of another queue; answers for each whether it was there. One that somebody took meanwhile is
    /// not, and stays his. Default: an error.
    fn pick<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [PeekedMessage],
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<bool>, BrokerError>> {
        let _ = (queue, messages, to);
        Box::pin(async { Err(cannot("pick single messages out of its queues")) })
    }

    /// What leads to queues, sorted, where the broker can tell. Default: an error.
    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, BrokerError>> {
        Box::pin(async { Err(cannot("list bindings")) })
    }

    /// Removes a queue with its binding and everything in it: reply queues that have served. Default: nothing,
    /// for brokers that remove auto-delete queues by themselves.
    fn remove_queue<'a>(&'a self, queue: &'a Queue) -> BoxFuture<'a, Result<(), BrokerError>> {
        let _ = queue;
        Box::pin(async { Ok(()) })
    }
}

fn cannot(what: &str) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Other, format!("this broker cannot {what}"))
}

/// What leads from an exchange to a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// The exchange; `""` is the anonymous one.
    pub exchange: String,
    /// The binding key.
    pub routing_key: String,
    /// The queue.
    pub queue: String,
}

/// Messages a second, lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Published to the queue.
    pub published: f64,
    /// Delivered from it, again or not.
    pub delivered: f64,
    /// Acknowledged.
    pub settled: f64,
}

/// Counts of a queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueStats {
    /// Its name.
    pub queue: String,
    /// Waiting and due.
    pub ready: u64,
    /// Waiting for their time.
    pub delayed: u64,
    /// Delivered and not settled.
    pub in_flight: u64,
    /// Put aside.
    pub dead: u64,
    /// Age of the oldest ready message, where the broker can tell.
    pub oldest: Option<Duration>,
    /// Who consumes it, where the broker can tell.
    pub consumers: Option<u64>,
    /// How fast it is filled and emptied, where the broker can tell.
    pub rates: Option<Rates>,
}

/// A message looked at in its queue.
#[derive(Clone, Debug)]
pub struct PeekedMessage {
    /// What the broker holds.
    pub original: Bytes,
    /// The envelope, if it can be read.
    pub message: Option<Message>,
    /// When it is due, if it is delayed.
    pub not_before: Option<Timestamp>,
}

/// A message that was put aside.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Names it within its queue.
    pub id: String,
    /// The queue it was consumed from.
    pub queue: String,
    /// Why.
    pub reason: DeadReason,
    /// When.
    pub at: Timestamp,
    /// How often it was delivered.
    pub deliveries: u32,
    /// The bytes as they were in the queue.
    pub original: Bytes,
    /// The envelope, if it can be read.
    pub message: Option<Message>,
}

/// The header in which attempts that failed are kept, when the settings ask for it: a list, oldest first, of objects
/// with `at` (ISO 8601) and `error`.
pub const ERRORS_HEADER: &str = "taskq_errors";

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastError {
    /// When, as it was written.
    pub at: String,
    /// With what: type and text.
    pub text: String,
}

impl DeadLetter {
    /// The name of the task, if the headers can be read.
    pub fn task(&self) -> Option<String> {
        self.headers()?.get("task")?.as_str().map(str::to_owned)
    }

    /// What earlier attempts failed with, oldest first; of a task that was retried while
    /// `dead_letter_exhausted` was on.
    pub fn errors(&self) -> Vec<PastError> {
        let headers = self.headers().unwrap_or_default();
        let errors = headers.get(ERRORS_HEADER).and_then(serde_json::Value::as_array);
        let text = |value: &serde_json::Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let read = |error| Some(PastError { at: text(error, "at")?, text: text(error, "error")? });
        errors.into_iter().flatten().filter_map(read).collect()
    }

    /// The headers as JSON, if they can be read.
    pub fn headers(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.message.as_ref()?.headers.0).ok()
    }
}
