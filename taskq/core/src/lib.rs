//! Types, traits and pure logic of taskq.
//!
//! Nothing here talks to a broker, parses a command line or serves HTTP. Drivers, the worker and the
//! façade build on this crate and never on each other. Modules import only downwards:
//! `time`, `error` ← `codec` ← `protocol` ← `broker`, `backend`, `event` ← `task` ← `config` ← `middleware`,
//! `routing` ← `send` ← `app`.

#![forbid(unsafe_code)]

use std::{future::Future, pin::Pin};

pub mod app;
pub mod backend;
pub mod broker;
pub mod canvas;
pub mod codec;
pub mod config;
pub mod control;
#[doc(hidden)]
pub mod crash;
pub mod error;
pub mod event;
pub mod middleware;
pub mod protocol;
pub mod result;
pub mod routing;
pub mod schedule;
pub mod send;
pub mod task;
pub mod testing;
pub mod time;

pub use error::{Error, ErrorKind};
pub use time::Timestamp;

/// A boxed future, as driver traits return it: one allocation per *batch*, never per task.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
