//! Shares of the slots: how many runs of one task, or out of one queue, may go on at once.
//!
//! Kept true here: nothing by itself. The line of the pool enters and leaves under its lock, and asks before it
//! lets a job start.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The share of one task, or of one queue.
#[derive(Debug)]
pub(crate) struct Share {
    /// `usize::MAX`: no limit.
    most: AtomicUsize,
    running: AtomicUsize,
}

impl Share {
    /// At most so many at once; `None`: as many as there are slots.
    pub(crate) fn new(most: Option<NonZeroU32>) -> Self {
        Self { most: AtomicUsize::new(number(most)), running: AtomicUsize::new(0) }
    }

    /// Another limit. Those that run are not disturbed.
    pub(crate) fn set(&self, most: Option<NonZeroU32>) {
        self.most.store(number(most), Ordering::Release);
    }

    /// The limit, if there is one.
    pub(crate) fn most(&self) -> Option<usize> {
        Some(self.most.load(Ordering::Acquire)).filter(|most| *most < usize::MAX)
    }

    /// Whether one more would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.running.load(Ordering::Acquire) >= self.most.load(Ordering::Acquire)
    }

    /// One more runs.
    pub(crate) fn enter(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
    }

    /// One has ended. True when another may have waited for it.
    pub(crate) fn leave(&self) -> bool {
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.most().is_some()
    }
}

fn number(most: Option<NonZeroU32>) -> usize {
    most.map_or(usize::MAX, |most| most.get() as usize)
}

/// The shares of queues. Every queue has one, so that a limit that comes later counts what runs already.
#[derive(Debug)]
pub(crate) struct QueueShares(Mutex<HashMap<Arc<str>, Arc<Share>>>);

impl QueueShares {
    pub(crate) fn new(limits: &BTreeMap<String, NonZeroU32>) -> Self {
        let share = |(queue, most): (&String, &NonZeroU32)| {
            (queue.as_str().into(), Arc::new(Share::new(Some(*most))))
        };
        Self(Mutex::new(limits.iter().map(share).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Share>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a queue.
    pub(crate) fn of(&self, queue: &Arc<str>) -> Arc<Share> {
        let mut shares = self.lock();
        if let Some(share) = shares.get(queue) {
            return Arc::clone(share);
        }
        Arc::clone(shares.entry(Arc::clone(queue)).or_insert_with(|| Arc::new(Share::new(None))))
    }

    /// The limits there are, by queue.
    pub(crate) fn limits(&self) -> BTreeMap<String, usize> {
        let limit = |(queue, share): (&Arc<str>, &Arc<Share>)| Some((queue.to_string(), share.most()?));
        self.lock().iter().filter_map(limit).collect()
    }
}
