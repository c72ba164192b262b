//! Clocks that go with the paused time of the runtime.

use std::time::Duration;

use jiff::SignedDuration;
use taskq_core::{Timestamp, time::Clock};
use tokio::time::Instant;

/// Any moment does, as long as it is always the same.
const START: i64 = 1_900_000_000;

/// The wall clock of a process: as far off as it was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    start: Instant,
    skew: SignedDuration,
}

impl VirtualClock {
    /// The clock of the servers, which starts now.
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), skew: SignedDuration::ZERO }
    }

    /// A clock that is off by so much.
    pub(super) fn skewed(self, skew: SignedDuration) -> Self {
        Self { skew, ..self }
    }

    /// Time since the start of the simulation, whatever the skew.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(START).unwrap_or(Timestamp::UNIX_EPOCH);
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        start.saturating_add(elapsed + self.skew).unwrap_or(Timestamp::MAX)
    }
}
