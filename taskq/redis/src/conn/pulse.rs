//! Whether a pub/sub connection is still there: nobody asks anything on it, so silence alone tells nothing.

use std::{future::Future, time::Duration};

use redis::RedisError;
use tokio::time::timeout;

/// How often a pub/sub connection is asked for a sign of life. A worker has two of them: these are commands that it
/// costs while it is idle.
pub(crate) const PULSE: Duration = Duration::from_secs(5);

/// The answer on a pub/sub connection, waited for no longer than `deadline`.
pub(crate) async fn answers<T>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(deadline, answer).await.unwrap_or_else(|_| Err(super::timed_out()))
}
