//! How long a broker lets a delivery be held.

use std::time::Duration;

/// After this, a broker takes a delivery back that is still unsettled, whatever its consumer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLimit {
    /// From delivery to settlement.
    pub after: Duration,
    /// What says so, for operators: "`consumer_timeout` of RabbitMQ".
    pub set_by: String,
}
