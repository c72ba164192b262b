//! Applies a batch: results, chords, then settlements with their follow-ups, then logs.

use std::{collections::HashSet, sync::Arc, time::Duration};

use taskq_core::{
    backend::{ChordClaim, State, StoredError, TaskMeta, TaskOutput},
    broker::{BrokerError, DeadKind, DeadReason, DeliveryTag, Outgoing, Settle, Settlement, Settler},
    crash::{self, Point},
};
use tokio::time::sleep;
use tracing::{error, warn};

use super::chords;
use crate::{
    effects::{ChordEnd, Completion},
    emit,
    node::Node,
};

/// First and longest pause between attempts while backend or broker are away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Applies a batch in the order that [`effects`](crate::effects) gives. Answers those that must wait for
/// somebody else's claim on a chord; they are to be applied again a little later.
pub(super) async fn batch(
    node: Arc<Node>,
    settler: Arc<dyn Settler>,
    mut batch: Vec<Completion>,
) -> Vec<Completion> {
    // 1. Results.
    let stored = store(&node, &mut batch).await;
    crash::reached(Point::Stored);
    if !stored || !chords::start(&node, &mut batch).await {
        abandon(&node, &batch, "their results could not be stored");
        return Vec::new();
    }
    // 1b. Members of chords.
    let Some(waiting) = chords::count(&node, &mut batch).await else {
        abandon(&node, &batch, "their chords could not be counted");
        return Vec::new();
    };
    crash::reached(Point::Settling);
    settle_all(&node, settler, batch).await;
    waiting
}

async fn settle_all(node: &Node, settler: Arc<dyn Settler>, mut batch: Vec<Completion>) {
    // 2. and 3. Follow-ups and settlements.
    let loose: Vec<Outgoing> = batch
        .iter_mut()
        .filter(|done| done.settle.is_none())
        .flat_map(|done| done.publish.drain(..))
        .collect();
    if !publish(node, &loose).await {
        abandon(node, &batch, "their follow-ups could not be published");
        return;
    }
    let mut ends: Vec<(DeliveryTag, ChordEnd)> = Vec::new();
    for done in &mut batch {
        ends.extend(done.chords.drain(..).map(|end| (done.tag, end)));
    }
    let claims: Vec<ChordClaim> =
        ends.iter().filter(|(_, end)| end.sent).map(|(_, end)| end.claim.clone()).collect();
    let settlements: Vec<Settlement> = batch
        .iter_mut()
        .filter_map(|done| {
            let how = done.settle.take()?;
            Some(Settlement { tag: done.tag, how, publish: std::mem::take(&mut done.publish) })
        })
        .collect();
    let settling = settle(node, settler.as_ref(), settlements);
    let Some(lost) = chords::keeping(node, &claims, settling).await else {
        abandon(node, &batch, "they could not be settled");
        return;
    };
    crash::reached(Point::Settled);
    let (runs_on, ended): (Vec<_>, Vec<_>) =
        batch.iter().partition(|done| done.tell.is_some() && !lost.contains(&done.tag));
    node.held.remove(ended.iter().map(|done| done.tag));
    if !runs_on.is_empty() {
        node.held.acked(&runs_on.iter().map(|done| done.tag).collect::<Vec<_>>());
    }
    // 3b. Chords. What was lost may have sent nothing, on every broker: its claim is for whoever gets it again, and
    // of two bodies one runs.
    let (sent, unsent): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(tag, _)| !lost.contains(tag));
    chords::finish(node, sent.into_iter().map(|(_, end)| end).collect()).await;
    chords::release(node, unsent.into_iter().map(|(_, end)| end)).await;
    // 4. Logs.
    for done in batch {
        let lost = lost.contains(&done.tag);
        if let Some(tell) = done.tell {
            let _ = tell.send(!lost);
        }
        if let Some(ended) = &done.ended {
            emit::ended(node, ended, lost);
        }
    }
}

/// Told to stop cold while something was away: the leases lapse and the messages are delivered again.
fn abandon(node: &Node, batch: &[Completion], why: &str) {
    error!(deliveries = batch.len(), "stopped while {why}: they will be delivered again");
    node.held.remove(batch.iter().map(|done| done.tag));
}

/// Stores the results of a batch in one call. False: gave up at a cold stop.
async fn store(node: &Node, batch: &mut [Completion]) -> bool {
    let mut metas: Vec<TaskMeta> = Vec::with_capacity(batch.len());
    for done in batch {
        metas.extend(done.store.take().map(|meta| *meta));
        metas.append(&mut done.store_also);
    }
    store_all(node, metas).await
}

