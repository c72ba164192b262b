//! Everything a call may say besides the arguments: the options of Celery's `apply_async`.

use std::time::Duration;

use super::RetryPolicy;
use crate::{
    Error, ErrorKind, Timestamp,
    broker::ExchangeKind,
    canvas::Signature,
    codec::{Map, Serializer, Value},
    protocol::{DeliveryMode, TaskId},
};

/// The options of a call. `None` means: as the task, the route or the settings say.
///
/// Built by value: `SendOptions::new().queue("low").priority(9)`. The same methods are on
/// [`Call`](super::Call), on [`Signature`] and on what `task.with()` returns.
#[must_use = "options do nothing until a call takes them"]
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Not before this long from now.
    pub countdown: Option<Duration>,
    /// Not before this time; wins over `countdown`.
    pub eta: Option<Timestamp>,
    /// Not after.
    pub expires: Option<Expiry>,
    /// An id of the caller's choice.
    pub task_id: Option<TaskId>,
    /// Sent after success, with the result as the first argument.
    pub link: Vec<Signature>,
    /// Sent after failure, with the id as the first argument.
    pub link_error: Vec<Signature>,
    /// Name to show in logs and events.
    pub shadow: Option<String>,
    /// Text to show instead of the positional arguments.
    pub argsrepr: Option<String>,
    /// Text to show instead of the keyword arguments.
    pub kwargsrepr: Option<String>,
    /// Queue.
    pub queue: Option<String>,
    /// Exchange.
    pub exchange: Option<String>,
    /// Type of the exchange.
    pub exchange_type: Option<ExchangeKind>,
    /// Routing key.
    pub routing_key: Option<String>,
    /// Priority, 0 to 9: 9 goes first (on Redis see the setting `redis_priority`).
    pub priority: Option<u8>,
    /// Format of the body.
    pub serializer: Option<Serializer>,
    /// Compression of the body.
    pub compression: Option<String>,
    /// Custom headers.
    pub headers: Map,
    /// Stamps: names and values.
    pub stamps: Map,
    /// Repeat a failed publish. Default: `task_publish_retry`.
    pub retry: Option<bool>,
    /// How. Default: `task_publish_retry_policy`.
    pub retry_policy: Option<RetryPolicy>,
    /// Hard limit of the run.
    pub time_limit: Option<Duration>,
    /// Soft limit of the run.
    pub soft_time_limit: Option<Duration>,
    /// Store no result.
    pub ignore_result: Option<bool>,
    /// Record it as a child of the task that sends it. Default true.
    pub add_to_parent: Option<bool>,
    /// Persistent or transient.
    pub delivery_mode: Option<DeliveryMode>,
    /// Deadline of the publish. Default: `publish_timeout`.
    pub timeout: Option<Duration>,
    /// Reply queue.
    pub reply_to: Option<String>,
    /// Correlation id; default: the task id.
    pub correlation_id: Option<String>,
    /// Further message properties.
    pub properties: Map,
    /// Its place in a workflow.
    pub flow: Option<Box<Flow>>,
    /// The first option that cannot be right; reported when the call is sent.
    pub(crate) problem: Option<String>,
}

/// When a task expires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expiry {
    /// So long after it was sent.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

impl Expiry {
    /// The instant, for a task sent at `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(delay) => later(now, delay),
        }
    }
}

/// `now` plus a delay; a delay beyond the end of time is the end of time.
pub(super) fn later(now: Timestamp, delay: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(delay)
        .ok()
        .and_then(|delay| now.checked_add(delay).ok())
        .unwrap_or(Timestamp::MAX)
}

impl From<Timestamp> for Expiry {
    fn from(at: Timestamp) -> Self {
        Self::At(at)
    }
}

impl From<Duration> for Expiry {
    fn from(delay: Duration) -> Self {
        Self::After(delay)
    }
}

impl From<jiff::Span> for Expiry {
    fn from(delay: jiff::Span) -> Self {
        Self::After(crate::task::IntoDuration::into_duration(delay))
    }
}

impl From<jiff::SignedDuration> for Expiry {
    fn from(delay: jiff::SignedDuration) -> Self {
        Self::After(crate::task::IntoDuration::into_duration(delay))
    }
}

/// The place of a call in a workflow; set by canvas and by retries, not by hand.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Flow {
    /// Group.
    pub group_id: Option<String>,
    /// Position in it.
    pub group_index: Option<i64>,
    /// Body of the chord it is a header member of.
    pub chord: Option<Value>,
    /// What follows, in reverse order.
    pub chain: Option<Vec<Value>>,
    /// First task of the workflow.
    pub root_id: Option<TaskId>,
    /// The task that sends it.
    pub parent_id: Option<TaskId>,
    /// How often `replace` sent this id again.
    pub replaced_task_nesting: u32,
    /// Retries so far.
    pub retries: u32,
}

impl SendOptions {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flow, made if it is not there.
    pub fn flow_mut(&mut self) -> &mut Flow {
        self.flow.get_or_insert_default()
    }

    /// Sets the priority, or notes that it cannot be.
    #[doc(hidden)]
    pub fn set_priority(&mut self, priority: u8) {
        if priority <= 9 {
            self.priority = Some(priority);
        } else {
            self.problem.get_or_insert_with(|| format!("priority {priority} is outside 0 to 9"));
        }
    }

    /// Notes something that makes the call impossible.
    pub(crate) fn note(&mut self, problem: impl Into<String>) {
        self.problem.get_or_insert_with(|| problem.into());
    }

    /// What was noted when the options were built.
    ///
    /// # Errors
    /// The first option that cannot be right.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(problem) = &self.problem {
            return Err(Error::new(ErrorKind::Encode, problem.clone()));
        }
        self.link.iter().chain(&self.link_error).try_for_each(|link| link.options.check())
    }
}

impl SendOptions {
    crate::__send_option_methods!([]);
}
