//! How many tasks a second go into queues and out of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// By queue: in, out.
pub(crate) type ByQueue = Arc<HashMap<String, (Option<f64>, Option<f64>)>>;

/// The newest rates.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<ByQueue>);

impl Rates {
    /// What they are.
    pub(crate) fn get(&self) -> ByQueue {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
