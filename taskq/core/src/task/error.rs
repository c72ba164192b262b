//! What a task may end with instead of a value.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{Timestamp, backend::StoredError, codec::Value};

/// What a task may end with instead of a value.
///
/// Any `std::error::Error` becomes a failure through `?`; the other ends are made with
/// [`TaskContext::retry`](super::TaskContext::retry), [`TaskError::Reject`] and [`TaskError::Ignore`].
#[derive(Clone, Debug)]
pub enum TaskError {
    /// It failed. Stored as FAILURE, unless the task's `retry_on` takes it.
    Failure(Failure),
    /// Run it again later. Celery: `raise self.retry(…)`.
    Retry(Box<RetryRequest>),
    /// The message is not for us. Celery: `raise Reject(requeue=…)`.
    Reject {
        /// Back to the queue, or aside to the dead letters.
        requeue: bool,
        /// Why, for logs and the dead letter.
        reason: String,
    },
    /// Done, but no state is stored. Celery: `raise Ignore()`.
    Ignore,
}

/// A failure: how the error is stored, and the error itself while it is in this process.
#[derive(Clone)]
pub struct Failure {
    /// What is stored.
    pub error: StoredError,
    /// What happened.
    pub kind: FailureKind,
    /// Text for a person; names the error's type and message.
    pub traceback: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// How a failure came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The task returned an error.
    Error,
    /// The task panicked.
    Panic,
    /// The arguments do not fit.
    BadArguments,
    /// A soft or hard time limit struck.
    Timeout,
    /// The process that ran it died.
    WorkerLost,
}

impl Failure {
    /// A failure of a standard Python class, such as `ValueError`.
    pub fn new(exc_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            error: StoredError::builtin(exc_type, message),
            kind: FailureKind::Error,
            traceback: None,
            source: None,
        }
    }

    /// With the Python module of its class, such as `celery.exceptions` or `proj.errors`.
    pub fn in_module(mut self, module: impl Into<String>) -> Self {
        self.error.exc_module = module.into();
        self
    }

    /// With the arguments of the exception instead of one message.
    pub fn with_args(mut self, args: Vec<Value>) -> Self {
        self.error.exc_message = args;
        self
    }

    /// Marks how it came about.
    pub fn of_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// From an error value: `exc_type` is the last segment of its type name, `exc_module` the path before it
    /// with dots.
    pub fn from_error<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let (module, name) = python_name(std::any::type_name::<E>());
        let traceback = traceback(&name, &error);
        Self {
            error: StoredError {
                exc_type: name,
                exc_message: vec![Value::Str(error.to_string())],
                exc_module: module,
            },
            kind: FailureKind::Error,
            traceback: Some(traceback),
            source: Some(Arc::new(error)),
        }
    }

    /// From a boxed error whose type is not known (`anyhow::Error`, `Box<dyn Error>`): `exc_type` is
    /// `Exception`.
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync>) -> Self {
        let error: Arc<dyn StdError + Send + Sync> = Arc::from(error);
        Self {
            error: StoredError::builtin("Exception", error.to_string()),
            kind: FailureKind::Error,
            traceback: Some(traceback("Exception", &*error)),
            source: Some(error),
        }
    }

    /// The error value, while it is in this process: for `retry_on` and `throws`.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }

    /// Whether the error, or one in its source chain, is an `E`.
    pub fn is<E: StdError + 'static>(&self) -> bool {
        let mut next = self.source();
        while let Some(error) = next {
            if error.is::<E>() {
                return true;
            }
            next = error.source();
        }
        false
    }
}

/// `a::b::C<D>` → (`a.b`, `C`).
fn python_name(path: &str) -> (String, String) {
    let path = path.split('<').next().unwrap_or(path);
    match path.rsplit_once("::") {
        Some((module, name)) => (module.replace("::", "."), name.to_owned()),
        None => ("builtins".to_owned(), path.to_owned()),
    }
}

fn traceback(name: &str, error: &(dyn StdError + 'static)) -> String {
    let mut text = format!("{name}: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self})")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.error.message();
        match message.is_empty() {
            true => f.write_str(&self.error.exc_type),
            false => write!(f, "{}: {message}", self.error.exc_type),
        }
    }
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Failure(Failure::from_error(error))
    }
}

/// What a task asked for when it asked for another attempt. Everything not given stays as it was.
#[derive(Clone, Debug, Default)]
pub struct RetryRequest {
    /// Why; stored with RETRY, and as the FAILURE when no retry is left.
    pub cause: Option<Failure>,
    /// Delay. Default: `default_retry_delay` of the task (180 s).
    pub countdown: Option<Duration>,
    /// Absolute time; wins over `countdown`.
    pub eta: Option<Timestamp>,
    /// Another limit than the task's; `Some(None)` is no limit.
    pub max_retries: Option<Option<u32>>,
    /// Other positional arguments: a JSON list.
    pub args: Option<Bytes>,
    /// Other keyword arguments: a JSON object.
    pub kwargs: Option<Bytes>,
    /// Another queue.
    pub queue: Option<String>,
    /// Another priority.
    pub priority: Option<u8>,
    /// Another expiry.
    pub expires: Option<Timestamp>,
    /// Other limits: hard.
    pub time_limit: Option<Duration>,
    /// Other limits: soft.
    pub soft_time_limit: Option<Duration>,
    /// Headers to add or replace.
    pub headers: crate::codec::Map,
}

impl RetryRequest {
    /// Why.
    pub fn error(mut self, cause: impl Into<TaskError>) -> Self {
        if let TaskError::Failure(failure) = cause.into() {
            self.cause = Some(failure);
        }
        self
    }

    /// After this long.
    pub fn countdown(mut self, delay: impl IntoDuration) -> Self {
        self.countdown = Some(delay.into_duration());
        self
    }

    /// At this time.
    pub fn eta(mut self, at: Timestamp) -> Self {
        self.eta = Some(at);
        self
    }

    /// At most so many retries for this call; `None` is no limit.
    pub fn max_retries(mut self, limit: impl Into<Option<u32>>) -> Self {
        self.max_retries = Some(limit.into());
        self
    }

    /// To another queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// With another priority.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// With another expiry.
    pub fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// With other positional arguments (anything that serializes as a list) and no keyword arguments.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn args<A: serde::Serialize>(mut self, args: &A) -> Result<Self, crate::codec::CodecError> {
        self.args = Some(crate::codec::json::to_bytes(args)?);
        self.kwargs = Some(Bytes::from_static(b"{}"));
        Ok(self)
    }
}

impl From<RetryRequest> for TaskError {
    fn from(request: RetryRequest) -> Self {
        Self::Retry(Box::new(request))
    }
}

/// What reads as a duration: `std`'s, jiff's signed one and its spans (`3.secs()`); negative ones are zero.
pub trait IntoDuration {
    /// The duration.
    fn into_duration(self) -> Duration;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Duration {
        self
    }
}

impl IntoDuration for jiff::SignedDuration {
    fn into_duration(self) -> Duration {
        Duration::try_from(self).unwrap_or(Duration::ZERO)
    }
}

impl IntoDuration for jiff::Span {
    fn into_duration(self) -> Duration {
        // Spans with calendar units need a date; days are taken as 24 hours, as Celery's timedelta does.
        self.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_or(Duration::ZERO, IntoDuration::into_duration)
    }
}
