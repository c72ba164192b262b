//! taskq and real Celery on one Redis: every test needs the Python of `cargo xtask test`.

mod beat;
mod calls;
mod canvas;
mod canvas_client;
mod client;
mod commands;
mod compare;
mod control;
mod crontab;
mod doctor;
mod emitted;
mod events;
mod python_worker;
mod rabbitmq;
mod signed;
mod traces;
mod visibility;

/// The worker under test.
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
