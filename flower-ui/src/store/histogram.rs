//! Durations, counted in buckets that grow by 5 %: any two histograms merge, and a percentile is off by 2.5 % at
//! most.
//!
//! Kept true here: the buckets are the same everywhere and for ever, since they are stored.

use std::collections::BTreeMap;

/// Each bucket ends so much above the one before.
const GROWTH: f64 = 1.05;
/// The first bucket ends here, in seconds.
const FIRST: f64 = 1e-4;
/// The last one: 3 years.
const LAST: u16 = 565;

/// Counts of durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    /// Counts a duration in seconds. One below zero or without a value is not counted.
    pub fn add(&mut self, seconds: f64) {
        if seconds.is_nan() || seconds < 0.0 {
            return;
        }
        let bucket = ((seconds / FIRST).ln() / GROWTH.ln()).ceil().clamp(0.0, f64::from(LAST));
        *self.0.entry(bucket as u16).or_default() += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// What a share (0 to 1) of them did not exceed, in seconds. `None` when nothing was counted.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.0.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= wanted).then(|| middle(*bucket))
        })
    }

    /// As bytes: pairs of the distance to the bucket before and the count.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        let mut before = 0;
        for (bucket, count) in &self.0 {
            write(&mut bytes, u64::from(bucket - before));
            write(&mut bytes, *count);
            before = *bucket;
        }
        bytes
    }

    /// From bytes; what cannot be read is left out.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut histogram = Self::default();
        let mut bucket = 0;
        while let (Some(distance), Some(count)) = (read(&mut bytes), read(&mut bytes)) {
            bucket = (bucket + distance).min(u64::from(LAST));
            *histogram.0.entry(bucket as u16).or_default() += count;
        }
        histogram
    }
}

/// The value that stands for a bucket: off by half its width at most.
fn middle(bucket: u16) -> f64 {
    if bucket == 0 {
        return FIRST;
    }
    FIRST * GROWTH.powi(i32::from(bucket)) * 2.0 / (1.0 + GROWTH)
}

fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_close_and_parts_merge_to_the_whole(
            mut values in prop::collection::vec(1e-3_f64..1e5, 1..200),
            cut in 0_usize..200,
            share in 0.01_f64..1.0,
        ) {
            let of = |values: &[f64]| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|value| histogram.add(*value));
                histogram
            };
            let whole = of(&values);
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = Histogram::from_bytes(&of(left).to_bytes());
            merged.merge(&of(right));
            prop_assert_eq!(&merged, &whole);
            values.sort_by(f64::total_cmp);
            let exact = values[((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1];
            let told = whole.percentile(share).unwrap();
            prop_assert!((told / exact - 1.0).abs() <= 0.025, "{told} for {exact}");
        }
    }

    #[test]
    fn absurd_durations_are_bounded_and_nothing_has_no_percentile() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        for seconds in [f64::NAN, -1.0, f64::INFINITY, 0.0, 1e300] {
            histogram.add(seconds);
        }
        assert_eq!(histogram.count(), 3);
        assert!(histogram.percentile(1.0).unwrap() < 1e9);
    }
}
