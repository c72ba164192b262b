//! Every so often.
//!
//! Kept true here: an interval is real time. Clocks that are put forward or back do not change it, except for
//! [relative](Interval::relative) ones, which keep to the clock on the wall by definition.

use std::{borrow::Cow, time::Duration};

use jiff::{SignedDuration, Unit, Zoned, ZonedRound};

use super::{Schedule, ScheduleError};

/// Every so often, counted from the last due time. Celery: `schedule(run_every)`.
///
/// ```
/// use std::time::Duration;
/// use taskq_core::schedule::{Interval, Schedule};
///
/// let every = Interval::new(Duration::from_secs(90))?;
/// let after: jiff::Zoned = "2026-03-01T10:00:00[UTC]".parse().unwrap();
/// assert_eq!(every.next(&after).unwrap().to_string(), "2026-03-01T10:01:30+00:00[UTC]");
/// assert_eq!(every.describe(), "every 1 minute 30 seconds");
/// # Ok::<(), taskq_core::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    every: SignedDuration,
    relative: bool,
}

impl Interval {
    /// Due again after `every`.
    ///
    /// # Errors
    /// [`ScheduleError::ZeroInterval`].
    pub fn new(every: Duration) -> Result<Self, ScheduleError> {
        match SignedDuration::try_from(every) {
            Ok(every) if !every.is_zero() => Ok(Self { every, relative: false }),
            _ => Err(ScheduleError::ZeroInterval),
        }
    }

    /// Rounds due times down to the interval's largest unit on the wall clock: an interval of one hour is due on
    /// the hour. Celery: `relative=True`.
    #[must_use]
    pub fn relative(mut self) -> Self {
        self.relative = true;
        self
    }

    /// The time between two due times.
    pub fn every(&self) -> Duration {
        self.every.unsigned_abs()
    }

    /// Whether due times are rounded.
    pub fn is_relative(&self) -> bool {
        self.relative
    }

    fn unit(&self) -> Unit {
        match self.every.as_secs() {
            86_400.. => Unit::Day,
            3_600.. => Unit::Hour,
            60.. => Unit::Minute,
            _ => Unit::Second,
        }
    }
}

impl Schedule for Interval {
    fn next(&self, after: &Zoned) -> Option<Zoned> {
        let end = after.checked_add(self.every).ok()?;
        if !self.relative {
            return Some(end);
        }
        let down = ZonedRound::new().smallest(self.unit()).mode(jiff::RoundMode::Trunc);
        // Less than a second, or an hour that was put back: rounding may not lead to the past.
        end.round(down).ok().filter(|rounded| rounded > after).or(Some(end))
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Owned(format!("every {}", words(self.every())))
    }
}

/// `1 day 2 hours`, `1.5 seconds`.
fn words(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in [("day", 86_400), ("hour", 3_600), ("minute", 60)] {
        let count = left / seconds;
        left %= seconds;
        if count > 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    let seconds = Duration::new(left, duration.subsec_nanos()).as_secs_f64();
    if seconds > 0.0 {
        parts.push(format!(
            "{seconds} second{}",
            if seconds.to_bits() == 1.0_f64.to_bits() { "" } else { "s" }
        ));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn next(interval: Interval, after: &str) -> String {
        interval.next(&at(after)).unwrap().to_string()
    }

    #[test]
    fn an_interval_is_real_time() {
        let hours = Interval::new(Duration::from_secs(2 * 3_600)).unwrap();
        assert_eq!(next(hours, "2026-03-29T01:30:00[Europe/Rome]"), "2026-03-29T04:30:00+02:00[Europe/Rome]");
        assert_eq!(Interval::new(Duration::ZERO), Err(ScheduleError::ZeroInterval));
    }

    #[test]
    fn relative_ones_keep_to_the_clock() {
        let of = |seconds| Interval::new(Duration::from_secs(seconds)).unwrap().relative();
        assert_eq!(next(of(3_600), "2026-03-01T10:50:12.5[UTC]"), "2026-03-01T11:00:00+00:00[UTC]");
        assert_eq!(next(of(5_400), "2026-03-01T10:50:00[UTC]"), "2026-03-01T12:00:00+00:00[UTC]");
        assert_eq!(next(of(86_400), "2026-03-01T10:50:00[UTC]"), "2026-03-02T00:00:00+00:00[UTC]");
        assert_eq!(next(of(90), "2026-03-01T10:50:30[UTC]"), "2026-03-01T10:52:00+00:00[UTC]");
    }

    #[test]
    fn relative_ones_never_stand_still() {
        let short = Interval::new(Duration::from_millis(200)).unwrap().relative();
        let start = at("2026-03-01T10:50:00[UTC]");
        assert!(short.next(&start).unwrap() > start);
        // The hour from 02:00 to 03:00 comes twice.
        let hour = Interval::new(Duration::from_secs(3_600)).unwrap().relative();
        let mut due = at("2026-10-25T01:10:00[Europe/Rome]");
        for _ in 0..4 {
            let next = hour.next(&due).unwrap();
            assert!(next > due, "{next} after {due}");
            due = next;
        }
    }

    #[test]
    fn words_are_plain() {
        assert_eq!(words(Duration::from_secs(1)), "1 second");
        assert_eq!(words(Duration::from_millis(1_500)), "1.5 seconds");
        assert_eq!(words(Duration::from_secs(93_784)), "1 day 2 hours 3 minutes 4 seconds");
    }
}
