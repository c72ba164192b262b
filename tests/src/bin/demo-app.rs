//! A small program with tasks, as users write them: what the tests of the command line drive.

use std::{process::ExitCode, time::Duration};

use taskq::{prelude::*, task};

/// Adds two numbers.
#[task(name = "demo.add")]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Fails with what it is given.
#[task(name = "demo.fail", max_retries = 0)]
fn fail(message: String) -> Result<(), std::io::Error> {
    Err(std::io::Error::other(message))
}

/// Fails twice, then tells how often it ran.
#[task(bind, name = "demo.flaky", max_retries = 5)]
async fn flaky(cx: &TaskContext) -> Result<u32, TaskError> {
    match cx.retries() {
        0 | 1 => Err(cx.retry().countdown(10.milliseconds()).into()),
        retries => Ok(retries + 1),
    }
}

/// Logs what it is given.
#[task(name = "demo.say")]
fn say(text: String) {
    tracing::info!("{text}");
}

/// Reads a file: fails until somebody has made it.
#[task(name = "demo.read", max_retries = 0)]
fn read(path: String) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

/// Runs until it is cancelled, or for as long as it is told.
#[task(name = "demo.sleep", queue = "slow", time_limit = "1h")]
async fn sleep(#[default = 3600.0] seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// Ends its process in the hardest way.
#[task(name = "demo.abort")]
fn abort() {
    std::process::abort();
}

fn main() -> ExitCode {
    taskq::main()
}
