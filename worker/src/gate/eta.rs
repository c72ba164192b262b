//! Tasks whose time has not come wait in the broker; only where the broker cannot keep them, in this process.
//!
//! Kept true here: a message does not go to and fro. What comes back before its time by our clock was on time by the
//! broker's, which is ahead, nobody says by how much: it then waits there for longer, each time for twice as long.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    time::Duration,
};

use jiff::SignedDuration;
use taskq_core::{
    Timestamp,
    protocol::{Request, TaskId},
};
use tokio::time::Instant;

use crate::node::Node;

/// Tasks sent back that are remembered: more than come back at once.
const REMEMBERED: usize = 1_024;

pub(super) enum Eta {
    Due,
    /// Back to the broker until then.
    Postpone(Timestamp),
    /// The broker has no delay of its own.
    Hold(Instant),
}

/// What this worker has sent back to wait, the newest.
#[derive(Debug, Default)]
pub(super) struct Postponed {
    /// Until when, by the broker's clock, and how much longer that was than before.
    calls: HashMap<Call, (Timestamp, SignedDuration)>,
    order: VecDeque<Call>,
}

/// Less than this is not worth a way to the broker and back.
const STEP: SignedDuration = SignedDuration::from_millis(1);

/// A task and its time: a retry has another.
type Call = (TaskId, Timestamp);

impl Postponed {
    /// Until when a call is to wait that is due at `eta`, which is so much ahead of our clock.
    fn until(&mut self, id: &TaskId, eta: Timestamp, ahead: SignedDuration) -> Timestamp {
        let call = (id.clone(), eta);
        match self.calls.entry(call.clone()) {
            hash_map::Entry::Occupied(mut known) => {
                let (until, step) = known.get_mut();
                *step = if step.is_zero() { ahead.max(STEP) } else { step.saturating_mul(2) };
                *until = until.saturating_add(*step).unwrap_or(*until);
                *until
            }
            hash_map::Entry::Vacant(unknown) => {
                unknown.insert((eta, SignedDuration::ZERO));
                self.order.push_back(call);
                if self.order.len() > REMEMBERED
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.calls.remove(&oldest);
                }
                eta
            }
        }
    }
}

pub(super) fn look(node: &Node, request: &Request, postponed: &mut Postponed) -> Eta {
    let Some(eta) = request.eta else { return Eta::Due };
    let now = node.now();
    if eta <= now {
        Eta::Due
    } else if node.can.native_delay {
        Eta::Postpone(postponed.until(request.id(), eta, eta.duration_since(now)))
    } else {
        let wait = Duration::try_from(eta.duration_since(now)).unwrap_or_default();
        // A time beyond the end of the clock is as good as never.
        Eta::Hold(Instant::now().checked_add(wait).unwrap_or_else(|| Instant::now() + FAR))
    }
}

const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
