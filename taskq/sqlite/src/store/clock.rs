//! The wall clock, and distrust of it after a jump.
//!
//! Kept true here: when the machine slept, or the clock was set forward, every lease looks lapsed although its
//! holder lives; for a while after such a jump no lease lapses, so that the holders can renew theirs.

use std::time::{Duration, Instant};

use super::tx::micros_now;

/// A jump: the wall clock ran ahead of the steady one by more than this, in microseconds.
const JUMP: i64 = 2_000_000;
/// How long leases do not lapse after a jump: holders renew every third of a lease, 10 s by default.
const GRACE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct WallClock {
    /// Wall and steady time of the last look.
    last: (i64, Instant),
    jumped: Option<Instant>,
}

impl WallClock {
    pub(super) fn new() -> Self {
        Self { last: (micros_now(), Instant::now()), jumped: None }
    }

    /// Microseconds since 1970.
    pub(super) fn now(&mut self) -> i64 {
        let now = micros_now();
        self.look(now, Instant::now());
        now
    }

    fn look(&mut self, wall: i64, steady: Instant) {
        let passed = i64::try_from(steady.duration_since(self.last.1).as_micros()).unwrap_or(i64::MAX);
        if wall.saturating_sub(self.last.0).saturating_sub(passed) > JUMP {
            self.jumped = Some(steady);
            tracing::info!(
                "the clock jumped forward, or the machine slept: leases do not lapse for {GRACE:?}"
            );
        }
        self.last = (wall, steady);
    }

    /// Whether no jump was noticed lately.
    pub(super) fn is_steady(&self) -> bool {
        self.jumped.is_none_or(|at| self.last.1.duration_since(at) >= GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_jump_leases_do_not_lapse_for_a_while() {
        let mut clock = WallClock::new();
        let (wall, steady) = clock.last;
        let second = Duration::from_secs(1);
        clock.look(wall + 1_000_000, steady + second);
        assert!(clock.is_steady());
        clock.look(wall + 3_602_000_000, steady + 2 * second);
        assert!(!clock.is_steady());
        clock.look(wall + 3_612_000_000, steady + 12 * second);
        assert!(!clock.is_steady());
        clock.look(wall + 3_622_000_000, steady + 22 * second);
        assert!(clock.is_steady());
        // Backwards is no reason: leases only last longer.
        clock.look(wall, steady + 23 * second);
        assert!(clock.is_steady());
    }
}
