//! What was revoked while this worker did not hear: read at the start, before the first message is taken, and
//! again now and then, since a broadcast may be missed.

use std::{sync::Arc, time::Duration};

use taskq_core::broker::{Revocation, Revocations};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::node::Node;

/// How often it is read again. Broadcasts tell at once; this is for those that were missed.
const AGAIN: Duration = Duration::from_secs(5);

/// Reads what is remembered; answers where to go on.
pub(crate) async fn read(node: &Node) -> u64 {
    let Some(revocations) = &node.revocations else { return 0 };
    match take(node, revocations.as_ref(), 0).await {
        Ok(mark) => mark,
        Err(error) => {
            warn!(%error, "could not read what was revoked; it is read again soon");
            0
        }
    }
}

/// Goes on reading for as long as the worker runs.
pub(crate) async fn keep_reading(node: Arc<Node>, mut mark: u64) {
    let Some(revocations) = node.revocations.clone() else { return };
    let mut tick = interval(AGAIN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset();
    loop {
        tick.tick().await;
        match take(&node, revocations.as_ref(), mark).await {
            Ok(next) => mark = next,
            Err(error) => debug!(%error, "could not read what was revoked"),
        }
    }
}

async fn take(
    node: &Node,
    revocations: &dyn Revocations,
    mark: u64,
) -> Result<u64, taskq_core::broker::BrokerError> {
    let (found, next) = revocations.since(mark).await?;
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
    Ok(next)
}
