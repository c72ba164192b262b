//! What every schedule store must do. `schedule_conformance!` makes one test of each case.
//!
//! ```text
//! taskq_tests::schedule_conformance!(MyFactory::start().await);
//! ```

mod cases;

pub mod bench;
pub mod entries;
pub mod leading;
pub mod ticks;

use std::{fmt, sync::Arc};

use taskq_core::{BoxFuture, broker::Broker, schedule::ScheduleStore};

pub use self::bench::Bench;

/// What a test file provides: one empty store, which several beats open.
pub trait Factory: Send + Sync + fmt::Debug + 'static {
    /// Another client of the same store, as another process would open it.
    fn open(&self) -> BoxFuture<'_, Arc<dyn ScheduleStore>>;

    /// The broker that the store publishes to, if it does.
    fn broker(&self) -> BoxFuture<'_, Option<Arc<dyn Broker>>> {
        Box::pin(async { None })
    }
}
