//! Gathers completions into batches and keeps a bounded number of batches on their way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use taskq_core::broker::Settler;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{BATCH, apply, inbox::Inbox};
use crate::{effects::Completion, node::Node};

/// Batches on their way at once: one is being written while the next is gathered.
const IN_FLIGHT: usize = 2;
/// Pause before a member is counted again whose chord somebody else has claimed.
const RECOUNT: Duration = Duration::from_millis(500);

/// Closes an inbox when whoever looks into it is gone.
struct Open(Arc<Inbox>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(super) async fn run(
    node: Arc<Node>,
    settler: Arc<dyn Settler>,
    inbox: Arc<Inbox>,
    finish: CancellationToken,
) {
    let inbox = Open(inbox);
    let inbox = &inbox.0;
    let mut batches = JoinSet::new();
    let mut apart: VecDeque<(Instant, Completion)> = VecDeque::new();
    let mut finishing = false;
    loop {
        let standing = inbox.standing();
        let waiting = standing.waiting > 0;
        let due = standing.due;
        let may_go = waiting && (finishing || batches.len() < IN_FLIGHT);
        // When nothing else is on its way, waiting for company is pointless.
        if may_go && (standing.waiting >= BATCH || finishing || inbox.is_all() || Instant::now() >= due) {
            let (batch, mut applying) = inbox.take();
            let apply = apply::batch(Arc::clone(&node), Arc::clone(&settler), batch);
            batches.spawn(async move {
                let waiting = apply.await;
                applying.keep(waiting.len());
                waiting
            });
            continue;
        }
        if finishing {
            break;
        }
        tokio::select! {
            biased;
            () = finish.cancelled() => {
                inbox.close();
                finishing = true;
            }
            () = inbox.arrived() => {}
            Some(ended) = batches.join_next() => {
                let again = Instant::now() + RECOUNT;
                apart.extend(ended.into_iter().flatten().map(|done| (again, done)));
            }
            () = sleep_until(apart.front().map_or_else(Instant::now, |(at, _)| *at)), if !apart.is_empty() => {
                apart.pop_front().into_iter().for_each(|(_, done)| inbox.put_back(done));
            }
            () = sleep_until(due), if may_go => {}
        }
    }
    let mut left: Vec<Completion> = apart.into_iter().map(|(_, done)| done).collect();
    while let Some(ended) = batches.join_next().await {
        left.extend(ended.into_iter().flatten());
    }
    // Somebody else finds out whether those chords get their bodies.
    let left: Vec<_> = left.into_iter().map(|done| done.back(&node)).collect();
    apply::batch(node, settler, left).await;
}
