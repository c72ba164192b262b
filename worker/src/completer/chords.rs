//! Counts the members of chords among a batch, and ends the chords that are complete: the body becomes
//! a follow-up of the delivery that completed the header.
//!
//! Kept true here: a body is only sent under a claim that was renewed just before; a delivery whose chord is
//! complete but claimed by somebody else is kept until that one has sent the body, or until its claim lapses
//! and is ours. Nothing is sent here: what follows travels with the settlement, and says under which claim it was
//! sent, so that of two copies one runs ([`copies`](crate::copies)).

use std::{future::Future, sync::Arc, time::Duration};

use taskq_core::{
    backend::{
        BackendError, CHORD_PUBLISHING, ChordClaim, ChordPart, ChordProgress, ChordStart, ChordStore,
        StoredError,
    },
    canvas::Signature,
    codec::Value,
    crash::{self, Point},
};
use tracing::{error, warn};

use super::{
    apply::{Backoff, store_all},
    join::{self, Joined},
};
use crate::{
    effects::{
        ChordEnd, Completion,
        fall::{Cause, Fallen, Part},
        kept,
        sending::{Origin, Sending},
    },
    node::Node,
};

/// How often claims are renewed while their bodies are published.
const RENEWAL: Duration = CHORD_PUBLISHING.checked_div(3).unwrap();

/// Starts the chords that follow a batch. False: gave up at a cold stop.
pub(super) async fn start(node: &Node, batch: &mut [Completion]) -> bool {
    let starts: Vec<ChordStart> = batch.iter_mut().flat_map(|done| done.starts.drain(..)).collect();
    start_all(node, &starts).await
}

async fn start_all(node: &Node, starts: &[ChordStart]) -> bool {
    if starts.is_empty() {
        return true;
    }
    let Some(chords) = node.backend.chords() else {
        error!(chords = starts.len(), "the result backend does not count chords; their bodies will not run");
        return true;
    };
    let mut pause = Backoff::new();
    loop {
        match chords.start(starts).await {
            Ok(()) => {
                crash::reached(Point::ChordStarted);
                return true;
            }
            Err(error) if error.is_retryable() => {
                warn!(chords = starts.len(), %error, "could not start chords; trying again");
                if !pause.wait(node).await {
                    return false;
                }
            }
            Err(error) => {
                error!(chords = starts.len(), %error, "the backend refuses to start chords");
                return true;
            }
        }
    }
}

/// Counts what counts in a batch. Takes those out that must wait for somebody else's claim, with what is left
/// to count of them. `None`: gave up at a cold stop.
pub(super) async fn count(node: &Arc<Node>, batch: &mut Vec<Completion>) -> Option<Vec<Completion>> {
    let mut parts: Vec<(usize, Part)> = Vec::new();
    for (at, done) in batch.iter_mut().enumerate() {
        parts.extend(done.parts.drain(..).map(|part| (at, part)));
    }
    if parts.is_empty() {
        return Some(Vec::new());
    }
    // Without a store, a `celery.chord_unlock` looks at the results.
    let Some(chords) = node.backend.chords() else { return Some(Vec::new()) };
    let mut waiting: Vec<usize> = Vec::new();
    while !parts.is_empty() {
        let progress = count_all(node, chords.as_ref(), &mut parts).await?;
        let mut next = Vec::new();
        for ((at, part), progress) in parts.into_iter().zip(progress) {
            crash::reached(Point::Counted);
            match progress {
                ChordProgress::Counted | ChordProgress::Done => {}
                ChordProgress::Busy => {
                    waiting.push(at);
                    batch[at].parts.push(part);
                }
                ChordProgress::Claimed(claim) => {
                    crash::reached(Point::Claimed);
                    match end(node, chords.as_ref(), &mut batch[at], claim, &part).await? {
                        End::Over(fallen) => next.extend(fallen.into_iter().map(|part| (at, part))),
                        End::Taken => {
                            waiting.push(at);
                            batch[at].parts.push(part);
                        }
                    }
                }
            }
        }
        // A body that failed may be the member of another header.
        parts = next;
    }
    waiting.sort_unstable();
    waiting.dedup();
    Some(waiting.into_iter().rev().map(|at| batch.swap_remove(at)).collect())
}

async fn count_all(
    node: &Node,
    chords: &dyn ChordStore,
    parts: &mut [(usize, Part)],
) -> Option<Vec<ChordProgress>> {
    let mut pause = Backoff::new();
    loop {
        match count_once(chords, parts).await {
            Ok(progress) => return Some(progress),
            Err(error) if error.is_retryable() => {
                warn!(members = parts.len(), %error, "could not count members of chords; trying again");
                if !pause.wait(node).await {
                    return None;
                }
            }
            Err(error) if parts.len() > 1 => {
                warn!(members = parts.len(), %error, "could not count members of chords together; each alone");
                let mut progress = Vec::with_capacity(parts.len());
                for at in 0..parts.len() {
                    progress.extend(Box::pin(count_all(node, chords, &mut parts[at..=at])).await?);
                }
                return Some(progress);
            }
            Err(error) => {
                let part = &mut parts.first_mut()?.1;
                error!(id = %part.meta.id, chord = part.group, %error, "could not count the member of a chord");
                let refused = Cause::error(encode_error(&error), node.now()).meta(part.meta.id.clone());
                if part.meta.output == refused.output {
                    return Some(vec![ChordProgress::Counted]);
                }
                part.meta = refused;
            }
        }
    }
}

