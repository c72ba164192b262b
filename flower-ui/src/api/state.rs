//! What `/api/v1` remembers between answers.

use super::{
    alerts::Alerts,
    audit::Audit,
    jobs::Jobs,
    overview::{Judged, Numbers},
    queues::Kept,
    repeat::Repeats,
    stream::Hub,
    workers::Drains,
};
use crate::sample::Samples;

/// Lives as long as the board.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What is done to many tasks.
    pub(crate) jobs: Jobs,
    /// What was done.
    pub(crate) audit: Audit,
    /// Changes that carry a key, so that they are done once.
    pub(crate) repeats: Repeats,
    /// Who listens.
    pub(crate) hub: Hub,
    /// Queues and workers, looked at again and again.
    pub(crate) samples: Samples,
    /// The numbers of now.
    pub(crate) numbers: Numbers,
    /// What needs attention.
    pub(crate) judged: Judged,
    /// What the rules of alerts say.
    pub(crate) alerts: Alerts,
    /// Purged messages, and queues that were paused.
    pub(crate) kept: Kept,
    /// Workers that go as soon as they are empty.
    pub(crate) drains: Drains,
}
