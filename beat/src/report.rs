//! What a beat did, for those who watch it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use taskq_core::Timestamp;

/// Numbers of a beat, live. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Report(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: AtomicU64,
    left_out: AtomicU64,
    errors: AtomicU64,
    leads: AtomicBool,
    /// Microseconds since 1970; 0 is never.
    looked: AtomicI64,
    latest: AtomicU64,
}

impl Report {
    /// Ticks sent.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Ticks left out on purpose.
    pub fn left_out(&self) -> u64 {
        self.0.left_out.load(Ordering::Relaxed)
    }

    /// Ticks that could not be sent, and looks that failed.
    pub fn errors(&self) -> u64 {
        self.0.errors.load(Ordering::Relaxed)
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.0.leads.load(Ordering::Relaxed)
    }

    /// When it last reached its store: the tick age that `/ready` judges by.
    pub fn looked(&self) -> Option<Timestamp> {
        let looked = self.0.looked.load(Ordering::Relaxed);
        if looked == 0 { None } else { Timestamp::from_microsecond(looked).ok() }
    }

    /// How late the last tick was.
    pub fn last_lateness(&self) -> Duration {
        Duration::from_micros(self.0.latest.load(Ordering::Relaxed))
    }

    pub(crate) fn count_sent(&self, late: Duration) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.0.latest.store(late, Ordering::Relaxed);
    }

    pub(crate) fn count_left_out(&self) {
        self.0.left_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_error(&self) {
        self.0.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_leads(&self, leads: bool) {
        self.0.leads.store(leads, Ordering::Relaxed);
    }

    pub(crate) fn set_looked(&self, now: Timestamp) {
        self.0.looked.store(now.as_microsecond(), Ordering::Relaxed);
    }
}
