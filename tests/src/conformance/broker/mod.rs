//! What every broker must do. `broker_conformance!` makes one test of each case; [`exercise`] runs them all.
//!
//! A driver's test file holds a [`Factory`] and one line:
//!
//! ```text
//! taskq_tests::broker_conformance!(MyFactory::start().await);
//! ```

mod cases;

pub mod admin;
pub mod arrival;
pub mod bench;
pub mod broadcast;
pub mod dead;
pub mod delay;
pub mod follow_up;
pub mod lease;
pub mod loss;
pub mod order;
pub mod prefetch;
pub mod queues;
pub mod routing;
pub mod shared;

use std::{fmt, sync::Arc};

use taskq_core::{BoxFuture, broker::Broker};

pub use self::bench::Bench;

/// What a driver's test file provides: one store, which several clients open.
///
/// Queue names are unique per case, so the store may be shared by cases that run at the same time.
pub trait Factory: Send + Sync + fmt::Debug + 'static {
    /// Another client of the same store, as another process would open it: connections of its own.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>>;

    /// Puts bytes into a declared queue as a broken producer would: no envelope, no headers, as they are.
    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()>;
}

/// A case by name.
pub type Case = (&'static str, fn(&Bench) -> BoxFuture<'_, ()>);

/// Every case.
pub const CASES: &[Case] = crate::broker_conformance!(@list table ());

/// Runs every case, one after the other.
///
/// # Panics
/// With the names of the cases that failed.
pub async fn exercise(factory: impl Factory) {
    let bench = Arc::new(Bench::new(factory).await);
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let bench = Arc::clone(&bench);
        if tokio::spawn(async move { case(&bench).await }).await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{} of {} cases failed: {}", failed.len(), CASES.len(), failed.join(", "));
}
