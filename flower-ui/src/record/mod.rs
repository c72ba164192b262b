//! What is known of tasks and workers, as plain values.
//!
//! Kept true here: a value says only what was told; what nobody told is `None`, never a guess or a zero.

mod health;
mod reason;
mod task;
mod worker;

pub use self::{
    health::{BrokerHealth, Coverage, StoreHealth},
    reason::EndReason,
    task::{Attempt, TaskRecord},
    worker::{WorkerRecord, WorkerStatus},
};
