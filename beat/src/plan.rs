//! The entries in order of when they want attention next.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use jiff::{SignedDuration, tz::TimeZone};
use taskq_core::{
    Timestamp,
    schedule::{Entry, EntryState, Snapshot},
};

use crate::misfire;

/// How often a paused entry, or one that waits for its run before, is looked at.
const LOOK: SignedDuration = SignedDuration::from_secs(1);

/// Entries with their state, and the heap of wake-ups.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) revision: u64,
    entries: BTreeMap<String, Planned>,
    /// When, and whose. An entry that was replanned leaves a stale item behind: its `wake` tells.
    heap: BinaryHeap<Reverse<(Timestamp, String)>>,
    zone: TimeZone,
    deadline: Option<Duration>,
}

/// An entry in the plan.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) entry: Entry,
    pub(crate) state: EntryState,
    wake: Option<Timestamp>,
}

impl Plan {
    /// Plans what a store holds. `own` are entries whose definition only this program knows in full.
    pub(crate) fn new(
        snapshot: Snapshot,
        own: &[Entry],
        zone: TimeZone,
        deadline: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        let Snapshot { revision, entries, mut states, .. } = snapshot;
        let mut by_name: BTreeMap<String, Entry> =
            entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        for entry in own.iter().filter(|entry| states.contains_key(&entry.name)) {
            by_name.insert(entry.name.clone(), entry.clone());
        }
        let planned = by_name.into_iter().map(|(name, entry)| {
            let state = states.remove(&name).unwrap_or_default();
            (name, Planned { entry, state, wake: None })
        });
        let mut plan = Self { revision, entries: planned.collect(), heap: BinaryHeap::new(), zone, deadline };
        for name in plan.entries.keys().cloned().collect::<Vec<_>>() {
            plan.replan(&name, now);
        }
        plan
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Planned> {
        self.entries.get(name)
    }

    /// The entries that are paused or disabled here and are not in a newer plan.
    pub(crate) fn resumed_in(&self, newer: &Self) -> Vec<String> {
        let rests = |planned: &Planned| planned.state.paused || !planned.entry.enabled;
        let resumed = |(name, planned): &(&String, &Planned)| {
            rests(planned) && newer.entries.get(*name).is_some_and(|planned| !rests(planned))
        };
        self.entries.iter().filter(resumed).map(|(name, _)| name.clone()).collect()
    }

    /// Changes the state of an entry and plans it anew.
    pub(crate) fn update(&mut self, name: &str, now: Timestamp, change: impl FnOnce(&mut EntryState)) {
        if let Some(planned) = self.entries.get_mut(name) {
            change(&mut planned.state);
            self.replan(name, now);
        }
    }

    /// Looks at an entry again soon, whatever its schedule says.
    pub(crate) fn look_again(&mut self, name: &str, now: Timestamp) {
        self.wake(name, now.checked_add(LOOK).ok());
    }

    /// When the next entry wants attention.
    pub(crate) fn next(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, name))) = self.heap.peek() {
            if self.entries.get(name).is_some_and(|planned| planned.wake == Some(*at)) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// The entries that want attention now, by name.
    pub(crate) fn awake(&mut self, now: Timestamp) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(at) = self.next().filter(|at| *at <= now) {
            if let Some(Reverse((_, name))) = self.heap.pop() {
                debug_assert!(at <= now);
                if let Some(planned) = self.entries.get_mut(&name) {
                    planned.wake = None;
                }
                names.push(name);
            }
        }
        names
    }

    /// The due times of an entry to be sent now, oldest first. Its jitter has passed.
    pub(crate) fn due(&self, planned: &Planned, now: Timestamp) -> Vec<Timestamp> {
        let Planned { entry, state, .. } = planned;
        let left = entry.runs_left(state.runs);
        if left == Some(0) {
            return Vec::new();
        }
        let mut due = misfire::to_send(entry, state, now, &self.zone, self.deadline);
        due.retain(|due| send_at(entry, *due) <= now);
        if let Some(left) = left {
            due.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        due
    }

    /// Plans an entry anew, from its state.
    pub(crate) fn replan(&mut self, name: &str, now: Timestamp) {
        let Some(Planned { entry, state, .. }) = self.entries.get(name) else { return };
        let wake = if state.asked.is_some() {
            Some(now)
        } else if entry.is_spent(state.runs) {
            None
        } else {
            let next = entry.next_due(misfire::base(entry, state, now), &self.zone);
            let at = next.map(|due| send_at(entry, due.timestamp()));
            // A paused entry lets its times pass; not every one of a fast entry is written down.
            let paused = state.paused || !entry.enabled;
            at.map(|at| if paused { at.max(now.checked_add(LOOK * 5).unwrap_or(now)) } else { at })
        };
        self.wake(name, wake);
    }

    fn wake(&mut self, name: &str, at: Option<Timestamp>) {
        if let Some(planned) = self.entries.get_mut(name) {
            planned.wake = at;
            self.heap.extend(at.map(|at| Reverse((at, name.to_owned()))));
        }
    }
}

fn send_at(entry: &Entry, due: Timestamp) -> Timestamp {
    let delay = SignedDuration::try_from(entry.delay_of(due)).unwrap_or_default();
    due.checked_add(delay).unwrap_or(due)
}
