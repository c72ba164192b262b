//! Rate limits that all workers share: who may start when is decided where the messages, or the results, are.
//!
//! Kept true by every store: over any time, no more turns are given out under one key than its rate allows, however
//! many workers ask; turns are told as times from now, so the clocks of workers do not matter.

use std::{fmt, time::Duration};

use super::BrokerError;
use crate::BoxFuture;

/// The longest a worker keeps a task for its turn; what has to wait longer waits in the broker.
pub const RATE_HOLD: Duration = Duration::from_secs(1);
/// So much before its turn a task that waited in the broker asks again: what comes late would waste turns.
pub const RATE_LEAD: Duration = Duration::from_millis(500);
/// The longest a task waits in the broker before it asks again: the rate may have been raised meanwhile.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// So many permits under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateAsk {
    /// What is limited: a task, or a task with the value of one of its arguments.
    pub key: String,
    /// The time between two turns.
    pub interval: Duration,
    /// How many tasks ask.
    pub permits: u32,
    /// How many of them may be given a turn that is still to come, within [`RATE_HOLD`].
    pub may_hold: u32,
}

/// The answer to one of the tasks that ask. Times are from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateTurn {
    /// Its turn is then, and is kept; zero is now.
    In(Duration),
    /// It has no turn: ask again then.
    AskIn(Duration),
}

/// Gives out turns, for every worker of this store.
pub trait RateLimits: Send + Sync + fmt::Debug {
    /// One answer for each permit asked for, in order, in one round trip.
    fn take<'a>(&'a self, asks: &'a [RateAsk]) -> BoxFuture<'a, Result<Vec<Vec<RateTurn>>, BrokerError>>;
}

/// The turns of one key: the generic cell rate algorithm without a burst. Times are microseconds on the clock of
/// whoever keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateBucket {
    /// The last turn that was given out, if one was. The next one is an interval later: of the rate that holds then.
    pub last: Option<i64>,
    /// The earliest time at which nobody was told to ask again.
    pub asks: i64,
    /// From then on nothing of it matters any more.
    pub until: i64,
}

impl RateBucket {
    /// The turn of one task. `may_hold`: also one that is still to come, if it comes within `hold`.
    pub fn take(&mut self, now: i64, interval: Duration, hold: Option<Duration>) -> RateTurn {
        let interval = micros(interval);
        let next = self.last.map_or(now, |last| last.saturating_add(interval).max(now));
        if next <= now.saturating_add(hold.map_or(0, micros)) {
            self.last = Some(next);
            self.until = self.until.max(next.saturating_add(interval));
            return RateTurn::In(span(next - now));
        }
        let end = now.saturating_add(micros(RATE_WINDOW));
        // Round and round within the window: those told to come are spread evenly over it, however many they are.
        let ask = if self.asks > end { next } else { self.asks.max(next) }.min(end);
        // Somewhat denser than the turns, to make up for those who find no room in their worker.
        self.asks = ask.saturating_add(interval - interval / 10);
        self.until = self.until.max(self.asks);
        let wait = ask - now;
        let early = hold.is_some() || wait > 2 * micros(RATE_HOLD);
        RateTurn::AskIn(span(if early { wait - micros(RATE_LEAD) } else { wait }))
    }

    /// All turns of an ask.
    pub fn take_all(&mut self, now: i64, ask: &RateAsk) -> Vec<RateTurn> {
        let mut holds = ask.may_hold;
        let turn = |_| {
            let turn = self.take(now, ask.interval, (holds > 0).then_some(RATE_HOLD));
            if matches!(turn, RateTurn::In(wait) if !wait.is_zero()) {
                holds -= 1;
            }
            turn
        };
        (0..ask.permits).map(turn).collect()
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}

fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000;

    fn turns(
        bucket: &mut RateBucket,
        now: i64,
        per_second: u32,
        permits: u32,
        may_hold: u32,
    ) -> Vec<RateTurn> {
        let interval = Duration::from_secs(1) / per_second;
        bucket.take_all(now, &RateAsk { key: "k".to_owned(), interval, permits, may_hold })
    }

    fn at(ms: u64) -> RateTurn {
        RateTurn::In(Duration::from_millis(ms))
    }

    fn ask(ms: u64) -> RateTurn {
        RateTurn::AskIn(Duration::from_millis(ms))
    }

    #[test]
    fn turns_are_an_interval_apart_and_a_pause_saves_no_burst() {
        let mut bucket = RateBucket::default();
        let now = 1_000_000 * MS;
        assert_eq!(turns(&mut bucket, now, 5, 3, 8), [at(0), at(200), at(400)]);
        assert_eq!(turns(&mut bucket, now + 60_000 * MS, 5, 2, 8), [at(0), at(200)]);
    }

    #[test]
    fn those_without_room_or_a_turn_soon_come_back_one_by_one() {
        let mut bucket = RateBucket::default();
        let now = 1_000_000 * MS;
        assert_eq!(turns(&mut bucket, now, 5, 4, 0), [at(0), ask(200), ask(380), ask(560)]);
        // Beyond a second: somewhat before their turn, so that none is wasted.
        let mut bucket = RateBucket { last: Some(now + 1_800 * MS), ..RateBucket::default() };
        assert_eq!(turns(&mut bucket, now, 5, 2, 8), [ask(1_500), ask(1_680)]);
    }

    #[test]
    fn another_rate_holds_from_the_last_turn_on() {
        let mut bucket = RateBucket::default();
        let now = 1_000_000 * MS;
        assert_eq!(bucket.take(now, Duration::from_secs(3_600), None), at(0));
        assert_eq!(bucket.take(now, Duration::from_millis(200), Some(RATE_HOLD)), at(200));
    }

    #[test]
    fn they_come_back_within_a_minute_spread_evenly() {
        let mut bucket = RateBucket::default();
        let answers = turns(&mut bucket, 0, 1, 1_000, 0);
        // Ten in every nine seconds of a round.
        let mut parts = [0; 7];
        for answer in &answers[1..] {
            let RateTurn::AskIn(wait) = answer else { panic!("{answer:?}") };
            parts[usize::try_from(wait.as_secs() / 9).unwrap()] += 1;
        }
        assert!(parts[..6].iter().all(|count| (145..=175).contains(count)), "{parts:?}");
    }

    #[test]
    fn an_interval_longer_than_the_window_is_asked_for_again_within_it() {
        let mut bucket = RateBucket::default();
        let hour = Duration::from_secs(3_600);
        assert_eq!(bucket.take(0, hour, None), at(0));
        for _ in 0..3 {
            let RateTurn::AskIn(wait) = bucket.take(0, hour, Some(RATE_HOLD)) else { panic!("a turn") };
            assert!(wait <= RATE_WINDOW, "{wait:?}");
        }
    }
}