/// Stores results. False: gave up at a cold stop.
pub(super) async fn store_all(node: &Node, metas: Vec<TaskMeta>) -> bool {
    if metas.is_empty() {
        return true;
    }
    let mut pause = Backoff::new();
    loop {
        match node.backend.store(&metas).await {
            Ok(()) => return true,
            Err(error) if error.is_retryable() => {
                warn!(results = metas.len(), %error, "could not store results; trying again");
                if !pause.wait(node).await {
                    return false;
                }
            }
            // One of them may be at fault: find it, and say so in its place.
            Err(error) if metas.len() == 1 => {
                return store_refusal(node, &metas[0], &error.to_string()).await;
            }
            Err(_) => return store_singly(node, metas).await,
        }
    }
}

async fn store_singly(node: &Node, metas: Vec<TaskMeta>) -> bool {
    for meta in metas {
        let mut pause = Backoff::new();
        loop {
            match node.backend.store(std::slice::from_ref(&meta)).await {
                Ok(()) => break,
                Err(error) if error.is_retryable() => {
                    if !pause.wait(node).await {
                        return false;
                    }
                }
                Err(error) => {
                    store_refusal(node, &meta, &error.to_string()).await;
                    break;
                }
            }
        }
    }
    true
}

/// The backend refuses a result for good (too large, not writable in its format): the caller gets that as the
/// failure. If even that is refused, the log is all there is; running the task again would not help.
async fn store_refusal(node: &Node, meta: &TaskMeta, why: &str) -> bool {
    error!(id = %meta.id, state = %meta.state, error = why, "the backend refuses a result");
    let refusal = StoredError {
        exc_module: "kombu.exceptions".into(),
        ..StoredError::builtin("EncodeError", format!("the result could not be stored: {why}"))
    };
    let mut stored = TaskMeta::new(meta.id.clone(), State::Failure, TaskOutput::Error(refusal));
    stored.date_done = Some(node.now());
    if let Err(error) = node.backend.store(std::slice::from_ref(&stored)).await {
        error!(id = %meta.id, %error, "could not store that the result was refused");
    }
    true
}

/// Publishes the follow-ups of tasks that were acknowledged early. False: gave up at a cold stop.
async fn publish(node: &Node, messages: &[Outgoing]) -> bool {
    let mut pause = Backoff::new();
    while !messages.is_empty() {
        match node.broker.publish(messages).await {
            Ok(()) => break,
            Err(error) if error.is_retryable() => {
                warn!(messages = messages.len(), %error, "could not publish follow-ups; trying again");
                if !pause.wait(node).await {
                    return false;
                }
            }
            Err(error) => {
                error!(messages = messages.len(), %error, "the broker refuses follow-ups: they are gone");
                break;
            }
        }
    }
    true
}

/// Settles; answers the lost ones, or `None` when it gave up at a cold stop.
async fn settle(
    node: &Node,
    settler: &dyn Settler,
    settlements: Vec<Settlement>,
) -> Option<HashSet<DeliveryTag>> {
    let mut lost = HashSet::new();
    let mut left = vec![settlements];
    while let Some(mut batch) = left.pop() {
        let mut pause = Backoff::new();
        while !batch.is_empty() {
            match settler.settle(&batch).await {
                Ok(settled) => {
                    lost.extend(settled.lost);
                    break;
                }
                Err(error) if error.is_retryable() => {
                    warn!(deliveries = batch.len(), %error, "could not settle; trying again");
                    if !pause.wait(node).await {
                        return None;
                    }
                }
                // One of them may be at fault: find it by halves.
                Err(_) if batch.len() > 1 => {
                    let half = batch.split_off(batch.len() / 2);
                    left.push(half);
                }
                Err(error) => {
                    if !without_follow_ups(&mut batch[0], &error) {
                        break;
                    }
                }
            }
        }
    }
    Some(lost)
}

/// The broker refuses a settlement for good, so probably one of its follow-ups: the message is kept as a dead
/// letter instead of being run again and again. False: that was refused too.
fn without_follow_ups(settlement: &mut Settlement, error: &BrokerError) -> bool {
    if matches!(settlement.how, Settle::DeadLetter { .. }) && settlement.publish.is_empty() {
        error!(%error, "the broker refuses a settlement; the lease will lapse");
        return false;
    }
    let detail = format!("could not publish what follows it: {error}");
    error!(%error, follow_ups = settlement.publish.len(), "the broker refuses a settlement; putting the message aside");
    settlement.publish.clear();
    settlement.how = Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, detail) };
    true
}

/// Growing pauses, with jitter.
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(PAUSE.0)
    }

    /// Waits for the next attempt. False at once when the worker is told to stop cold.
    pub(crate) async fn wait(&mut self, node: &Node) -> bool {
        let pause = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(PAUSE.1);
        tokio::select! {
            biased;
            () = sleep(pause) => true,
            () = node.stop.cold_asked() => false,
        }
    }
}
