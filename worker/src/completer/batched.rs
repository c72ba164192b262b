//! Gathers completions into batches and keeps a bounded number of batches on their way.

use std::{sync::Arc, time::Duration};

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

pub(super) async fn run(
    node: Arc<Node>,
    settler: Arc<dyn Settler>,
    mut receive: mpsc::Receiver<Completion>,
    finish: CancellationToken,
) {
    let mut batches = JoinSet::new();
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
            Some(_) = batches.join_next() => {}
            () = sleep_until(due), if waiting && batches.len() < IN_FLIGHT => {}
        }
    }
    if !batch.is_empty() {
        batches.spawn(apply::batch(node, settler, batch));
    }
    while batches.join_next().await.is_some() {}
}
