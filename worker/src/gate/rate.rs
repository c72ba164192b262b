//! Rate limits, per worker and task, as Celery's token bucket of one token: starts are at least one interval
//! apart.
//!
//! A task over its rate never keeps others waiting: a few are held here for their turn within a second, so
//! that the rate is met exactly; the rest wait in the broker, spread over the time to come.

use std::{collections::HashMap, sync::Arc, time::Duration};

use taskq_core::{Timestamp, task::RateLimit};
use tokio::time::Instant;

use crate::{
    node::Node,
    tasks::{Known, Tasks},
};

/// The longest a task is held in this process for its turn.
const HOLD: Duration = Duration::from_secs(1);

/// May it start?
#[derive(Debug, PartialEq)]
pub(super) enum Grant {
    /// Now.
    Now,
    /// At that time; its turn is kept.
    At(Instant),
    /// Not soon: ask again at that time.
    Later(Timestamp),
}

/// One bucket for each task that has a limit.
#[derive(Debug)]
pub(super) struct Rates(HashMap<Arc<str>, Bucket>);

#[derive(Debug)]
struct Bucket {
    interval: Duration,
    /// The earliest start that is not taken.
    next: Instant,
    /// The earliest time at which nobody was told to ask again.
    asks: Instant,
}

impl Rates {
    pub(super) fn new(tasks: &Tasks) -> Self {
        let now = Instant::now();
        let bucket = |known: &Arc<Known>| {
            let interval = known.policy.rate_limit?.interval();
            Some((Arc::clone(&known.name), Bucket { interval, next: now, asks: now }))
        };
        Self(tasks.iter().filter_map(bucket).collect())
    }

    /// Another limit for a task, or none. Turns that were given stay.
    pub(super) fn set(&mut self, task: Arc<str>, rate: Option<RateLimit>) {
        let Some(rate) = rate else {
            self.0.remove(&task);
            return;
        };
        let now = Instant::now();
        let bucket = self.0.entry(task).or_insert(Bucket { interval: Duration::ZERO, next: now, asks: now });
        bucket.interval = rate.interval();
        bucket.asks = now;
    }

    pub(super) fn take(&mut self, node: &Node, known: &Known, may_hold: bool) -> Grant {
        if self.0.is_empty() || !node.tuning.rate_limits {
            return Grant::Now;
        }
        let Some(bucket) = self.0.get_mut(&known.name) else { return Grant::Now };
        let now = Instant::now();
        match bucket.take(now, may_hold, node.can.native_delay) {
            Turn::Now => Grant::Now,
            Turn::At(at) => Grant::At(at),
            Turn::Ask(after) => {
                let after = jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX);
                Grant::Later(node.now().checked_add(after).unwrap_or(Timestamp::MAX))
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Turn {
    Now,
    At(Instant),
    Ask(Duration),
}

impl Bucket {
    fn take(&mut self, now: Instant, may_hold: bool, may_postpone: bool) -> Turn {
        if self.next <= now {
            self.next = now + self.interval;
            return Turn::Now;
        }
        if !may_postpone || (may_hold && self.next - now <= HOLD) {
            let at = self.next;
            self.next += self.interval;
            return Turn::At(at);
        }
        let ask = self.asks.max(self.next);
        self.asks = ask + self.interval;
        Turn::Ask(ask - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(now: Instant, per_second: u32) -> Bucket {
        Bucket { interval: Duration::from_secs(1) / per_second, next: now, asks: now }
    }

    #[test]
    fn starts_are_an_interval_apart_and_a_pause_saves_no_burst() {
        let now = Instant::now();
        let mut bucket = bucket(now, 5);
        let ms = Duration::from_millis;
        assert_eq!(bucket.take(now, true, true), Turn::Now);
        assert_eq!(bucket.take(now, true, true), Turn::At(now + ms(200)));
        assert_eq!(bucket.take(now, true, true), Turn::At(now + ms(400)));
        let later = now + Duration::from_secs(60);
        assert_eq!(bucket.take(later, true, true), Turn::Now);
        assert_eq!(bucket.take(later, true, true), Turn::At(later + ms(200)));
    }

    #[test]
    fn those_without_room_or_a_turn_soon_come_back_one_by_one() {
        let now = Instant::now();
        let mut bucket = bucket(now, 5);
        let ms = Duration::from_millis;
        assert_eq!(bucket.take(now, false, true), Turn::Now);
        assert_eq!(bucket.take(now, false, true), Turn::Ask(ms(200)));
        assert_eq!(bucket.take(now, false, true), Turn::Ask(ms(400)));
        assert_eq!(bucket.take(now, false, true), Turn::Ask(ms(600)));
    }

    #[test]
    fn without_delay_in_the_broker_they_are_held() {
        let now = Instant::now();
        let mut bucket = Bucket { interval: Duration::from_secs(30), next: now, asks: now };
        assert_eq!(bucket.take(now, false, false), Turn::Now);
        assert_eq!(bucket.take(now, false, false), Turn::At(now + Duration::from_secs(30)));
    }
}
