//! Numbers of deliveries: those that were reserved for a take and are not accounted for.
//!
//! Kept true here: a number is open from the moment a take may use it until the take's answer was taken in; what was
//! handed out is never open.

use std::ops::Range;

/// Numbers that a message may stand under on the server without our knowing: ranges in order, apart from each other.
/// There is one while a take is under way or [waits](super::armed), and what is left of one for each answer that was
/// lost.
#[derive(Debug, Default)]
pub(super) struct Open(Vec<Range<u64>>);

impl Open {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether others than these are open.
    pub(super) fn has_besides(&self, numbers: &Range<u64>) -> bool {
        self.0.iter().any(|open| open.start < numbers.start || numbers.end < open.end)
    }

    /// Opens numbers that are greater than all before.
    pub(super) fn push(&mut self, numbers: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.end == numbers.start => last.end = numbers.end,
            _ => self.0.push(numbers),
        }
    }

    /// These are accounted for.
    pub(super) fn close(&mut self, numbers: &Range<u64>) {
        let mut at = self.0.partition_point(|open| open.end <= numbers.start);
        while let Some(open) = self.0.get_mut(at).filter(|open| open.start < numbers.end) {
            let after = numbers.end..open.end;
            open.end = numbers.start.max(open.start);
            if open.is_empty() {
                self.0.remove(at);
            } else {
                at += 1;
            }
            if !after.is_empty() {
                self.0.insert(at, after);
                return;
            }
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|open| open.end <= number);
        self.0.get(at).is_some_and(|open| open.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accounted_for_is_open_no_more() {
        let mut open = Open::default();
        let mut still = std::collections::BTreeSet::new();
        for numbers in [1..10, 10..20, 30..40, 45..46, 50..60] {
            still.extend(numbers.clone());
            open.push(numbers);
        }
        for numbers in [12..13, 1..3, 9..12, 25..28, 18..33, 39..55, 5..5, 14..15, 60..70, 0..9, 13..100] {
            open.close(&numbers);
            still.retain(|number| !numbers.contains(number));
            let found: std::collections::BTreeSet<u64> = (0..100).filter(|at| open.contains(*at)).collect();
            assert_eq!(found, still, "without {numbers:?}: {open:?}");
            assert!(open.0.iter().all(|open| !open.is_empty()), "{open:?}");
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
