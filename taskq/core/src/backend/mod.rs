//! The seam to a result backend: what is stored of a task, and how a caller waits for it.
//!
//! Kept true by every backend: a stored SUCCESS is never overwritten; `wait` returns as soon as the result is
//! there, also when the notification was lost (it subscribes, reads, waits, and reads again after a
//! reconnect and on a slow tick).

mod chord;
mod copy;
mod disabled;
mod error;
mod failed;
mod memory;
mod meta;
mod state;
mod wire;

use std::{fmt, sync::Arc, time::Duration};

pub use chord::{
    CHORD_CLAIM, CHORD_DONE, CHORD_PUBLISHING, ChordClaim, ChordHeader, ChordMember, ChordPart,
    ChordProgress, ChordStart, ChordStore, GroupMeta,
};
pub use copy::{CHORD_HEADER, ChordCopy};
pub use disabled::DisabledBackend;
pub use error::{BackendError, RemoteFailure, WaitError};
pub use failed::{FailedStep, FailedStepChange, FailedSteps};
pub use memory::MemoryBackend;
pub use meta::{Child, Extended, StoredError, TaskMeta, TaskOutput};
pub use state::State;

use crate::{
    BoxFuture,
    broker::{RateLimits, Revocations},
    protocol::TaskId,
};

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

    /// The queue that this client reads results from, once it does; `None` where results do not travel as
    /// messages.
    fn reply_to(&self) -> Option<String> {
        None
    }

    /// Gets ready for results of tasks that carry this name in `reply_to`: called before they are sent, often.
    /// Does nothing where results do not travel as messages.
    ///
    /// # Errors
    /// When results could not arrive.
    fn receive<'a>(&'a self, reply_to: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        let _ = reply_to;
        Box::pin(async { Ok(()) })
    }

    /// Removes what expired, where the store does not do so by itself (`celery.backend_cleanup`); answers how
    /// many.
    fn cleanup(&self) -> BoxFuture<'_, Result<u64, BackendError>> {
        Box::pin(async { Ok(0) })
    }

    /// Counts the members of chords here; `None` where this store cannot, and `celery.chord_unlock` looks
    /// instead.
    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        None
    }

    /// Keeps failed steps of workflows, to be run again; `None` where this store cannot.
    fn failed_steps(&self) -> Option<Arc<dyn FailedSteps>> {
        None
    }

    /// Saves a group under its id (Celery: `GroupResult.save()`).
    ///
    /// # Errors
    /// When this backend keeps no groups.
    fn save_group<'a>(&'a self, group: &'a GroupMeta) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move { Err(no_groups(&group.id)) })
    }

    /// A saved group (Celery: `GroupResult.restore()`); `None` when there is none.
    ///
    /// # Errors
    /// As [`save_group`](Self::save_group).
    fn load_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<GroupMeta>, BackendError>> {
        Box::pin(async move { Err(no_groups(id)) })
    }

    /// Removes a saved group (Celery: `GroupResult.delete()`), not the results of its members.
    ///
    /// # Errors
    /// As [`save_group`](Self::save_group).
    fn forget_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move { Err(no_groups(id)) })
    }

    /// Memory of what was revoked, for brokers that keep none. `None` where this store keeps none either.
    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        None
    }

    /// Rate limits that all workers share, for brokers that keep none. `None` where this store keeps none either.
    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        None
    }

    /// Closes connections.
    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>>;
}

fn no_groups(id: &str) -> BackendError {
    BackendError::permanent(format!("group `{id}`: this result backend keeps no groups"))
}
