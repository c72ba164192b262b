//! What `/api/v1` remembers between answers.

use super::{audit::Audit, queues::Kept, rates::Rates, stream::Hub, workers::Drains};
use crate::sample::Samples;

/// Lives as long as the board.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What was done.
    pub(crate) audit: Audit,
    /// Who listens.
    pub(crate) hub: Hub,
    /// Queues and workers, looked at again and again.
    pub(crate) samples: Samples,
    /// How fast queues move.
    pub(crate) rates: Rates,
    /// Purged messages, and queues that were paused.
    pub(crate) kept: Kept,
    /// Workers that go as soon as they are empty.
    pub(crate) drains: Drains,
}
