//! The handle to a result: Celery's `AsyncResult`, typed.

mod collect;
mod get;
mod group;
mod retry;
mod revoke;
mod tree;

use std::{fmt, marker::PhantomData, sync::Arc};

pub use get::Get;
pub use group::GroupResult;
pub use revoke::Revoke;
pub(crate) use tree::Eager;
pub use tree::ResultTree;

use crate::{
    Error, Timestamp,
    app::{App, failure_of},
    backend::{Child, RemoteFailure, State, TaskMeta, TaskOutput},
    codec::{Value, json},
    protocol::TaskId,
    send::Draft,
};

/// The result of a task that was sent: it may not be there yet.
pub struct AsyncResult<T> {
    id: TaskId,
    app: App,
    /// The result of a task that ran in this process; it may be stored nowhere.
    eager: Option<Arc<TaskMeta>>,
    /// The message said that no result is wanted.
    ignored: bool,
    /// Itself with what ran before it, when it is the end of a canvas.
    tree: Option<Arc<ResultTree>>,
    output: PhantomData<fn() -> T>,
}

impl<T> AsyncResult<T> {
    /// The result of the task with that id, sent by anybody.
    pub fn new(app: &App, id: impl Into<TaskId>) -> Self {
        Self { id: id.into(), app: app.clone(), eager: None, ignored: false, tree: None, output: PhantomData }
    }

    /// The result of a message that is about to be sent.
    pub(crate) fn of(app: &App, draft: &Draft) -> Self {
        let ignored = draft.message.headers.ignore_result == Some(true);
        Self { ignored, ..Self::new(app, draft.id().clone()) }
    }

    pub(crate) fn eager(app: &App, meta: TaskMeta) -> Self {
        Self { eager: Some(Arc::new(meta.clone())), ..Self::new(app, meta.id) }
    }

    pub(crate) fn eager_failure(&self) -> Option<RemoteFailure> {
        self.eager.as_deref().and_then(failure_of)
    }

    /// The task's id.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// The app it was sent through.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Reads the result as another type.
    pub fn cast<U>(self) -> AsyncResult<U> {
        AsyncResult {
            id: self.id,
            app: self.app,
            eager: self.eager,
            ignored: self.ignored,
            tree: self.tree,
            output: PhantomData,
        }
    }

    /// Everything that is stored; `None` while nothing is.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn meta(&self) -> Result<Option<TaskMeta>, Error> {
        if let Some(meta) = &self.eager {
            return Ok(Some(TaskMeta::clone(meta)));
        }
        let backend = self.app.backend().await?;
        Ok(backend.fetch(std::slice::from_ref(&self.id)).await?.into_iter().next().flatten())
    }

    /// Its state: PENDING while nothing is known of it.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn state(&self) -> Result<State, Error> {
        if let Some(group) = self.tree.as_ref().filter(|tree| tree.is_group()) {
            let states = group.group::<Value>().states().await?;
            let ended = states.iter().find(|state| state.is_ready() && **state != State::Success);
            let state = match ended {
                Some(state) => state.clone(),
                None if states.iter().all(State::is_ready) => State::Success,
                None => State::Pending,
            };
            return Ok(state);
        }
        Ok(self.meta().await?.map_or(State::Pending, |meta| meta.state))
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn ready(&self) -> Result<bool, Error> {
        Ok(self.state().await?.is_ready())
    }

    /// Whether it ended with a value.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn successful(&self) -> Result<bool, Error> {
        Ok(self.state().await? == State::Success)
    }

    /// Whether it ended with an error.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn failed(&self) -> Result<bool, Error> {
        Ok(self.state().await? == State::Failure)
    }

    /// What its state carries: the value, the data of a custom state, or the error as a map of `exc_type`,
    /// `exc_message` and `exc_module`. Null while nothing is known.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn info(&self) -> Result<Value, Error> {
        let Some(meta) = self.meta().await? else { return Ok(Value::Null) };
        Ok(match meta.output {
            TaskOutput::Value(value) => value,
            TaskOutput::Json(json) => json::from_slice(&json).map_err(|error| {
                Error::with_source(
                    crate::ErrorKind::Decode,
                    format!("could not decode the result of task `{}`", self.id),
                    error,
                )
            })?,
            TaskOutput::Error(error) => Value::Map(
                [
                    ("exc_type".to_owned(), Value::Str(error.exc_type)),
                    ("exc_message".to_owned(), Value::List(error.exc_message)),
                    ("exc_module".to_owned(), Value::Str(error.exc_module)),
                ]
                .into_iter()
                .collect(),
            ),
        })
    }

    /// The text a failed task left for people.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn traceback(&self) -> Result<Option<String>, Error> {
        Ok(self.meta().await?.and_then(|meta| meta.traceback))
    }

    /// When it ended.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn date_done(&self) -> Result<Option<Timestamp>, Error> {
        Ok(self.meta().await?.and_then(|meta| meta.date_done))
    }

    /// The tasks it sent.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn children(&self) -> Result<Vec<Child>, Error> {
        Ok(self.meta().await?.and_then(|meta| meta.children).unwrap_or_default())
    }

    /// What ran before it in the canvas it was sent in: the previous step of a chain, the header of a chord.
    pub fn parent(&self) -> Option<ResultTree> {
        self.tree.as_deref().and_then(ResultTree::parent)
    }

    /// The result with all that it came from.
    pub fn tree(&self) -> ResultTree {
        match &self.tree {
            Some(tree) => ResultTree::clone(tree),
            None => ResultTree::of(&self.app, Child::task(self.id.as_str())),
        }
    }

    /// Removes what is stored.
    ///
    /// # Errors
    /// When the backend cannot be reached.
    pub async fn forget(&self) -> Result<(), Error> {
        let backend = self.app.backend().await?;
        Ok(backend.forget(std::slice::from_ref(&self.id)).await?)
    }

    /// Tells the workers not to run it: `result.revoke().await?`, or `.revoke().terminate("SIGTERM").await?` to
    /// end it if it runs.
    pub fn revoke(&self) -> Revoke {
        Revoke::new(&self.app, vec![self.id.clone()])
    }
}

impl<T> Clone for AsyncResult<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            app: self.app.clone(),
            eager: self.eager.clone(),
            ignored: self.ignored,
            tree: self.tree.clone(),
            output: PhantomData,
        }
    }
}

impl<T> fmt::Debug for AsyncResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncResult").field(&self.id).finish()
    }
}
