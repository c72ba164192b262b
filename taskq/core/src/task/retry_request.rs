//! What a task asks for when it asks for another attempt.

use std::time::Duration;

use bytes::Bytes;

use super::{Failure, IntoDuration, TaskError};
use crate::{
    Timestamp,
    codec::{CodecError, Map, json},
};

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
    pub headers: Map,
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
    pub fn args<A: serde::Serialize>(mut self, args: &A) -> Result<Self, CodecError> {
        self.args = Some(json::to_bytes(args)?);
        self.kwargs = Some(Bytes::from_static(b"{}"));
        Ok(self)
    }
}
