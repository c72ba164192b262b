//! What changed, for streams.

use std::sync::Arc;

/// Something changed; ask for it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A task. Its record is to be read from the store, which knows what is not written yet.
    Task(Arc<str>),
    /// A worker: came, went, or told of itself.
    Worker(Arc<str>),
    /// The broker was lost or is back.
    Broker,
}
