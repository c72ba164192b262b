//! A clock that is moved by hand.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{Timestamp, time::Clock};

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
        *at = at.checked_add(by).unwrap_or(Timestamp::MAX);
    }

    /// Goes on to this time; never goes back.
    pub fn advance_to(&self, to: Timestamp) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *at = to.max(*at);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
