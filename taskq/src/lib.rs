#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]

mod cli;
mod drivers;
mod entry;
mod http;
mod notify;
#[cfg(feature = "otel")]
pub mod otel;
pub mod prelude;
#[doc(hidden)]
pub mod private;
mod program;
mod progress;
mod spans;
pub mod telemetry;

pub use drivers::AllDrivers;
pub use program::{Main, main};
pub use taskq_beat as beat;
pub use taskq_core as core;
pub use taskq_core::{
    Error, ErrorKind, Timestamp,
    app::{App, AppBuilder},
    args,
    backend::{RemoteFailure, State, WaitError},
    canvas::{self, Args, Kwargs, MapTask, Signature, chord, group},
    codec::{Value, typed},
    config::Settings,
    kwargs,
    middleware::{self, Middleware},
    protocol::TaskId,
    result::{AsyncResult, GroupResult, ResultTree},
    schedule,
    send::{Call, Expiry, SendOptions},
    task::{Failure, IntoDuration, Outcome, RateLimit, Registry, Task, TaskContext, TaskError, TaskOptions},
    testing,
};
pub use taskq_worker as worker;

#[doc = include_str!("docs/task.md")]
pub use taskq_macros::task;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
