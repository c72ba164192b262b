//! What a task may return and fail with.

use std::{error::Error as StdError, fmt, io};

use taskq::{Failure, Task, TaskError, core::task::TaskDef, task};

use crate::run::{context, run};

#[derive(Debug)]
struct FetchError(io::Error);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("could not fetch")
    }
}

impl StdError for FetchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, "refused")
}

#[task]
async fn nothing() {}

#[task]
fn blocking(x: u32) -> Vec<u32> {
    vec![x; 2]
}

#[task]
async fn std_error(fails: bool) -> Result<u8, FetchError> {
    if fails { Err(FetchError(refused())) } else { Ok(1) }
}

#[task]
async fn io_alias() -> io::Result<()> {
    Err(refused())
}

#[task]
async fn any_error() -> anyhow::Result<u8> {
    Err(refused())?;
    Ok(1)
}

#[task]
async fn any_error_with_context() -> anyhow::Result<u8> {
    anyhow::Context::context(Err(refused()), "while fetching")
}

#[task]
async fn boxed() -> Result<(), Box<dyn StdError + Send + Sync>> {
    Err(refused())?
}

#[task]
async fn boxed_of_one_thread() -> Result<(), Box<dyn StdError>> {
    Err(refused())?
}

#[task]
fn text() -> Result<(), String> {
    Err("no such page".into())
}

#[task]
fn static_text() -> Result<(), &'static str> {
    Err("no such page")
}

#[task]
async fn own_failure() -> Result<(), Failure> {
    Err(Failure::new("KeyError", "k"))
}

#[task]
async fn task_error(how: u8) -> Result<u8, TaskError> {
    match how {
        0 => Ok(0),
        1 => Err(TaskError::Ignore),
        2 => Err(TaskError::Reject { requeue: true, reason: "not mine".into() }),
        3 => Err(FetchError(refused()))?,
        4 => Err("text")?,
        _ => Err(Failure::new("ValueError", "how").into()),
    }
}

async fn failure<T: Task>(_: T, args: &str) -> Failure {
    match TaskDef::of::<T>().run(context(T::NAME, args, "{}", Default::default())).await {
        Err(TaskError::Failure(failure)) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn values() {
    assert_eq!(run(nothing, "[]", "{}").await.unwrap(), "null");
    assert_eq!(run(blocking, "[7]", "{}").await.unwrap(), "[7,7]");
    assert_eq!(run(std_error, "[false]", "{}").await.unwrap(), "1");
    assert_eq!(run(task_error, "[0]", "{}").await.unwrap(), "0");
}

#[tokio::test]
async fn errors_keep_the_name_of_their_type() {
    let failure = failure(std_error, "[true]").await;
    assert_eq!(failure.error.exc_type, "FetchError");
    assert_eq!(failure.error.exc_module, "task.returns");
    assert_eq!(failure.error.message(), "could not fetch");
    assert!(failure.is::<FetchError>() && failure.is::<io::Error>());
}

#[tokio::test]
async fn errors_of_any_shape_are_found_by_type() {
    for failure in [
        failure(io_alias, "[]").await,
        failure(any_error, "[]").await,
        failure(any_error_with_context, "[]").await,
        failure(boxed, "[]").await,
    ] {
        assert!(failure.is::<io::Error>(), "{failure:?}");
    }
}

#[tokio::test]
async fn texts_and_boxes_are_exceptions() {
    assert_eq!(failure(text, "[]").await.to_string(), "Exception: no such page");
    assert_eq!(failure(static_text, "[]").await.to_string(), "Exception: no such page");
    assert_eq!(failure(boxed, "[]").await.to_string(), "Exception: refused");
    assert_eq!(failure(boxed_of_one_thread, "[]").await.to_string(), "Exception: refused");
    assert_eq!(failure(any_error_with_context, "[]").await.to_string(), "Exception: while fetching");
    assert_eq!(failure(own_failure, "[]").await.to_string(), "KeyError: k");
}

#[tokio::test]
async fn every_end_of_a_task_error() {
    let end = |how: &'static str| async move { run(task_error, how, "{}").await.unwrap_err() };
    assert_eq!(end("[1]").await, "ignore");
    assert_eq!(end("[2]").await, "reject: not mine");
    assert_eq!(end("[3]").await, "FetchError: could not fetch");
    assert_eq!(end("[4]").await, "Exception: text");
    assert_eq!(end("[5]").await, "ValueError: how");
}
