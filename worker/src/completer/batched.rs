//! Gathers completions into batches and keeps a bounded number of batches on their way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use taskq_core::broker::Settler;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{BATCH, apply};
use crate::{effects::Completion, node::Node};

/// How long the first of a batch waits for others, while others may come.
const LINGER: Duration = Duration::from_millis(2);
/// Batches on their way at once: one is being written while the next is gathered.
const IN_FLIGHT: usize = 2;
/// Pause before a member is counted again whose chord somebody else has claimed.
const RECOUNT: Duration = Duration::from_millis(500);

pub(super) async fn run(
    node: Arc<Node>,
    settler: Arc<dyn Settler>,
    mut receive: mpsc::Receiver<Completion>,
    finish: CancellationToken,
) {
    let mut batches = JoinSet::new();
    let mut apart: VecDeque<(Instant, Completion)> = VecDeque::new();
    let mut batch = Vec::with_capacity(BATCH);
    let mut due = Instant::now();
    let mut open = true;
    while open {
        let full = batch.len() >= BATCH;
        let waiting = !batch.is_empty();
        // When nothing else is on its way, waiting for company is pointless.
        let alone = waiting && node.busy.stuck(node.tuning.concurrency) && receive.is_empty();
        if batches.len() < IN_FLIGHT && (full || alone || (waiting && Instant::now() >= due)) {
            let ready = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            batches.spawn(apply::batch(Arc::clone(&node), Arc::clone(&settler), ready));
            continue;
        }
        let room = BATCH - batch.len();
        tokio::select! {
            biased;
            () = finish.cancelled(), if !receive.is_closed() => receive.close(),
            more = receive.recv_many(&mut batch, room), if room > 0 => {
                open = more > 0;
                if !waiting {
                    due = Instant::now() + LINGER;
                }
            }
            Some(ended) = batches.join_next() => {
                let again = Instant::now() + RECOUNT;
                apart.extend(ended.into_iter().flatten().map(|done| (again, done)));
            }
            () = sleep_until(apart.front().map_or_else(Instant::now, |(at, _)| *at)),
                if !apart.is_empty() && room > 0 =>
            {
                batch.extend(apart.pop_front().map(|(_, done)| done));
                if batch.len() == 1 {
                    due = Instant::now() + LINGER;
                }
            }
            () = sleep_until(due), if waiting && batches.len() < IN_FLIGHT => {}
        }
    }
    if !batch.is_empty() {
        batches.spawn(apply::batch(Arc::clone(&node), Arc::clone(&settler), batch));
    }
    let mut left: Vec<Completion> = apart.into_iter().map(|(_, done)| done).collect();
    while let Some(ended) = batches.join_next().await {
        left.extend(ended.into_iter().flatten());
    }
    // Somebody else finds out whether those chords get their bodies.
    let left: Vec<_> = left.into_iter().map(|done| done.back(&node)).collect();
    apply::batch(node, settler, left).await;
}
