//! Where history is kept, how much and for how long.

use std::{path::PathBuf, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

/// How history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// The file; its folder must exist. `None` keeps history in memory: a restart forgets. Default: `None`.
    pub path: Option<PathBuf>,
    /// Bytes that the file may grow to; oldest successes go first. Default: 4 GiB.
    pub max_bytes: u64,
    /// Tasks that are kept at most; oldest successes go first. Default: 10,000,000.
    pub max_tasks: u64,
    /// How long tasks that succeeded are kept. Default: 7 days.
    pub successes: Duration,
    /// How long arguments and results of those are kept. Default: 1 day.
    pub payloads: Duration,
    /// How long all other tasks are kept. Default: 30 days.
    pub failures: Duration,
    /// How long the audit log is kept. Default: 400 days.
    pub audit: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            path: None,
            max_bytes: 4 << 30,
            max_tasks: 10_000_000,
            successes: DAY * 7,
            payloads: DAY,
            failures: DAY * 30,
            audit: DAY * 400,
        }
    }
}
