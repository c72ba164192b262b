//! Task states, as stored.

use std::{borrow::Cow, fmt};

/// The state of a task. Names on the wire are Celery's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is known: waiting, or never sent.
    #[default]
    Pending,
    /// Taken by a worker.
    Received,
    /// Running (only stored with `task_track_started`).
    Started,
    /// Done; the result is the return value.
    Success,
    /// Ended with an error.
    Failure,
    /// Cancelled or expired before or while it ran.
    Revoked,
    /// Rejected by the task (only when the task stores it).
    Rejected,
    /// Waits for another attempt.
    Retry,
    /// Ignored (only when the task stores it).
    Ignored,
    /// A state of the user's own, such as `PROGRESS`.
    Custom(Cow<'static, str>),
}

impl State {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Received => "RECEIVED",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Revoked => "REVOKED",
            Self::Rejected => "REJECTED",
            Self::Retry => "RETRY",
            Self::Ignored => "IGNORED",
            Self::Custom(name) => name,
        }
    }

    /// Whether the task has ended: SUCCESS, FAILURE or REVOKED (`states.READY_STATES`).
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Revoked)
    }

    /// Whether the stored result is an exception: FAILURE, RETRY or REVOKED.
    pub fn is_exception(&self) -> bool {
        matches!(self, Self::Failure | Self::Retry | Self::Revoked)
    }
}

impl From<&str> for State {
    fn from(name: &str) -> Self {
        match name {
            "PENDING" => Self::Pending,
            "RECEIVED" => Self::Received,
            "STARTED" => Self::Started,
            "SUCCESS" => Self::Success,
            "FAILURE" => Self::Failure,
            "REVOKED" => Self::Revoked,
            "REJECTED" => Self::Rejected,
            "RETRY" => Self::Retry,
            "IGNORED" => Self::Ignored,
            other => Self::Custom(Cow::Owned(other.to_owned())),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
