//! What every result backend must do. `backend_conformance!` makes one test of each case; [`exercise`] runs
//! them all.
//!
//! A driver's test file holds a [`Factory`] and one line:
//!
//! ```text
//! taskq_tests::backend_conformance!(MyFactory::start().await);
//! ```

mod cases;

pub mod bench;
pub mod content;
pub mod shared;
pub mod stored;
pub mod waiting;

use std::{fmt, sync::Arc};

use taskq_core::{BoxFuture, backend::ResultBackend};

pub use self::bench::Bench;

/// What a driver's test file provides: one store, which several clients open. Task ids are unique per case.
pub trait Factory: Send + Sync + fmt::Debug + 'static {
    /// Another client of the same store, as another process would open it.
    fn open(&self) -> BoxFuture<'_, Arc<dyn ResultBackend>>;
}

/// A case by name.
pub type Case = (&'static str, fn(&Bench) -> BoxFuture<'_, ()>);

/// Every case.
pub const CASES: &[Case] = crate::backend_conformance!(@list table ());

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
