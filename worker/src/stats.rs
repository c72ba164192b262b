//! What a worker has done so far, as plain counters.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::tasks::Tasks;

macro_rules! counters {
    ($($(#[$text:meta])* $name:ident),+ $(,)?) => {
        /// What a worker has done since it started.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$text])* pub $name: u64,)+
        }

        /// The counters behind [`Stats`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.get(),)+ }
            }
        }
    };
}

counters! {
    /// Messages taken from the broker, whatever became of them.
    received,
    /// Runs started.
    started,
    /// Runs that returned a value.
    succeeded,
    /// Tasks that failed for good, bad arguments included.
    failed,
    /// Runs that ended in another attempt.
    retried,
    /// Tasks that were revoked, terminated or expired.
    revoked,
    /// Runs that ended without a state.
    ignored,
    /// Runs that went on in another signature.
    replaced,
    /// Runs that rejected their message.
    rejected,
    /// Messages put aside as dead letters.
    dead,
    /// Messages sent back to wait in the broker: for their time, or for the rate limit.
    postponed,
    /// Redelivered messages that were skipped because their task had succeeded
    /// (`worker_deduplicate_successful_tasks`).
    duplicates,
    /// Messages given back at a stop.
    given_back,
    /// Deliveries whose lease was lost: they run, or will run, somewhere else.
    lost,
    /// Control messages that could not be read.
    bad_commands,
    /// Answers to control commands that could not be delivered: whoever asked had left.
    lost_answers,
}

/// Runs started, by task: what `inspect stats` calls the total.
#[derive(Debug, Default)]
pub(crate) struct Totals(HashMap<Arc<str>, Counter>);

impl Totals {
    pub(crate) fn new(tasks: &Tasks) -> Self {
        Self(tasks.iter().map(|known| (Arc::clone(&known.name), Counter::default())).collect())
    }

    pub(crate) fn count(&self, task: &str) {
        if let Some(counter) = self.0.get(task) {
            counter.inc();
        }
    }

    /// The tasks that were started at all.
    pub(crate) fn snapshot(&self) -> BTreeMap<Arc<str>, u64> {
        let started = |(name, counter): (&Arc<str>, &Counter)| (Arc::clone(name), counter.get());
        self.0.iter().map(started).filter(|(_, count)| *count > 0).collect()
    }
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }
}
