//! Keeps the leases of everything this worker holds, in one call for all.
//!
//! Kept true here: a worker that could not renew a lease for as long as it lasts starts nothing under it. What runs
//! goes on until the broker says that the lease is lost: perhaps nobody could be reached by anybody.

use std::{sync::Arc, time::Duration};

use taskq_core::broker::{DeliveryTag, Settler};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    held::{Held, Why},
    node::Node,
};

/// Pause after a failed renewal.
const AGAIN: Duration = Duration::from_secs(1);

/// Renews until dropped, every third of the lease. A delivery whose lease was lost is cancelled: it runs, or
/// will run, somewhere else.
pub(crate) async fn keep(node: Arc<Node>, settler: Arc<dyn Settler>) {
    let lease = node.tuning.lease;
    let mut pause = lease / 3;
    loop {
        sleep(pause).await;
        let tags = node.held.leased();
        pause = lease / 3;
        if tags.is_empty() {
            continue;
        }
        let asked = Instant::now();
        match settler.extend(&tags, lease).await {
            Ok(settled) => {
                lost(&node, &settled.lost);
                for held in tags.iter().filter_map(|tag| node.held.get(*tag)) {
                    held.renewed(asked);
                }
            }
            Err(error) => {
                warn!(deliveries = tags.len(), %error, "could not renew leases; trying again");
                pause = AGAIN.min(lease / 10);
            }
        }
    }
}

fn lost(node: &Node, tags: &[DeliveryTag]) {
    let mut gone = Vec::new();
    for held in tags.iter().filter_map(|tag| node.held.get(*tag)) {
        drop_run(&held, &mut gone);
    }
    if !gone.is_empty() {
        node.counters.lost.add(gone.len());
        warn!(deliveries = gone.len(), "leases lost: these tasks run somewhere else and are cancelled here");
        node.held.remove(gone);
    }
}

fn drop_run(held: &Held, gone: &mut Vec<DeliveryTag>) {
    // A renewal that crosses an early acknowledgement finds nothing to renew: the task is ours, and runs.
    if held.is_acking() {
        return;
    }
    // When its completion is on its way already, the settlement will find out.
    if held.claim() {
        gone.push(held.tag);
    }
    held.cancel(Why::LeaseLost);
}

#[cfg(test)]
mod tests {
    use taskq_core::{broker::DeliveryTag, protocol::TaskId};

    use super::drop_run;
    use crate::held::{Held, Why};

    #[test]
    fn a_renewal_that_crosses_an_early_acknowledgement_does_not_drop_the_task() {
        let mut gone = Vec::new();
        let held = Held::new(DeliveryTag { id: 1, epoch: 1 }, TaskId::from("acked"));
        held.set_acking();
        drop_run(&held, &mut gone);
        assert_eq!((gone.as_slice(), held.why()), (&[][..], None));

        let held = Held::new(DeliveryTag { id: 2, epoch: 1 }, TaskId::from("late"));
        drop_run(&held, &mut gone);
        assert_eq!((gone.as_slice(), held.why()), (&[held.tag][..], Some(Why::LeaseLost)));
    }
}
