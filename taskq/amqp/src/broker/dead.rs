//! Dead letters.

use taskq_core::broker::{BrokerError, BrokerErrorKind, DeadReason};

use super::{Shared, ledger::Holding, publish::Publication};

/// What puts a message aside: its publication to the dead letters of its queue, which it declares.
#[allow(clippy::unused_async)] // it will declare
pub(super) async fn letter(
    _: &Shared,
    _: &Holding,
    _: u32,
    _: &DeadReason,
) -> Result<Publication, BrokerError> {
    Err(BrokerError::new(BrokerErrorKind::Config, "this broker has no dead letters yet"))
}
