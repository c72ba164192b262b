//! Tasks that fail, refuse or end without a state.

use taskq::prelude::*;
use taskq::{Failure, Value, task};

use crate::interop::Interop;

#[task]
pub(crate) async fn raise_error(#[args] _args: Vec<Value>) -> Result<(), Failure> {
    Err(Failure::new("ValueError", "deliberate error"))
}

#[task]
pub(crate) async fn fail(#[state] interop: &Interop, #[args] args: Vec<Value>) -> Result<(), Failure> {
    let text = Value::Str("Task expected to fail".into());
    Err(interop.failure("ExpectedException", std::iter::once(text).chain(args).collect()))
}

#[task(ignore_result)]
pub(crate) async fn fail_ignore_result(#[state] interop: &Interop) -> Result<(), Failure> {
    Err(interop.expected("ignored"))
}

#[task(ignore_result, store_errors_even_if_ignored)]
pub(crate) async fn fail_store_errors(#[state] interop: &Interop) -> Result<(), Failure> {
    Err(interop.expected("stored"))
}

#[task]
pub(crate) async fn fail_unpickleable(
    #[state] interop: &Interop,
    foo: Value,
    bar: Value,
) -> Result<(), Failure> {
    // Python's class drops its second argument, which is why it cannot be rebuilt.
    drop(bar);
    Err(interop.failure("UnpickleableException", vec![foo]))
}

#[task]
pub(crate) async fn raise_named(module: String, name: String, args: Vec<Value>) -> Result<(), Failure> {
    Err(Failure::new(name, "").in_module(module).with_args(args))
}

#[task]
pub(crate) async fn return_exception(e: Value) -> (Value, bool) {
    (e, true)
}

#[task]
pub(crate) async fn raise_ignore() -> Result<(), TaskError> {
    Err(TaskError::Ignore)
}

#[task(bind)]
pub(crate) async fn custom_state_then_ignore(
    cx: &TaskContext,
    state: String,
    meta: Value,
) -> Result<(), TaskError> {
    cx.update_state(&state, meta).await?;
    Err(TaskError::Ignore)
}

#[task(bind, acks_late)]
pub(crate) async fn reject_then_succeed(cx: &TaskContext) -> Result<String, TaskError> {
    if cx.request().delivery.redelivered {
        return Ok("second-pass".to_owned());
    }
    Err(TaskError::Reject { requeue: true, reason: "first delivery".into() })
}

#[task]
pub(crate) async fn reject_without_requeue() -> Result<(), TaskError> {
    Err(TaskError::Reject { requeue: false, reason: "rejected".into() })
}

#[task(bind, acks_late)]
pub(crate) async fn store_success_then_reject(cx: &TaskContext) -> Result<String, TaskError> {
    if cx.request().delivery.redelivered {
        return Ok("dedup-pass".to_owned());
    }
    cx.update_state("SUCCESS", "first-pass").await?;
    Err(TaskError::Reject { requeue: true, reason: "first delivery".into() })
}
