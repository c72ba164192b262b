//! Whether a message that ends a chord may run, or come to anything else: of the copies that were sent under several
//! claims, one does.
//!
//! Kept true here: what was sent under no claim is not looked at and costs nothing; while the backend is away such a
//! message waits, since nothing else could tell whether it has run.

use jiff::SignedDuration;
use taskq_core::{Timestamp, backend::ChordCopy, protocol::Request};
use tracing::{error, warn};

use crate::{completer::Backoff, effects::Completion, gate, held::Held, node::Node, tasks::Known};

/// How long a message waits in the broker that is to end without a run while nobody can say whether a copy has run.
const LATER: SignedDuration = SignedDuration::from_secs(2);

/// The claim that a message was sent under; on the heap, since most have none.
pub(crate) fn claim(request: &Request) -> Option<Box<ChordCopy>> {
    match request.headers.extra.is_empty() {
        true => None,
        false => ChordCopy::of(&request.headers).map(Box::new),
    }
}

/// Takes a message that was sent under a claim. The end of the delivery when it must not run.
pub(crate) async fn taken(
    node: &Node,
    known: &Known,
    request: &Request,
    held: &Held,
    copy: &ChordCopy,
) -> Option<Completion> {
    let Some(chords) = node.backend.chords() else { return gate::before_run(node, known, request, held) };
    let take = async {
        let mut pause = Backoff::new();
        loop {
            match chords.take(copy).await {
                // That may have taken long.
                Ok(true) => return gate::before_run(node, known, request, held),
                Ok(false) => return Some(Completion::copy(node, held.tag, request)),
                Err(error) if error.is_retryable() => {
                    warn!(id = %held.id, chord = copy.group, %error, "could not look for a copy; trying again");
                    if !pause.wait(node).await {
                        return Some(Completion::give_back(node, held.tag, known, request));
                    }
                }
                Err(error) => {
                    error!(id = %held.id, chord = copy.group, %error, "could not look for a copy; it runs");
                    return gate::before_run(node, known, request, held);
                }
            }
        }
    };
    tokio::select! {
        biased;
        end = take => end,
        _ = held.cancelled() => match dropped(node, request, held).await {
            None => gate::before_run(node, known, request, held),
            end => end,
        },
    }
}

/// Takes a message that is to end without a run. What becomes of it instead, when another copy was taken or nobody
/// can say: whoever waits for what runs must not be told that it was revoked, or has failed.
pub(crate) async fn dropped(node: &Node, request: &Request, held: &Held) -> Option<Completion> {
    let copy = claim(request)?;
    match node.backend.chords()?.take(&copy).await {
        Ok(true) => None,
        Ok(false) => Some(Completion::copy(node, held.tag, request)),
        Err(error) if error.is_retryable() => {
            warn!(id = %held.id, chord = copy.group, %error, "could not look for a copy; it waits");
            let until = node.now().saturating_add(LATER).unwrap_or(Timestamp::MAX);
            Some(Completion::untouched(held.tag, until))
        }
        Err(error) => {
            error!(id = %held.id, chord = copy.group, %error, "could not look for a copy; it ends here");
            None
        }
    }
}
