//! taskq: Celery for Rust.
//!
//! A function with `#[task]` is called with `.delay()`, runs in a worker process, and its typed result comes
//! back: on Redis together with Python's Celery, or on an embedded SQLite file with no server at all.
//!
//! This crate is what programs add: it joins the core, the drivers, the worker and the command line. Parts
//! that only a driver or a worker needs are in `taskq-core`, re-exported here as [`core`].

#![forbid(unsafe_code)]

mod cli;
mod drivers;
mod entry;
pub mod prelude;
#[doc(hidden)]
pub mod private;
mod program;
pub mod telemetry;

pub use drivers::AllDrivers;
pub use program::{Main, main};
pub use taskq_core as core;
pub use taskq_core::{
    Error, ErrorKind, Timestamp,
    app::{App, AppBuilder},
    args,
    backend::{RemoteFailure, State, WaitError},
    canvas::{Args, Kwargs, Signature},
    codec::Value,
    config::Settings,
    kwargs,
    middleware::{self, Middleware},
    protocol::TaskId,
    result::AsyncResult,
    send::{Call, Expiry, SendOptions},
    task::{Failure, IntoDuration, Outcome, RateLimit, Registry, Task, TaskContext, TaskError, TaskOptions},
};
pub use taskq_worker as worker;

#[doc = include_str!("docs/task.md")]
pub use taskq_macros::task;
