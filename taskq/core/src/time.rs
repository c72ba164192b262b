//! Wall-clock time: one injectable source, one textual form on the wire.
//!
//! Durations and timeouts use tokio's clock; only due times, expiry and time stamps use this one.

use std::{fmt, sync::Arc};

/// An instant. Microseconds are kept on the wire, as Celery's are.
pub type Timestamp = jiff::Timestamp;

/// The source of "now". Tests inject their own.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The clock of the machine, shared.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
