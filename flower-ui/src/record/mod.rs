//! What is known of tasks and workers, as plain values.
//!
//! Kept true here: a value says only what was told; what nobody told is `None`, never a guess or a zero.

mod call;
mod decode;
mod fingerprint;
mod health;
mod history;
mod mark;
mod pack;
mod reason;
mod story;
mod task;
#[cfg(test)]
mod tests;
mod view;
mod worker;

pub(crate) use self::{
    call::{Call, Said},
    decode::{Told, cut, decode, seconds, shorten},
    fingerprint::failure,
    history::History,
    mark::{End, Mark, Step},
};
pub use self::{
    health::{BrokerHealth, Coverage, StoreHealth},
    reason::EndReason,
    task::{Attempt, TaskRecord},
    worker::{WorkerRecord, WorkerStatus},
};
