//! How many deliveries may be held: for free slots, and beyond that as much as the slots get done in a moment.
//!
//! Kept true here: what is taken beyond the free slots is about to run, so no other worker waits for it; while
//! nothing ends, nothing is taken beyond them; what is taken and does not run yet stays within a number of bytes.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// So much work may be ahead of each slot: enough that no slot waits for a take, too little for another worker to
/// miss it.
const AHEAD: Duration = Duration::from_millis(100);

/// The most that is ahead of all slots together, however short the runs: a worker that is killed keeps so many waiting.
const MOST_AHEAD: usize = 1024;

/// Deliveries where the settings say "no limit": enough to keep any pool busy, little enough to give back.
const UNLIMITED: usize = 4096;

/// How often it looks whether runs end.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// Looks without the end of a run after which what waits is left to other workers.
const STUCK: u32 = 4;

/// How a worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// So many for each slot; 0 is no limit.
    PerSlot(u32),
    /// As [`AHEAD`] says, by the run times of the last while.
    Adaptive,
}

/// How many deliveries may be held.
#[derive(Debug)]
pub(crate) struct Prefetch {
    way: Way,
    /// Bound on what waits, in bytes.
    most_bytes: u64,
    slots: AtomicUsize,
    /// Mean run time of the last while, in nanoseconds; 0: none has ended.
    mean: AtomicU64,
    /// Runs that have ended.
    ended: AtomicU64,
    /// How many had ended at the last look, and looks since then.
    looked: AtomicU64,
    stuck: AtomicU32,
    /// The largest message of the last while, in bytes.
    largest: AtomicU64,
}

