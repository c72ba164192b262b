//! A worker, as its events tell.

use std::collections::BTreeMap;

/// Whether a worker is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkerStatus {
    /// Its heartbeats arrive.
    Online,
    /// A heartbeat is overdue, or the board does not hear the broker: nobody knows.
    #[default]
    Suspect,
    /// Its heartbeats stopped, and it said no goodbye.
    Lost,
    /// It said goodbye.
    Offline,
}

impl WorkerStatus {
    /// One word: `online`, `suspect`, `lost`, `offline`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Suspect => "suspect",
            Self::Lost => "lost",
            Self::Offline => "offline",
        }
    }
}

/// What is known of a worker. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerRecord {
    /// Node name.
    pub hostname: String,
    /// Process id.
    pub pid: Option<i64>,
    /// Seconds between heartbeats.
    pub freq: Option<f64>,
    /// When the last four were received, by the board's clock. Empty after a goodbye.
    pub heartbeats: Vec<f64>,
    /// Logical time.
    pub clock: i64,
    /// Tasks that run now.
    pub active: Option<u64>,
    /// Tasks that it started since it came up, by its own count.
    pub processed: Option<u64>,
    /// Load of its machine over 1, 5 and 15 minutes.
    pub loadavg: Option<[f64; 3]>,
    /// Its software: `taskq`, `py-celery`.
    pub sw_ident: Option<String>,
    /// The version of that.
    pub sw_ver: Option<String>,
    /// Its operating system.
    pub sw_sys: Option<String>,
    /// Whether it is there.
    pub status: WorkerStatus,
    /// Flower's word: the last heartbeat is younger than two intervals.
    pub alive: bool,
    /// Events seen by type: `task-received`, `worker-heartbeat`.
    pub events: BTreeMap<String, u64>,
    /// When it was last heard of, by the board's clock.
    pub last_heard: f64,
    /// When it came up, if that was heard.
    pub online_since: Option<f64>,
    /// When it said goodbye.
    pub offline_since: Option<f64>,
    /// How far its clock is ahead of the board's, in seconds; the way of the message is in it.
    pub skew: Option<f64>,
    /// Process ids of others that use the same node name now: two workers with one name.
    pub namesakes: Vec<i64>,
    /// Share of its task events that the board saw, 0 to 1, by its own count of processed tasks.
    pub coverage: Option<f64>,
}
