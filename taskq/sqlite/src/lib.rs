//! SQLite as broker and result backend of taskq: a durable queue in one file, with no server.
//!
//! Kept true here: what a call has answered with `Ok` is in the file; a process that is killed at any moment
//! leaves nothing half done, and what it held is given back within seconds by any other process on the file.
//!
//! One thread per file and process writes, everything that waits for it in one transaction; one thread reads;
//! one watches for the writes of other processes.

#![forbid(unsafe_code)]

mod backend;
mod broker;
mod options;
mod schedule;
mod shared;
mod store;

pub use backend::SqliteBackend;
pub use broker::SqliteBroker;
pub use options::{SqliteOptions, Synchronous};
pub use schedule::SqliteSchedules;
