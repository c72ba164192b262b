//! All that was told of one task, ready to be merged with more.
//!
//! Kept true here: a history is a set. Telling it things in any order, twice, or merging two histories of the
//! same task ends the same; what it says of the task is worked out from the whole set, in `story`. Its size is
//! bounded, by a rule that keeps this true: the newest stay.

use super::{
    call::Call,
    mark::{Mark, Step},
};

/// Marks that are kept; the newest. More than 80 attempts.
const MOST_MARKS: usize = 256;
/// Ends that keep their tracebacks; the newest.
const MOST_TRACEBACKS: usize = 8;

/// What was told of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    /// In order, each once.
    pub(super) marks: Vec<Mark>,
    /// As its sender tells.
    pub(super) sent: Option<Call>,
    /// As the worker tells that received it.
    pub(super) received: Option<Call>,
    /// As a worker answered when it was asked.
    pub(super) answered: Option<Call>,
    /// Whether texts that were stored once are deleted.
    pub(super) payload_dropped: bool,
}

impl History {
    /// Adds a mark. Whether it was new.
    pub(crate) fn add(&mut self, mark: Mark) -> bool {
        let mut is_new = false;
        // Mostly the newest so far.
        let mut at = self.marks.len();
        while at > 0 && self.marks[at - 1].order(&mark).is_gt() {
            at -= 1;
        }
        if at > 0 && self.marks[at - 1].order(&mark).is_eq() {
            self.marks[at - 1].settle(mark);
        } else {
            self.marks.insert(at, mark);
            is_new = true;
        }
        self.bound();
        is_new
    }

    /// Adds how it was called.
    pub(crate) fn call(&mut self, step: Step, call: Call) {
        let slot = match step {
            Step::Sent => &mut self.sent,
            Step::Received => &mut self.received,
            _ => &mut self.answered,
        };
        Call::newer(slot, Some(call));
    }

    /// Adds all that another history of the same task holds.
    pub(crate) fn merge(&mut self, other: Self) {
        for mark in other.marks {
            self.add(mark);
        }
        Call::newer(&mut self.sent, other.sent);
        Call::newer(&mut self.received, other.received);
        Call::newer(&mut self.answered, other.answered);
        self.payload_dropped |= other.payload_dropped;
    }

    /// Says whether its texts were stored once, and are deleted.
    pub(crate) fn with_payload_dropped(mut self, dropped: bool) -> Self {
        self.payload_dropped = dropped;
        self
    }

    /// The calls, the most reliable first.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        [&self.received, &self.sent, &self.answered].into_iter().flatten()
    }

    /// Whether nothing was told.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.calls().next().is_none()
    }

    fn bound(&mut self) {
        if self.marks.len() > MOST_MARKS {
            let surplus = self.marks.len() - MOST_MARKS;
            self.marks.drain(..surplus);
        }
        if self.marks.len() <= MOST_TRACEBACKS {
            return;
        }
        let traced = self.marks.iter_mut().rev().filter_map(|mark| mark.end.as_deref_mut());
        for end in traced.filter(|end| end.traceback.is_some()).skip(MOST_TRACEBACKS) {
            end.traceback = None;
        }
    }
}
