//! Messages of tasks that no worker knew, handed to the first one that does.
//!
//! Kept true here: only dead letters whose reason is an unknown task, and whose task is registered here, go back to
//! their queue; their bytes are unchanged. It happens once, beside the work, after the worker has begun to consume;
//! two workers that start together hand each letter over once, because the broker does.

use std::sync::Arc;

use taskq_core::broker::{BrokerAdmin, BrokerError, DeadKind};
use tracing::{debug, info, warn};

use crate::node::Node;

/// Letters in one look.
const PAGE: usize = 200;
/// Letters of one queue that are looked at: the rest waits for `dead replay`.
const MOST: usize = 20_000;

/// Looks through the dead letters of every queue that is consumed.
pub(crate) async fn run(node: Arc<Node>) {
    if !node.app.settings().dead_letter_hand_over {
        return;
    }
    let Some(admin) = node.broker.admin() else { return };
    for queue in node.queues() {
        match of_queue(&node, admin.as_ref(), &queue.name).await {
            Ok(0) => debug!(queue = queue.name, "no dead letter waits for a task of this worker"),
            Ok(messages) => {
                info!(queue = queue.name, messages, "put back what waited for a worker that knows its task");
            }
            Err(error) => {
                warn!(queue = queue.name, %error, "could not look for messages that wait for a task of this worker");
            }
        }
    }
}

async fn of_queue(node: &Node, admin: &dyn BrokerAdmin, queue: &str) -> Result<u64, BrokerError> {
    // Looking takes the letters for a moment on some brokers: not where there are none.
    let stats = admin.stats(&[queue.to_owned()]).await?;
    if stats.first().is_none_or(|stats| stats.dead == 0) {
        return Ok(0);
    }
    let mut known = Vec::new();
    let mut offset = 0;
    while offset < MOST {
        let page = admin.dead(queue, offset, PAGE).await?;
        let last = page.len() < PAGE;
        offset += page.len();
        let waits = page.into_iter().filter(|letter| {
            letter.reason.kind == DeadKind::UnknownTask
                && letter.task().is_some_and(|task| node.tasks.get(&task).is_some())
        });
        known.extend(waits.map(|letter| letter.id));
        if last {
            break;
        }
    }
    if known.is_empty() { Ok(0) } else { admin.replay(queue, &known).await }
}
