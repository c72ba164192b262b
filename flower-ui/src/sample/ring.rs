//! The last numbers of something.
//!
//! Kept true here: a rate is never made of one number, nor of numbers that are too old.

use std::collections::VecDeque;

/// Numbers that are kept.
const LENGTH: usize = 120;
/// A rate is taken over so many seconds.
const SPAN: f64 = 60.0;
/// Not over fewer.
const SHORTEST: f64 = 2.0;

/// Numbers and when they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring(VecDeque<(f64, u64)>);

/// Where something is going.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trend {
    /// More or fewer a second, over the last minute; `None`: not known.
    pub(crate) rate: Option<f64>,
    /// The numbers, oldest first.
    pub(crate) points: Vec<u64>,
    /// Since when it grows without falling, in seconds since 1970.
    pub(crate) growing_since: Option<f64>,
}

impl Ring {
    pub(super) fn push(&mut self, at: f64, number: u64) {
        if self.0.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        if self.0.len() >= LENGTH {
            self.0.pop_front();
        }
        self.0.push_back((at, number));
    }

    /// More or fewer a second, over the last minute; `None`: not known.
    #[allow(clippy::cast_precision_loss)] // counts of messages
    pub(super) fn rate(&self) -> Option<f64> {
        let (end, last) = *self.0.back()?;
        let (at, number) = *self.0.iter().find(|(at, _)| end - at <= SPAN)?;
        (end - at >= SHORTEST).then(|| (last as f64 - number as f64) / (end - at))
    }

    pub(super) fn trend(&self) -> Trend {
        let points = self.0.iter().map(|(_, number)| *number).collect();
        let Some((_, last)) = self.0.back().copied() else { return Trend::default() };
        let mut growing_since = None;
        let mut above = last;
        for (at, number) in self.0.iter().rev().skip(1) {
            if *number > above {
                break;
            }
            if *number < last {
                growing_since = Some(*at);
            }
            above = *number;
        }
        Trend { rate: self.rate(), points, growing_since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_numbers_and_time_between() {
        let mut ring = Ring::default();
        assert_eq!(ring.trend(), Trend::default());
        ring.push(10.0, 100);
        ring.push(11.0, 90);
        assert_eq!(ring.trend().rate, None);
        ring.push(20.0, 50);
        assert_eq!(ring.trend().rate, Some(-5.0));
        assert_eq!(ring.trend().points, [100, 90, 50]);
        ring.push(200.0, 10);
        assert_eq!(ring.trend().rate, None, "the others are too old");
    }

    #[test]
    fn it_grows_since_it_last_fell_and_is_bounded() {
        let mut ring = Ring::default();
        for (at, number) in [(1.0, 9), (2.0, 3), (3.0, 4), (4.0, 4), (5.0, 6)] {
            ring.push(at, number);
        }
        assert_eq!(ring.trend().growing_since, Some(2.0));
        for at in 0..500_u32 {
            ring.push(10.0 + f64::from(at), 1);
        }
        assert_eq!(ring.trend().points.len(), LENGTH);
        assert_eq!(ring.trend().growing_since, None);
    }
}
