//! A program whose calls and runs are traced, beside `tests/python/traced_app.py`: tasks `traced.rs_*` run here,
//! `traced.py_*` there.

use std::process::ExitCode;

use taskq::{App, Signature, Value, args, prelude::*, task};

/// Adds two numbers.
#[task(name = "traced.rs_add")]
async fn rs_add(x: i64, y: i64) -> i64 {
    x + y
}

/// The same on a thread, within a span of the program's own.
#[task(name = "traced.rs_blocking")]
fn rs_blocking(x: i64) -> i64 {
    tracing::info_span!("own work").in_scope(|| x)
}

/// Adds what it is given.
#[task(name = "traced.rs_sum")]
async fn rs_sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

/// Fails once, then answers its argument.
#[task(bind, name = "traced.rs_retry", max_retries = 3)]
async fn rs_retry(cx: &TaskContext, x: i64) -> Result<i64, TaskError> {
    match cx.retries() {
        0 => Err(cx.retry().error("not yet").countdown(10.milliseconds()).into()),
        _ => Ok(x),
    }
}

/// Fails.
#[task(name = "traced.rs_fail", max_retries = 0)]
async fn rs_fail() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("no such thing"))
}

/// Has a task of the other program called, within a span of its own.
#[task(name = "traced.rs_call")]
async fn rs_call(x: i64) -> Result<String, taskq::Error> {
    let span = tracing::info_span!("own call");
    let call = async { App::current()?.send("traced.py_add", args![x, 1], taskq::kwargs! {}).await };
    Ok(tracing::Instrument::instrument(call, span).await?.id().to_string())
}

/// Sends a chord to both programs.
#[task(name = "traced.rs_chord")]
async fn rs_chord() -> Result<(), taskq::Error> {
    let header = ["traced.rs_add", "traced.py_add"].map(|task| Signature::by_name(task, args![1, 2]));
    let chord = Signature::chord(header, Signature::by_name("traced.rs_sum", args![]));
    App::current()?.send_canvas(chord).await.map(drop)
}

fn main() -> ExitCode {
    let to = |queue: &str| Value::Map([("queue".to_owned(), Value::from(queue))].into_iter().collect());
    let routes = [("traced.rs_*".to_owned(), to("rs")), ("traced.py_*".to_owned(), to("py"))];
    App::builder().set("task_routes", Value::Map(routes.into_iter().collect())).main()
}
