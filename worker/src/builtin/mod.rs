//! The tasks that every worker has, under Celery's names, because messages of Celery's clients name them.
//!
//! A task of the program under one of these names wins.

mod canvas;
mod map;
mod unlock;

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use taskq_core::{
    BoxFuture,
    codec::{Map, Value, json},
    task::{Failure, FailureKind, TaskContext, TaskDef, TaskError, TaskOptions},
};

use crate::node::Node;

tokio::task_local! {
    static NODE: Arc<Node>;
}

/// What a built-in task returns.
type Returned = Result<Value, TaskError>;

/// Celery's names.
const NAMES: [&str; 10] = [
    "celery.accumulate",
    "celery.backend_cleanup",
    "celery.chain",
    "celery.chord",
    "celery.chord_unlock",
    "celery.chunks",
    "celery.group",
    "celery.map",
    "celery.ping",
    "celery.starmap",
];

/// Their definitions.
pub(crate) fn defs() -> impl Iterator<Item = TaskDef> {
    NAMES.into_iter().map(|name| {
        let mut def = TaskDef::from_fn(name, &[], run).at("taskq-worker");
        if name == "celery.chord_unlock" {
            // It looks until the header is over; the message says when to give up.
            def.options =
                TaskOptions { ignore_result: Some(true), max_retries: None, ..TaskOptions::DEFAULT };
        }
        def
    })
}

/// Runs a future in which built-in tasks find their worker.
pub(crate) async fn scope<F: Future>(node: Arc<Node>, future: F) -> F::Output {
    NODE.scope(node, future).await
}

fn run(cx: TaskContext) -> BoxFuture<'static, Result<Bytes, TaskError>> {
    Box::pin(async move {
        let node = NODE.try_with(Arc::clone).map_err(|_| {
            TaskError::Failure(Failure::new("RuntimeError", "a built-in task runs in a worker only"))
        })?;
        let (args, kwargs) =
            cx.request().arguments.to_values().map_err(|error| wrong(format!("unreadable: {error}")))?;
        let arguments = Arguments { args, kwargs };
        let value = match cx.request().headers.task.as_str() {
            "celery.accumulate" => accumulate(arguments),
            "celery.backend_cleanup" => cleanup(&node).await,
            "celery.map" => map::run(&node, &cx, arguments, map::Items::Single).await,
            "celery.starmap" => map::run(&node, &cx, arguments, map::Items::Lists).await,
            "celery.chord_unlock" => unlock::run(&node, &cx, arguments).await,
            "celery.ping" => Ok(Value::Str("pong".to_owned())),
            other => Err(canvas::run(&cx, other, arguments)?),
        }?;
        json::to_bytes(&value).map_err(|error| {
            TaskError::Failure(Failure::new("EncodeError", error.to_string()).in_module("kombu.exceptions"))
        })
    })
}

/// The arguments of a built-in task.
#[derive(Debug)]
struct Arguments {
    args: Vec<Value>,
    kwargs: Map,
}

impl Arguments {
    /// An argument by name, or by its place.
    fn take(&mut self, name: &str, at: usize) -> Option<Value> {
        let by_place = || self.args.get_mut(at).map(std::mem::take);
        self.kwargs.shift_remove(name).or_else(by_place).filter(|value| !value.is_null())
    }

    fn require(&mut self, name: &str, at: usize) -> Result<Value, TaskError> {
        self.take(name, at).ok_or_else(|| wrong(format!("`{name}` is missing")))
    }
}

/// What the caller gets for arguments that do not fit.
fn wrong(text: String) -> TaskError {
    TaskError::Failure(Failure::new("TypeError", text).of_kind(FailureKind::BadArguments))
}

/// Celery: `accumulate(*args, index=None)`.
fn accumulate(Arguments { mut args, kwargs }: Arguments) -> Returned {
    let Some(index) = kwargs.get("index").filter(|index| !index.is_null()) else {
        return Ok(Value::List(args));
    };
    let at = index.as_i64().and_then(|index| {
        let from_end = i64::try_from(args.len()).ok()?.checked_add(index)?;
        usize::try_from(if index < 0 { from_end } else { index }).ok()
    });
    match at.filter(|at| *at < args.len()) {
        Some(at) => Ok(args.swap_remove(at)),
        None => Err(Failure::new("IndexError", "tuple index out of range").into()),
    }
}

/// Removes expired results, where the backend does not do so by itself.
async fn cleanup(node: &Node) -> Returned {
    let removed = node.backend.cleanup().await?;
    tracing::info!(removed, "expired results are removed");
    Ok(Value::Null)
}
