//! How much of what is shown can be relied on.

use std::path::PathBuf;

/// How much of what was told was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Share of started tasks whose event was seen, 0 to 1, over the last minutes; `None` before two heartbeats.
    pub share: Option<f64>,
    /// Tasks that workers started, by their own counts.
    pub expected: u64,
    /// Of those, how many were seen.
    pub seen: u64,
    /// Times that an event came with logical time far past the one before from the same worker.
    pub gaps: u64,
    /// Events taken in.
    pub events: u64,
    /// Messages and events that could not be read.
    pub garbage: u64,
    /// Events from more than a minute ahead of the board's clock. They count, but do not move time.
    pub future: u64,
    /// Names of workers, tasks or types that were counted as `other` because there were too many.
    pub folded: u64,
    /// Seconds between the newest event being told and taken in.
    pub lag: Option<f64>,
    /// When the last event of any kind came, in seconds since 1970.
    pub last_event: Option<f64>,
    /// When events were first heard, by this board or one before it on the same history, in seconds since 1970.
    pub heard_from: Option<f64>,
    /// Spans in which nothing could be heard, newest last: from, and until when (`None`: still). Also those in which
    /// no board ran.
    pub outages: Vec<(f64, Option<f64>)>,
    /// Tasks whose end was learnt from the result backend or the workers after an outage.
    pub backfilled: u64,
}

impl Coverage {
    /// Of the seconds between two moments those in which events could be heard.
    pub fn heard(&self, from: f64, until: f64) -> f64 {
        let Some(begin) = self.heard_from else { return 0.0 };
        let from = from.max(begin);
        let missed = |(begin, end): &(f64, Option<f64>)| {
            (end.unwrap_or(f64::INFINITY).min(until) - begin.max(from)).max(0.0)
        };
        (until - from - self.outages.iter().map(missed).sum::<f64>()).max(0.0)
    }
}

/// Whether the broker is heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokerHealth {
    /// Whether the subscription to events stands and the last probe went through.
    pub connected: bool,
    /// Since when, in seconds since 1970.
    pub since: f64,
    /// Why not.
    pub error: Option<String>,
    /// How often the connection was lost.
    pub losses: u64,
    /// Seconds that the last probe took.
    pub probe: Option<f64>,
}

/// How the store does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreHealth {
    /// The file; `None` keeps history in memory only.
    pub path: Option<PathBuf>,
    /// What is wrong now: a full disk.
    pub error: Option<String>,
    /// What was done about a file that could not be read: it was set aside under this name.
    pub set_aside: Option<PathBuf>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Tasks in it.
    pub tasks: u64,
    /// Tasks that wait to be written.
    pub waiting: u64,
    /// Seconds that the last write took.
    pub flush: Option<f64>,
    /// Tasks deleted by age or by the caps since the start.
    pub deleted: u64,
    /// Tasks that could not be written and were given up since the start.
    pub dropped: u64,
    /// Rows that lack a name, worker, queue or error that is nonetheless known, because there were too many
    /// different ones.
    pub folded: u64,
    /// When the oldest task in it was last heard of, in seconds since 1970.
    pub oldest: Option<f64>,
}
