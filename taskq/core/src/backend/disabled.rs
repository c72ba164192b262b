//! The backend that is none: nothing is stored, and waiting says so at once.

use std::time::Duration;

use super::{BackendError, ResultBackend, TaskMeta, WaitError};
use crate::{BoxFuture, protocol::TaskId};

/// No result backend (`disabled://`). Storing does nothing; reading is an error that says which setting is
/// missing, as Celery's `NotImplementedError` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisabledBackend;

fn no_backend() -> BackendError {
    BackendError::permanent("no result backend is configured: set `result_backend`")
}

impl ResultBackend for DisabledBackend {
    fn store<'a>(&'a self, _: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn fetch<'a>(&'a self, _: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        Box::pin(async { Err(no_backend()) })
    }

    fn wait<'a>(&'a self, _: &'a TaskId, _: Option<Duration>) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        Box::pin(async { Err(WaitError::Backend(no_backend())) })
    }

    fn forget<'a>(&'a self, _: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}
