//! What goes wrong during a soak.

use std::time::Duration;

use fastrand::Rng;

use super::site::Kind;

/// What runs when a fault begins may have ended before by so much and not be settled.
const SETTLES: f64 = 2.0;
/// A connection that is silent is noticed after so many seconds, and what was taken over it comes back.
const NOTICED: f64 = 12.0;
/// Everybody is connected again after so many seconds.
const BACK: f64 = 5.0;

/// A fault. Times are how long it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// `kill -9` of a worker; another takes its place.
    Killed,
    /// A worker is frozen, which may be longer than its leases last.
    Frozen(Duration),
    /// A worker is killed and replaced by one whose clock is off by so many seconds.
    ClockShifted(i64),
    /// The broker's process is killed, and starts again with what was on its disk.
    BrokerKilled(Duration),
    /// All connections to the broker end.
    Reset,
    /// Nothing passes to or from the broker, and connections from before stay silent.
    Blackhole(Duration),
    /// Every piece takes so long, for so long.
    Slow(Duration, Duration),
    /// The result backend's process is killed, and starts again with what was on its disk.
    BackendKilled(Duration),
}

/// When a fault happened, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) fault: Fault,
    pub(super) began: f64,
    pub(super) over: f64,
    /// When something new had ended after it.
    pub(super) recovered: f64,
}

impl Fault {
    /// The next one; SQLite has neither a server nor a network.
    pub(super) fn draw(rng: &mut Rng, kind: Kind) -> Self {
        let time = |rng: &mut Rng, from, to| Duration::from_millis(rng.u64(from..to));
        let kinds = if kind == Kind::Sqlite { 3 } else { 8 };
        match rng.u8(..kinds) {
            0 => Self::Killed,
            1 => Self::Frozen(time(rng, 1_000, 6_000)),
            2 => Self::ClockShifted(rng.i64(-15..=15)),
            3 => Self::BrokerKilled(time(rng, 100, 2_000)),
            4 => Self::Reset,
            5 => Self::Blackhole(time(rng, 500, 5_000)),
            6 => Self::Slow(time(rng, 5, 100), time(rng, 1_000, 4_000)),
            _ => Self::BackendKilled(time(rng, 100, 2_000)),
        }
    }
}

impl Spell {
    /// Whether what went on between these moments may have gone on a second time because of it.
    pub(super) fn explains(&self, began: f64, ended: f64) -> bool {
        let clears = match self.fault {
            Fault::Killed | Fault::ClockShifted(_) => 0.0,
            Fault::Frozen(_) | Fault::Slow(..) | Fault::BackendKilled(_) => SETTLES,
            Fault::BrokerKilled(_) | Fault::Reset => BACK,
            Fault::Blackhole(_) => NOTICED,
        };
        ended + SETTLES >= self.began && began <= self.recovered.max(self.over + clears)
    }
}
