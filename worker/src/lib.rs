//! The worker of taskq: takes messages, runs their tasks, stores results, settles.
//!
//! ```text
//! broker → consume → gate → pool/queue → executor → effects → completer → backend, broker → emit
//! ```
//!
//! What it promises, and where that is kept: nothing acknowledged is lost ([`effects`](self), applied by the
//! completer in a fixed order); nothing live is run twice (`lease`); what cannot run is kept and its caller
//! told (`gate`); the order of start and stop is one page ([`Worker::run`]).
//!
//! It is a library: `taskq worker` is a few lines around [`Worker`], and tests run one in their own process:
//!
//! ```no_run
//! # use taskq_core::{Error, app::App};
//! # use taskq_worker::{Worker, WorkerOptions};
//! # async fn example(app: App) -> Result<(), Error> {
//! let mut worker = Worker::new(&app, &WorkerOptions::new().concurrency(4))?.start();
//! worker.ready().await?;
//! // …
//! let report = worker.stop().await?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod autoscale;
mod builtin;
mod completer;
mod connect;
mod consume;
mod control;
mod copies;
mod effects;
mod emit;
mod executor;
mod gate;
mod hand_over;
mod handle;
mod heartbeat;
mod held;
mod hold;
mod hostname;
mod inline;
mod job;
mod lease;
mod limits;
pub mod measure;
mod monitor;
mod node;
mod options;
mod panics;
mod plan;
mod pool;
mod prefetch;
mod run;
mod share;
mod signals;
mod stats;
mod stop;
mod tasks;
mod worker;

pub use handle::{Report, WorkerHandle};
pub use monitor::Monitor;
pub use options::WorkerOptions;
pub use pool::process::{is_child, serve_child};
pub use signals::{SignalRule, Signals};
pub use stats::Stats;
pub use stop::Stop;
pub use worker::Worker;