impl Prefetch {
    pub(crate) fn new(way: Way, slots: usize, most_bytes: u64) -> Self {
        Self {
            way,
            most_bytes,
            slots: AtomicUsize::new(slots),
            mean: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            stuck: AtomicU32::new(0),
            largest: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_adaptive(&self) -> bool {
        self.way == Way::Adaptive
    }

    /// The pool has so many slots.
    pub(crate) fn set_slots(&self, slots: usize) {
        self.slots.store(slots, Relaxed);
    }

    /// How many slots the pool has.
    pub(crate) fn slots(&self) -> usize {
        self.slots.load(Relaxed).max(1)
    }

    /// How many may be held.
    pub(crate) fn most(&self) -> usize {
        let slots = self.slots();
        match self.way {
            Way::PerSlot(0) => UNLIMITED,
            Way::PerSlot(each) => slots.saturating_mul(each as usize),
            Way::Adaptive => slots.saturating_add(self.ahead(slots)),
        }
    }

    /// How many beyond the slots.
    fn ahead(&self, slots: usize) -> usize {
        match self.mean.load(Relaxed) {
            0 => 0,
            mean => {
                let each = (AHEAD.as_nanos() as u64 / mean) as usize;
                each.saturating_mul(slots).min(MOST_AHEAD)
            }
        }
    }

    /// What a consumer that pushes may keep unsettled, when it is `now` that many: about as many as may be held, and no
    /// more, in steps, so that it hardly changes while runs take about as long as before.
    pub(crate) fn window(&self, now: Option<usize>) -> usize {
        let (slots, most) = (self.slots(), self.most());
        let step = |ahead: usize| slots + ahead.checked_ilog2().map_or(0, |power| 1 << power);
        match now {
            Some(now) if now <= most => now.max(step((most - slots) / 4 * 3)),
            _ => step(most - slots),
        }
    }

    /// How many more may be held before it is worth a take: one for each few runs costs more than the runs, where they
    /// are short. Until then three quarters of what may be ahead of the slots are.
    pub(crate) fn worth(&self) -> usize {
        match self.way {
            Way::Adaptive => (self.ahead(self.slots()) / 4).max(1),
            Way::PerSlot(_) => 1,
        }
    }

    /// The most there can ever be, with these slots.
    pub(crate) fn bound(&self) -> usize {
        match self.way {
            Way::Adaptive => self.slots().saturating_add(MOST_AHEAD),
            Way::PerSlot(_) => self.most(),
        }
    }

    /// A run has ended, after so long.
    pub(crate) fn ran(&self, took: Duration) {
        self.ended.fetch_add(1, Relaxed);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let mean = self.mean.load(Relaxed);
        // Two that end at once may count as one: it is a guess.
        let next = if mean == 0 { took } else { mean - mean / 8 + took / 8 };
        self.mean.store(next.max(1), Relaxed);
    }

    /// Looks whether runs end, with so many that run. True: none has ended for so long that what waits is better
    /// left to others.
    pub(crate) fn look(&self, running: usize) -> bool {
        let ended = self.ended.load(Relaxed);
        if self.looked.swap(ended, Relaxed) != ended || running == 0 {
            self.stuck.store(0, Relaxed);
            return false;
        }
        let looks = self.stuck.fetch_add(1, Relaxed) + 1;
        // They take at least so long.
        self.mean.fetch_max(LOOK.as_nanos() as u64, Relaxed);
        self.is_adaptive() && looks >= STUCK
    }

    /// A message of that size has come.
    pub(crate) fn came(&self, bytes: usize) {
        let (bytes, largest) = (bytes as u64, self.largest.load(Relaxed));
        self.largest.store(bytes.max(largest - largest / 64).max(1), Relaxed);
    }

    /// How many more may be taken while so many bytes wait, should they be as large as those before.
    pub(crate) fn room_for(&self, waiting: u64) -> usize {
        match self.largest.load(Relaxed) {
            0 => self.slots.load(Relaxed), // none has come
            largest => {
                let left = self.most_bytes.saturating_sub(waiting);
                usize::try_from(left / largest).unwrap_or(usize::MAX)
            }
        }
    }

    /// Whether so many bytes that wait keep others away.
    pub(crate) fn is_tight(&self, waiting: u64) -> bool {
        waiting > self.most_bytes / 2
    }

    /// Whether a message of that size is one too many.
    pub(crate) fn is_too_much(&self, waiting: u64, bytes: usize) -> bool {
        waiting > 0 && waiting.saturating_add(bytes as u64) > self.most_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn short_runs_are_taken_ahead_and_long_ones_are_not() {
        let prefetch = Prefetch::new(Way::Adaptive, 4, u64::MAX);
        assert_eq!(prefetch.most(), 4, "nothing is known yet");
        (0..50).for_each(|_| prefetch.ran(MS));
        assert_eq!((prefetch.most(), prefetch.worth()), (4 + 4 * 100, 100));
        (0..50).for_each(|_| prefetch.ran(MS / 1000));
        assert_eq!(prefetch.most(), 4 + MOST_AHEAD);
        (0..50).for_each(|_| prefetch.ran(200 * MS));
        assert_eq!((prefetch.most(), prefetch.worth()), (4, 1));
    }

    #[test]
    fn while_nothing_ends_only_free_slots_are_filled() {
        let prefetch = Prefetch::new(Way::Adaptive, 2, u64::MAX);
        (0..50).for_each(|_| prefetch.ran(MS));
        assert!(!prefetch.look(2), "they have just ended");
        assert_eq!(prefetch.most(), 202);
        assert!(!prefetch.look(2));
        assert_eq!(prefetch.most(), 2);
        assert!(!prefetch.look(2) && !prefetch.look(2));
        assert!(prefetch.look(2), "a second without an end");
        assert!(!prefetch.look(0), "nothing runs");
    }

    #[test]
    fn a_window_follows_in_steps() {
        let prefetch = Prefetch::new(Way::Adaptive, 4, u64::MAX);
        assert_eq!(prefetch.window(None), 4);
        (0..50).for_each(|_| prefetch.ran(MS)); // 404 may be held
        assert_eq!(prefetch.window(Some(4)), 4 + 256);
        (0..50).for_each(|_| prefetch.ran(MS * 8 / 10)); // 504
        assert_eq!(prefetch.window(Some(4 + 256)), 4 + 256);
        (0..50).for_each(|_| prefetch.ran(MS / 2)); // 804
        assert_eq!(prefetch.window(Some(4 + 256)), 4 + 512);
        (0..50).for_each(|_| prefetch.ran(200 * MS));
        assert_eq!(prefetch.window(Some(4 + 512)), 4, "never more than may be held");
        prefetch.set_slots(6);
        assert_eq!(prefetch.window(Some(4)), 6);
    }

    #[test]
    fn bytes_bound_what_is_taken_but_never_a_single_message() {
        let prefetch = Prefetch::new(Way::PerSlot(4), 4, 1000);
        assert_eq!(prefetch.room_for(0), 4, "sizes are not known yet");
        prefetch.came(300);
        assert_eq!((prefetch.room_for(0), prefetch.room_for(400), prefetch.room_for(1000)), (3, 2, 0));
        assert!(prefetch.is_too_much(900, 200) && !prefetch.is_too_much(0, 5000));
        (0..2000).for_each(|_| prefetch.came(10));
        assert!(prefetch.room_for(0) > 10, "it forgets");
    }
}
