//! What a backend, and a wait for a result, may end with.

use std::{error::Error as StdError, fmt, time::Duration};

use super::{State, StoredError};
use crate::{Error, ErrorKind, error::with_causes, protocol::TaskId};

/// An error of a result backend. The driver's own error is boxed as the source.
#[derive(Debug)]
pub struct BackendError {
    retryable: bool,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error that the same call meets again.
    #[cold]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { retryable: false, message: message.into(), source: None }
    }

    /// A connection problem or time-out: may pass.
    #[cold]
    pub fn transient(message: impl Into<String>) -> Self {
        Self { retryable: true, message: message.into(), source: None }
    }

    /// Adds the cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(&self.message, self.source()))
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        let kind = if error.retryable { ErrorKind::Connection } else { ErrorKind::Backend };
        match error.source {
            Some(source) => Error::with_source(kind, error.message, source),
            None => Error::new(kind, error.message),
        }
    }
}

/// A task failed somewhere else: what its worker stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFailure {
    /// The task.
    pub id: TaskId,
    /// FAILURE, or REVOKED.
    pub state: State,
    /// The exception.
    pub error: StoredError,
    /// Text for a person, if the worker stored one.
    pub traceback: Option<String>,
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` failed: {}", self.id, self.error.exc_type)?;
        let message = self.error.message();
        if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl StdError for RemoteFailure {}

/// What waiting for a result may end with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The result was not there in time. The task may still run.
    #[error("no result of task `{id}` within {after:?}")]
    Timeout {
        /// The task.
        id: TaskId,
        /// How long was waited.
        after: Duration,
    },
    /// The task ended with an error.
    #[error(transparent)]
    Failed(Box<RemoteFailure>),
    /// The task was revoked, or expired.
    #[error("task `{id}` was revoked: {reason}")]
    Revoked {
        /// The task.
        id: TaskId,
        /// `revoked`, `terminated` or `expired`.
        reason: String,
    },
    /// Waiting inside a running task, which can stop a whole fleet.
    #[error("a task must not wait for the result of task `{id}`: use a callback, or `get().inside_task()`")]
    InsideTask {
        /// The task that was to be waited for.
        id: TaskId,
    },
    /// The call, or its task, said that no result is wanted: nothing will ever be stored.
    #[error("task `{id}` ignores its result: there is nothing to wait for")]
    Ignored {
        /// The task.
        id: TaskId,
    },
    /// The result cannot be decoded into the expected type.
    #[error("could not decode the result of task `{id}`: {reason}")]
    Decode {
        /// The task.
        id: TaskId,
        /// Why not.
        reason: String,
    },
    /// The backend failed.
    #[error("could not wait for the result")]
    Backend(#[source] BackendError),
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        let kind = match &error {
            WaitError::Timeout { .. } => ErrorKind::Timeout,
            WaitError::Decode { .. } => ErrorKind::Decode,
            WaitError::InsideTask { .. } | WaitError::Ignored { .. } => ErrorKind::Unsupported,
            WaitError::Backend(inner) if inner.is_retryable() => ErrorKind::Connection,
            WaitError::Backend(_) => ErrorKind::Backend,
            WaitError::Failed(_) | WaitError::Revoked { .. } => ErrorKind::Other,
        };
        let message = match &error {
            WaitError::Backend(_) => "could not wait for the result".to_owned(),
            _ => error.to_string(),
        };
        match error {
            WaitError::Backend(inner) => Error::with_source(kind, message, inner),
            _ => Error::new(kind, message),
        }
    }
}