async fn count_once(
    chords: &dyn ChordStore,
    parts: &[(usize, Part)],
) -> Result<Vec<ChordProgress>, BackendError> {
    let parts: Vec<ChordPart<'_>> = parts
        .iter()
        .map(|(_, part)| ChordPart {
            group: &part.group,
            id: &part.meta.id,
            index: part.index,
            meta: &part.meta,
        })
        .collect();
    chords.count(&parts).await
}

fn encode_error(error: &BackendError) -> StoredError {
    let text = format!("the result could not be counted in its chord: {error}");
    StoredError { exc_module: "kombu.exceptions".into(), ..StoredError::builtin("EncodeError", text) }
}

/// What became of a chord that was claimed.
enum End {
    /// Its end travels with the delivery; of a body that failed, these are the headers in which it counts.
    Over(Vec<Part>),
    /// Somebody else has claimed it meanwhile, and may be as late: whether that one sends the body is not known yet.
    Taken,
}

/// Joins a complete header and adds its body, or its failure, to the delivery that completed it. `None`: gave up at
/// a cold stop.
async fn end(
    node: &Arc<Node>,
    chords: &dyn ChordStore,
    done: &mut Completion,
    claim: ChordClaim,
    part: &Part,
) -> Option<End> {
    let origin = part.origin.under(&claim);
    let (error, original) = match join::header(node, &claim).await? {
        Joined::Values(values) => match body(node, part, &origin, values).await {
            Ok(sending) => {
                if !renew(node, chords, &claim).await? {
                    warn!(
                        chord = claim.group,
                        "the claim on a chord was lost; it waits until its body is sent"
                    );
                    return Some(End::Taken);
                }
                if !start_all(node, &sending.starts).await {
                    return None;
                }
                crash::reached(Point::Joined);
                done.publish.extend(sending.publish);
                done.chords.push(ChordEnd { claim, sent: true });
                return Some(End::Over(Vec::new()));
            }
            Err(error) => {
                let text = format!("Callback error: {error}");
                let error = StoredError::celery("ChordError", text);
                (error.clone(), error)
            }
        },
        Joined::Failed { error, original } => (error, original),
    };
    error!(chord = claim.group, error = error.message(), "a chord has failed");
    let (error, original) = (Cause::error(error, node.now()), Cause::error(original, node.now()));
    let fallen = Fallen::body(&part.body, &error, &original, &origin);
    kept::chord(node, part, &fallen).await;
    let Fallen { store, parts, errbacks } = fallen;
    if !store_all(node, store).await {
        return None;
    }
    let mut sending = Sending::default();
    for errbacks in errbacks {
        sending.append(errbacks.tell(node).await);
    }
    if !start_all(node, &sending.starts).await {
        return None;
    }
    done.publish.extend(sending.publish);
    done.chords.push(ChordEnd { claim, sent: false });
    Some(End::Over(parts))
}

async fn body(
    node: &Node,
    part: &Part,
    origin: &Origin,
    values: Vec<Value>,
) -> Result<Sending, taskq_core::Error> {
    let body = Signature::from_value(part.body.clone())?.prepend([Value::List(values)]);
    let mut sending = Sending::default();
    sending.add(node, body, origin).await?;
    Ok(sending)
}

async fn renew(node: &Node, chords: &dyn ChordStore, claim: &ChordClaim) -> Option<bool> {
    let mut pause = Backoff::new();
    loop {
        match chords.renew(claim).await {
            Ok(ours) => return Some(ours),
            Err(error) => {
                warn!(chord = claim.group, %error, "could not renew the claim on a chord; trying again");
                if !pause.wait(node).await {
                    return None;
                }
            }
        }
    }
}

/// Does something that may take long, and keeps claims meanwhile.
pub(super) async fn keeping<F: Future>(node: &Node, claims: &[ChordClaim], work: F) -> F::Output {
    let chords = node.backend.chords().filter(|_| !claims.is_empty());
    let Some(chords) = chords else { return work.await };
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(RENEWAL, &mut work).await {
            Ok(output) => return output,
            Err(_) => {
                for claim in claims {
                    match chords.renew(claim).await {
                        Ok(true) => {}
                        Ok(false) => {
                            warn!(chord = claim.group, "the claim on a chord was lost while its body waited");
                        }
                        Err(error) => {
                            warn!(chord = claim.group, %error, "could not renew the claim on a chord");
                        }
                    }
                }
            }
        }
    }
}

/// Gives up claims of which nothing was sent; if that fails they lapse.
pub(super) async fn release(node: &Node, ends: impl Iterator<Item = ChordEnd>) {
    let Some(chords) = node.backend.chords() else { return };
    for end in ends {
        if let Err(error) = chords.release(&end.claim).await {
            warn!(chord = end.claim.group, %error, "could not release the claim on a chord; it lapses");
        }
    }
}

/// Finishes chords whose end was settled. If that fails their counters lapse by themselves.
pub(super) async fn finish(node: &Node, ends: Vec<ChordEnd>) {
    if ends.is_empty() {
        return;
    }
    let Some(chords) = node.backend.chords() else { return };
    crash::reached(Point::ChordSettled);
    for ChordEnd { claim, sent } in ends {
        let ended = match sent {
            true => chords.finish(&claim).await.map(|ours| {
                if !ours {
                    warn!(chord = claim.group, "the claim on a chord lapsed before it was finished");
                }
            }),
            false => chords.fail(&claim).await,
        };
        crash::reached(Point::ChordFinished);
        if let Err(error) = ended {
            warn!(chord = claim.group, %error, "could not finish a chord; its counters lapse");
        }
    }
}
