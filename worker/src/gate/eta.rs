//! Tasks whose time has not come wait in the broker; only where the broker cannot keep them, in this process.

use std::time::Duration;

use taskq_core::{Timestamp, protocol::Request};
use tokio::time::Instant;

use crate::node::Node;

pub(super) enum Eta {
    Due,
    /// Back to the broker until then.
    Postpone(Timestamp),
    /// The broker has no delay of its own.
    Hold(Instant),
}

pub(super) fn look(node: &Node, request: &Request) -> Eta {
    let Some(eta) = request.eta else { return Eta::Due };
    let now = node.now();
    if eta <= now {
        Eta::Due
    } else if node.can.native_delay {
        Eta::Postpone(eta)
    } else {
        let wait = Duration::try_from(eta.duration_since(now)).unwrap_or_default();
        // A time beyond the end of the clock is as good as never.
        Eta::Hold(Instant::now().checked_add(wait).unwrap_or_else(|| Instant::now() + FAR))
    }
}

const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
