//! Tasks whose time has not come wait in the broker; only where the broker cannot keep them, in this process.
//!
//! Kept true here: a message does not go to and fro. What comes back before its time by our clock was on time by the
//! broker's, which is ahead: it then waits there for what is left by ours. Only while it comes back at once, since it
//! had lain in its queue and the broker's clock is past that, too, it waits for twice as long each time.

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
/// What is left of a wait, when the message has come back, that is not worth another way to the broker.
const SOON: Duration = Duration::from_secs(1);
/// The shortest wait that is asked for.
const STEP: SignedDuration = SignedDuration::from_millis(1);
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Eta {
    Due,
    /// Back to the broker until then.
    Postpone(Timestamp),
    /// The broker has no delay of its own, or it is a matter of a moment.
    Hold(Instant),
}

/// What this worker has sent back to wait, the newest.
#[derive(Debug, Default)]
pub(super) struct Postponed {
    calls: HashMap<Call, Wait>,
    order: VecDeque<Call>,
}

/// A task and its time: a retry has another.
type Call = (TaskId, Timestamp);

/// A wait in the broker.
#[derive(Debug)]
struct Wait {
    /// Until when, by the broker's clock.
    until: Timestamp,
    /// How much longer that was than before.
    step: SignedDuration,
    /// Since when.
    since: Instant,
}

impl Wait {
    /// Whether the broker has kept it for a part of what was asked for: else its clock was past that already.
    fn was_kept(&self) -> bool {
        let kept = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        kept.saturating_mul(2) >= self.step
    }
}

impl Postponed {
    /// How a call is to wait that is due at `eta`, which is so much ahead of our clock.
    fn wait(&mut self, id: &TaskId, eta: Timestamp, ahead: Duration, may_hold: bool) -> Eta {
        let call = (id.clone(), eta);
        match self.calls.entry(call.clone()) {
            hash_map::Entry::Occupied(_) if ahead <= SOON && may_hold => Eta::Hold(Instant::now() + ahead),
            hash_map::Entry::Occupied(mut known) => {
                let wait = known.get_mut();
                let left = SignedDuration::try_from(ahead).unwrap_or(SignedDuration::MAX).max(STEP);
                let double = wait.step.saturating_mul(2);
                wait.step = if wait.was_kept() { left } else { double.max(left) };
                wait.until = wait.until.saturating_add(wait.step).unwrap_or(wait.until);
                wait.since = Instant::now();
                Eta::Postpone(wait.until)
            }
            hash_map::Entry::Vacant(unknown) => {
                unknown.insert(Wait { until: eta, step: SignedDuration::ZERO, since: Instant::now() });
                self.order.push_back(call);
                if self.order.len() > REMEMBERED
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.calls.remove(&oldest);
                }
                Eta::Postpone(eta)
            }
        }
    }
}

pub(super) fn look(node: &Node, request: &Request, postponed: &mut Postponed, may_hold: bool) -> Eta {
    let Some(eta) = request.eta else { return Eta::Due };
    let now = node.now();
    if eta <= now {
        return Eta::Due;
    }
    let ahead = Duration::try_from(eta.duration_since(now)).unwrap_or_default();
    if node.can.native_delay {
        postponed.wait(request.id(), eta, ahead, may_hold)
    } else {
        // A time beyond the end of the clock is as good as never.
        Eta::Hold(Instant::now().checked_add(ahead).unwrap_or_else(|| Instant::now() + FAR))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep_until};

    use super::*;

    const ETA: i64 = 1_900_000_000;
    /// What a broker, a network and a worker take to bring a message.
    const WAY: Duration = Duration::from_millis(3);

    /// Brings a message to a worker whose clock is behind by so much, after it had lain in the queue for so long;
    /// answers how late it runs by the broker's clock, and on how many ways to the broker.
    async fn ran(behind: SignedDuration, lain: Duration, may_hold: bool) -> (SignedDuration, u32) {
        let eta = Timestamp::from_second(ETA).unwrap();
        let began = Instant::now();
        // By the broker's clock; `lain` of it has passed since the message was due.
        let now = || eta + SignedDuration::try_from(lain + began.elapsed()).unwrap();
        let (mut postponed, id, mut ways) = (Postponed::default(), TaskId::new(), 0);
        loop {
            let ahead = Duration::try_from(eta.duration_since(now() - behind)).unwrap_or_default();
            if ahead.is_zero() {
                return (now().duration_since(eta), ways);
            }
            match postponed.wait(&id, eta, ahead, may_hold) {
                Eta::Hold(until) => sleep_until(until).await,
                Eta::Postpone(until) => {
                    ways += 1;
                    let wait = Duration::try_from(until.duration_since(now())).unwrap_or_default();
                    advance(wait.max(WAY)).await;
                }
                Eta::Due => unreachable!(),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_behind_makes_a_task_late_by_that_and_no_more() {
        for behind in [5, 50, 999, 1_500, 20_000, 3_600_000] {
            let behind = SignedDuration::from_millis(behind);
            let (late, ways) = ran(behind, WAY, true).await;
            assert!(late >= behind && late <= behind + SignedDuration::from_millis(50), "{behind}: {late}");
            assert!(ways <= 4, "{behind}: {ways} ways");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_lay_in_its_queue_is_late_by_at_most_twice_that_and_does_not_go_to_and_fro() {
        for behind in [2_000, 20_000, 3_600_000] {
            for part in [0.1, 0.5, 0.9, 0.999] {
                for may_hold in [true, false] {
                    let lain = Duration::from_millis(behind).mul_f64(part);
                    let behind = SignedDuration::from_millis(behind as i64);
                    let (late, ways) = ran(behind, lain, may_hold).await;
                    let most = behind + SignedDuration::try_from(lain + 20 * WAY).unwrap();
                    assert!(late >= behind && late <= most, "{behind}, {lain:?}: {late}");
                    assert!(ways <= 20, "{behind}, {lain:?}: {ways} ways");
                }
            }
        }
    }
}
