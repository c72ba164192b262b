//! What happened since the board started, by name and queue: for metrics.
//!
//! Kept true here: names come from anybody, so their number is bounded; what comes beyond that is counted under
//! [`OTHER`].

use std::{collections::HashMap, sync::Arc};

use crate::record::{History, Mark, Step, cut};

/// Pairs of a name and a queue that are counted apart, and pairs of a name and an error.
const MOST: usize = 1_000;
/// Stands for all beyond that.
pub(crate) const OTHER: &str = "other";
/// Longest name of an error, in bytes.
const LONGEST: usize = 100;
/// Upper bounds of the buckets, in seconds.
pub(crate) const BOUNDS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0];

/// Durations, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Durations {
    /// By bucket, not cumulative.
    pub(crate) buckets: [u64; BOUNDS.len()],
    /// All, also those beyond the last bucket.
    pub(crate) count: u64,
    /// In seconds.
    pub(crate) sum: f64,
}

impl Durations {
    fn add(&mut self, seconds: f64) {
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }
}

/// How long tasks of a name in a queue waited and ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) wait: Durations,
    pub(crate) run: Durations,
}

/// A name and a queue, or an error.
type Pair = (Arc<str>, Arc<str>);

/// The counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// By name and queue; empty where it is not known.
    pub(crate) spent: HashMap<Pair, Spent>,
    /// Failures by name and class of the error.
    pub(crate) failures: HashMap<Pair, u64>,
}

impl Totals {
    /// Counts what was told of a task; `seconds` that it waited until it was started, or ran until it ended.
    pub(super) fn count(&mut self, history: &History, step: Step, seconds: Option<f64>) {
        let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) else { return };
        let name = |text: Option<&Arc<str>>| text.cloned().unwrap_or_default();
        let spent = slot(&mut self.spent, name(history.name()), name(history.queue()));
        match step {
            Step::Started => spent.wait.add(seconds),
            _ => spent.run.add(seconds),
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&mut self, name: Option<&Arc<str>>, error: &str) {
        *slot(&mut self.failures, name.cloned().unwrap_or_default(), error.into()) += 1;
    }
}

fn slot<T: Default>(of: &mut HashMap<Pair, T>, one: Arc<str>, other: Arc<str>) -> &mut T {
    let mut key = (one, other);
    if of.len() >= MOST && !of.contains_key(&key) {
        key = (OTHER.into(), OTHER.into());
    }
    of.entry(key).or_default()
}

/// The class of the error that a mark tells, as Python shows it: `ValueError`.
pub(super) fn error_of(mark: &Mark) -> String {
    let text = mark.end.as_ref().and_then(|end| end.exception.as_deref()).unwrap_or_default();
    let class = text.split(['(', ':', '\n']).next().unwrap_or_default().trim();
    cut(class, LONGEST).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_counted_under_other() {
        let mut totals = Totals::default();
        for number in 0..2 * MOST {
            totals.failed(Some(&number.to_string().into()), "ValueError");
        }
        totals.failed(Some(&"0".into()), "ValueError");
        assert_eq!(totals.failures.len(), MOST + 1);
        assert_eq!(totals.failures[&("0".into(), "ValueError".into())], 2, "one that is known stays apart");
        assert_eq!(totals.failures[&(OTHER.into(), OTHER.into())], MOST as u64);
    }

    #[test]
    fn durations_are_counted_in_the_bucket_that_they_fit_in() {
        let mut durations = Durations::default();
        for seconds in [0.005, 0.006, 4_000.0] {
            durations.add(seconds);
        }
        assert_eq!((durations.buckets[0], durations.buckets[1], durations.count), (1, 1, 3));
        assert_eq!(durations.buckets.iter().sum::<u64>(), 2, "one is beyond all");
    }
}
