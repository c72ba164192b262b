//! Waiting for a result.

use std::{future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::{AsyncResult, ResultTree};
use crate::{
    BoxFuture, Error,
    app::{App, block_on},
    backend::{BackendError, RemoteFailure, State, StoredError, TaskMeta, TaskOutput, WaitError},
    codec::json,
    protocol::TaskId,
    task::{IntoDuration, TaskContext},
};

impl<T: DeserializeOwned> AsyncResult<T> {
    /// Waits for the result: `result.get().await?`, `result.get().timeout(5.seconds()).await?`.
    ///
    /// Inside a running task it is refused, because tasks that wait for tasks can stop a whole fleet; see
    /// [`Get::inside_task`].
    pub fn get(&self) -> Get<T> {
        Get {
            id: self.id.clone(),
            app: self.app.clone(),
            eager: self.eager.clone(),
            ignored: self.ignored,
            tree: self.tree.clone(),
            timeout: None,
            inside_task: false,
            output: PhantomData,
        }
    }
}

/// A wait that has not begun. Awaiting it gives the value, or a [`WaitError`].
#[must_use = "a wait begins when it is awaited"]
#[derive(Debug)]
pub struct Get<T> {
    id: TaskId,
    app: App,
    eager: Option<Arc<TaskMeta>>,
    ignored: bool,
    /// What ran before it, and its members when it stands for a group.
    tree: Option<Arc<ResultTree>>,
    timeout: Option<Duration>,
    inside_task: bool,
    output: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Get<T> {
    /// Gives up after so long; without it, waits for ever.
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.timeout = Some(timeout.into_duration());
        self
    }

    /// Allows to wait inside a running task (Celery: `disable_sync_subtasks=False`).
    pub fn inside_task(mut self) -> Self {
        self.inside_task = true;
        self
    }

    async fn wait(self) -> Result<T, WaitError> {
        if let Some(meta) = self.eager {
            return outcome(&self.id, TaskMeta::clone(&meta));
        }
        if !self.inside_task && TaskContext::current().is_some_and(|cx| !cx.is_eager()) {
            return Err(WaitError::InsideTask { id: self.id });
        }
        if let Some(group) = self.tree.as_ref().filter(|tree| tree.is_group()) {
            return group.decoded(self.timeout).await;
        }
        if self.ignored {
            return Err(WaitError::Ignored { id: self.id });
        }
        let backend = self.app.backend().await.map_err(unreachable)?;
        let Some(tree) = self.tree else {
            return outcome(&self.id, backend.wait(&self.id, self.timeout).await?);
        };
        tokio::select! {
            biased;
            meta = backend.wait(&self.id, self.timeout) => outcome(&self.id, meta?),
            failed = tree.failed_before() => Err(failed),
        }
    }

    /// Waits from code that cannot await, such as a blocking task or a program without a runtime.
    ///
    /// # Errors
    /// As when it is awaited.
    pub fn blocking(self) -> Result<T, WaitError>
    where
        T: Send + 'static,
    {
        if !self.inside_task && TaskContext::current().is_some_and(|cx| !cx.is_eager()) {
            return Err(WaitError::InsideTask { id: self.id });
        }
        let app = self.app.clone();
        let waiting = app.connections().io().map_err(unreachable)?.spawn(self.wait());
        block_on(waiting).unwrap_or_else(|error| {
            Err(WaitError::Backend(BackendError::transient("the wait was cut off").caused_by(error)))
        })
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for Get<T> {
    type Output = Result<T, WaitError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

fn unreachable(error: Error) -> WaitError {
    let inner = if error.is_retryable() {
        BackendError::transient("could not reach the result backend")
    } else {
        BackendError::permanent("could not open the result backend")
    };
    WaitError::Backend(inner.caused_by(error))
}

/// The value of a task that has ended, or why there is none.
pub(super) fn outcome<T: DeserializeOwned>(id: &TaskId, meta: TaskMeta) -> Result<T, WaitError> {
    let undecodable =
        |error: crate::codec::CodecError| WaitError::Decode { id: id.clone(), reason: error.to_string() };
    match (meta.state, meta.output) {
        (State::Revoked, output) => Err(WaitError::Revoked {
            id: id.clone(),
            reason: if let TaskOutput::Error(error) = output {
                error.message()
            } else {
                "revoked".to_owned()
            },
        }),
        (state, TaskOutput::Error(error)) => Err(WaitError::Failed(Box::new(RemoteFailure {
            id: id.clone(),
            state,
            error,
            traceback: meta.traceback,
        }))),
        (State::Failure, _) => Err(WaitError::Failed(Box::new(RemoteFailure {
            id: id.clone(),
            state: State::Failure,
            error: StoredError::builtin("Exception", "the stored error cannot be read"),
            traceback: meta.traceback,
        }))),
        (_, TaskOutput::Json(bytes)) => json::from_slice(&bytes).map_err(undecodable),
        (_, TaskOutput::Value(value)) => T::deserialize(value).map_err(undecodable),
    }
}
