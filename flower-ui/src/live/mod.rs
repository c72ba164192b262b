//! What is known now: workers, counters, how much of it can be relied on.
//!
//! Kept true here: reading never waits for the broker or the disk; memory is bounded whatever is told.

mod change;
mod counters;

use tokio::sync::broadcast;

pub use self::{
    change::Change,
    counters::{Counters, EventCount, PrefetchTime, Prefetched, RuntimeHistogram},
};
use crate::record::{BrokerHealth, Coverage, WorkerRecord};

/// Changes that a slow reader may be behind before it is told that it missed some.
const CHANGES: usize = 4_096;

/// The state of now.
#[derive(Debug)]
pub struct Live {
    changes: broadcast::Sender<Change>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self { changes: broadcast::Sender::new(CHANGES) }
    }

    /// The workers, by name.
    pub fn workers(&self) -> Vec<WorkerRecord> {
        Vec::new()
    }

    /// How much of what was told was heard.
    pub fn coverage(&self) -> Coverage {
        Coverage::default()
    }

    /// What Flower's metrics count.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Whether the broker is heard.
    pub fn broker(&self) -> BrokerHealth {
        BrokerHealth::default()
    }

    /// What changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
