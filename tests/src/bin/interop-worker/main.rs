//! The worker that tests start and drive with real Celery: the tasks of `conf_tasks.py` in Rust.
//!
//! An ordinary taskq program, written with public items only. It is configured by environment variables:
//! `BROKER_URL`, `RESULT_BACKEND` (empty: none), `QUEUES` (with commas; empty: all), `CONCURRENCY`, `HOSTNAME`
//! (the complete node name), `CONF` (a JSON object of settings), `LOGLEVEL`, `ACCOUNT_URL` (a Redis where the
//! accounting tasks write), `TASK_PREFIX` (what task names begin with, `conf_tasks.` unless given) and `CLOCK_OFFSET`
//! (seconds that its clock is off).
//! It logs a line with `ready` when it consumes. With the argument `beat` it is the scheduler: see [`beat`].

#![allow(clippy::disallowed_names, reason = "parameters are named as in Python: callers give them by name")]
#![allow(clippy::needless_pass_by_value, reason = "a task owns its arguments")]

mod accounting;
mod arithmetic;
mod beat;
mod canvas;
#[cfg(test)]
mod eager;
mod errbacks;
mod failing;
mod interop;
mod replacing;
mod request;
mod retrying;
mod signatures;
mod start;
mod tasks;
mod time;
mod typed;
mod values;

use std::env;
use std::process::ExitCode;

use taskq::telemetry::{LogFormat, Logging};
use taskq::{Error, ErrorKind, Registry};
use taskq_worker::{SignalRule, Signals, Stop, Worker};

use crate::start::Start;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let level = env::var("LOGLEVEL").ok().filter(|level| !level.is_empty());
    let level = level.as_deref().unwrap_or("INFO");
    let level = level.parse().map_err(|error: String| Error::new(ErrorKind::Config, error))?;
    let logging = Logging { level, format: LogFormat::Text, color: false, file: None };
    logging
        .install()
        .map_err(|error| Error::with_source(ErrorKind::Other, "could not start to log", error))?;
    if env::args().nth(1).as_deref() == Some("beat") {
        return beat::run(Registry::new()).await;
    }
    let start = Start::from_env()?;
    let app = start.app(tasks::registry(&start.prefix)?)?;
    app.install();
    let stop = Stop::new();
    let _signals = Signals::install(&stop, SignalRule::Celery)
        .map_err(|error| Error::with_source(ErrorKind::Other, "could not listen for signals", error))?;
    Worker::new(&app, &start.options())?.run(stop).await?;
    app.close().await
}
