//! Where a message waits for its time.

use std::time::Duration;

use taskq_core::broker::{BrokerError, BrokerErrorKind};

use super::Shared;

/// The exchange and routing key that bring a message, after at least `wait`, to where it would go if it were sent
/// to `exchange` with `routing_key` now. Declares what it needs. The message carries both in its mark already.
pub(super) async fn route(
    _: &Shared,
    _: &str,
    _: &str,
    _: Duration,
) -> Result<(String, String), BrokerError> {
    Err(BrokerError::new(BrokerErrorKind::Config, "this broker has no delayed messages yet"))
}
