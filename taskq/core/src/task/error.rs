//! What a task may end with instead of a value.

use std::{error::Error as StdError, fmt};

use super::{Failure, RetryRequest};
use crate::canvas::Signature;

/// What a task may end with instead of a value.
///
/// `?` makes a failure of any error: one that implements `std::error::Error`, `anyhow::Error`, a boxed error, a
/// `String`. The other ends are made with [`TaskContext::retry`](super::TaskContext::retry),
/// [`TaskError::Reject`] and [`TaskError::Ignore`].
///
/// An `anyhow::Error` that gets here by `?` hides the type of its outermost error from `retry_on`; a task that
/// returns `anyhow::Result` shows it.
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
    /// It goes on in another signature, under its own id. Made with
    /// [`TaskContext::replace`](super::TaskContext::replace). Celery: `raise self.replace(…)`.
    Replace(Box<Signature>),
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<RetryRequest> for TaskError {
    fn from(request: RetryRequest) -> Self {
        Self::Retry(Box::new(request))
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Failure(Failure::from_error(error))
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) => failure.fmt(f),
            Self::Retry(request) => match &request.cause {
                Some(cause) => write!(f, "retry: {cause}"),
                None => f.write_str("retry"),
            },
            Self::Reject { reason, .. } => write!(f, "reject: {reason}"),
            Self::Ignore => f.write_str("ignore"),
            Self::Replace(signature) => write!(f, "replace with `{}`", signature.task),
        }
    }
}
