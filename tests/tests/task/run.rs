//! Runs a task as a worker does: from a decoded request, through its erased definition.

use std::sync::Arc;

use bytes::Bytes;
use taskq::{
    Registry, Task, TaskContext, TaskError, TaskId,
    core::{
        backend::DisabledBackend,
        protocol::{Arguments, Embed, Headers, Properties, Protocol, Request},
        task::{ContextParts, States, TaskDef},
    },
};

/// A context of a request with these arguments, in JSON.
pub(crate) fn context(task: &str, args: &str, kwargs: &str, states: States) -> TaskContext {
    let request = Request {
        headers: Headers::new(task, TaskId::from("id-1")),
        properties: Properties::default(),
        delivery: Default::default(),
        arguments: Arguments::Raw {
            args: Bytes::copy_from_slice(args.as_bytes()),
            kwargs: Bytes::copy_from_slice(kwargs.as_bytes()),
        },
        embed: Embed::default(),
        protocol: Protocol::V2,
        content_type: "application/json".into(),
        eta: None,
        expires: None,
    };
    TaskContext::new(ContextParts {
        request: Box::new(request),
        hostname: "celery@test".into(),
        states,
        backend: Arc::new(DisabledBackend),
        cancel: None,
        is_eager: false,
        events: None,
    })
}

/// What the task returns for these arguments, as JSON; or its failure, as text.
pub(crate) async fn run_with<T: Task>(
    _: T,
    args: &str,
    kwargs: &str,
    states: States,
) -> Result<String, String> {
    let result = TaskDef::of::<T>().run(context(T::NAME, args, kwargs, states)).await;
    match result {
        Ok(value) => Ok(String::from_utf8_lossy(&value).into_owned()),
        Err(TaskError::Failure(failure)) => Err(failure.to_string()),
        Err(other) => Err(other.to_string()),
    }
}

pub(crate) async fn run<T: Task>(task: T, args: &str, kwargs: &str) -> Result<String, String> {
    run_with(task, args, kwargs, States::default()).await
}

/// The definition that linking registered.
pub(crate) fn linked<T: Task>(_: T) -> Arc<TaskDef> {
    let registry = Registry::linked().expect("no two tasks of one name");
    Arc::clone(registry.get(T::NAME).expect("registered by being linked"))
}
