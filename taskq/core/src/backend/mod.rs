//! The seam to a result backend: what is stored of a task, and how a caller waits for it.
//!
//! Kept true by every backend: a stored SUCCESS is never overwritten; `wait` returns as soon as the result is
//! there, also when the notification was lost (it subscribes, reads, waits, and reads again after a
//! reconnect and on a slow tick).

mod disabled;
mod error;
mod memory;
mod meta;
mod state;
mod wire;

use std::{fmt, time::Duration};

pub use disabled::DisabledBackend;
pub use error::{BackendError, RemoteFailure, WaitError};
pub use memory::MemoryBackend;
pub use meta::{Child, Extended, StoredError, TaskMeta, TaskOutput};
pub use state::State;

use crate::{BoxFuture, protocol::TaskId};

/// Stores results.
pub trait ResultBackend: Send + Sync + fmt::Debug + 'static {
    /// Stores each meta in one round trip, unless SUCCESS is stored under that id already. Later entries of a
    /// batch win over earlier ones of the same id.
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>>;

    /// What is stored, in the order asked; `None` where nothing is (Celery's PENDING).
    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>>;

    /// Waits for a final state (SUCCESS, FAILURE, REVOKED). Cancel safe.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] after `timeout`; `None` waits for ever.
    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>>;

    /// Removes results.
    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>>;

    /// The queue name to put into `reply_to` of messages we send; `None` when results do not travel as
    /// messages.
    fn reply_to(&self) -> Option<String> {
        None
    }

    /// Removes what expired, where the store does not do so by itself (`celery.backend_cleanup`); answers how
    /// many.
    fn cleanup(&self) -> BoxFuture<'_, Result<u64, BackendError>> {
        Box::pin(async { Ok(0) })
    }

    /// Closes connections.
    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>>;
}
