//! A task with its types erased: what the registry holds and the worker calls.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::{Failure, FailureKind, StateKey, Task, TaskContext, TaskError, TaskOptions};
use crate::{
    BoxFuture,
    codec::json,
    protocol::{Param, Request},
};

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// `async fn`: on the runtime.
    Async,
    /// `fn`: on a thread of its own.
    Blocking,
}

/// Looks whether arguments can be decoded.
type Fits = fn(&Request) -> bool;
/// Runs a task whose types are erased.
type Run = fn(TaskContext) -> BoxFuture<'static, Result<Bytes, TaskError>>;

/// A task with its types erased.
#[derive(Clone)]
pub struct TaskDef {
    /// The registered name.
    pub name: Cow<'static, str>,
    /// Its parameters.
    pub params: &'static [Param],
    /// Where it runs.
    pub kind: TaskKind,
    /// Its options; may be changed before it is registered (Celery: `task_annotations`).
    pub options: TaskOptions,
    /// State it needs.
    pub states: &'static [StateKey],
    /// `file:line` of the function, for messages about duplicates.
    pub location: &'static str,
    fits: Fits,
    run: Run,
}

inventory::collect!(TaskDef);

impl TaskDef {
    /// The definition of `T`.
    pub const fn of<T: Task>() -> Self {
        Self {
            name: Cow::Borrowed(T::NAME),
            params: T::PARAMS,
            kind: T::KIND,
            options: T::OPTIONS,
            states: T::STATES,
            location: "",
            fits: fits::<T>,
            run: run::<T>,
        }
    }

    /// A task that decodes its arguments by itself and returns JSON in kombu's dialect.
    pub const fn from_fn(name: &'static str, params: &'static [Param], run: Run) -> Self {
        Self {
            name: Cow::Borrowed(name),
            params,
            kind: TaskKind::Async,
            options: TaskOptions::DEFAULT,
            states: &[],
            location: "",
            // Only it knows what it can read.
            fits: |_| true,
            run,
        }
    }

    /// With the place of its source.
    pub const fn at(mut self, location: &'static str) -> Self {
        self.location = location;
        self
    }

    /// Under another name: the same function may be registered several times.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Cow::Owned(name.into());
        self
    }

    /// Whether the arguments of a request can be decoded for this task. Decodes them and drops them again.
    pub fn fits(&self, request: &Request) -> bool {
        (self.fits)(request)
    }

    /// Decodes the arguments of the context's request and runs the task. The result is JSON in kombu's dialect.
    pub fn run(&self, cx: TaskContext) -> BoxFuture<'static, Result<Bytes, TaskError>> {
        (self.run)(cx)
    }
}

fn fits<T: Task>(request: &Request) -> bool {
    request.arguments.bind::<T::Args>(&request.headers.task, T::PARAMS).is_ok()
}

fn run<T: Task>(cx: TaskContext) -> BoxFuture<'static, Result<Bytes, TaskError>> {
    Box::pin(async move {
        let request = cx.request();
        let args: T::Args = request.arguments.bind(&request.headers.task, T::PARAMS).map_err(|error| {
            TaskError::Failure(
                Failure::new("TypeError", error.to_string()).of_kind(FailureKind::BadArguments),
            )
        })?;
        let output = T::call(args, cx).await?;
        json::to_bytes(&output).map_err(|error| {
            TaskError::Failure(Failure::new("EncodeError", error.to_string()).in_module("kombu.exceptions"))
        })
    })
}

impl fmt::Debug for TaskDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDef").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}
