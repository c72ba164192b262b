//! What was revoked while this worker did not hear: read at the start, before the first message is taken, with
//! every batch that is taken, and again now and then for what waits here.
//!
//! Kept true here: what was remembered before a message is taken is known before that message may run, without a
//! round trip for each task; a store that does not answer holds nobody up for long.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use taskq_core::broker::{BrokerError, Revocation, Revocations};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};

use crate::node::Node;

/// How often it is read again. Broadcasts tell at once; this is for those that were missed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a batch waits for it. Then it goes on with what is known: its leases are not renewed yet.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads what is remembered, before anything is taken.
pub(crate) async fn read(node: &Node) {
    let Some(revocations) = &node.revocations else { return };
    if let Err(error) = take(node, revocations.as_ref()).await {
        warn!(%error, "could not read what was revoked; it is read again soon");
    }
}

/// Reads what is new, for a batch that was taken; nothing where the take told that nothing is.
pub(crate) async fn catch_up(node: &Node) {
    let Some(revocations) = &node.revocations else { return };
    if !revocations.may_have_more(node.remembered.load(Ordering::Acquire)) {
        return;
    }
    match timeout(PATIENCE, take(node, revocations.as_ref())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "could not read what was revoked"),
        Err(_) => debug!("what was revoked is not read in time"),
    }
}

/// Goes on reading for as long as the worker runs.
pub(crate) async fn keep_reading(node: Arc<Node>) {
    let Some(revocations) = node.revocations.clone() else { return };
    let mut tick = interval(AGAIN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset();
    loop {
        tick.tick().await;
        if let Err(error) = take(&node, revocations.as_ref()).await {
            debug!(%error, "could not read what was revoked");
        }
    }
}

async fn take(node: &Node, revocations: &dyn Revocations) -> Result<(), BrokerError> {
    let (found, next) = revocations.since(node.remembered.load(Ordering::Acquire)).await?;
    let (mut ids, mut marks) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Revocation::Task(id) if !node.revoked.contains(&id) => ids.push(id),
            Revocation::Task(_) => {}
            Revocation::Mark(id) if !node.marked.contains(&id) => marks.push(id),
            Revocation::Mark(_) => {}
        }
    }
    node.revoked.add(ids);
    node.marked.add(marks);
    // Only now: nobody may think that it is known before it is.
    node.remembered.store(next, Ordering::Release);
    Ok(())
}
