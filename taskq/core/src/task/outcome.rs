//! What a run returned, as a value. One module of the worker turns it into effects.

use bytes::Bytes;

use super::{Failure, RetryRequest};
use crate::{Timestamp, canvas::Signature};

/// What a run returned.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The return value: JSON in kombu's dialect.
    Success(Bytes),
    /// It failed for good.
    Failure(Failure),
    /// It runs again.
    Retry {
        /// Not before this time.
        not_before: Timestamp,
        /// Why, as stored with RETRY.
        cause: Failure,
        /// What changes in the next attempt.
        request: Box<RetryRequest>,
    },
    /// It ended without a state. Celery: `Ignore`.
    Ignore,
    /// It goes on in another signature under its id. Celery: `Task.replace`.
    Replace(Box<Signature>),
    /// It refused the message. Celery: `Reject`.
    Reject {
        /// Back to the queue, or aside.
        requeue: bool,
        /// Why.
        reason: String,
    },
    /// It was cancelled: revoked, terminated or expired.
    Revoked {
        /// `revoked`, `terminated` or `expired`.
        reason: &'static str,
    },
}
