//! Applies completions, many in one round trip.
//!
//! Kept true here: a delivery is settled only after its result is stored; a backend or broker that is away is
//! retried (leases are kept meanwhile) until the worker is told to stop cold; what was completed before
//! [`Completer::finish`] is applied when it returns.

mod apply;
mod batched;
mod chords;
mod inbox;
pub(crate) mod join;

use std::sync::Arc;

use taskq_core::broker::Settler;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::error;

pub(crate) use self::apply::Backoff;
use self::inbox::Inbox;
use crate::{effects::Completion, node::Node};

/// Settlements in one batch.
pub(crate) const BATCH: usize = 256;

/// The most runs that have ended and are not settled, beside those that wait in their slots to be one of them: what a
/// worker that is killed may leave to be run again.
pub(crate) const UNSETTLED: usize = 2 * BATCH;

/// The running completer.
#[derive(Debug)]
pub(crate) struct Completer {
    inbox: Arc<Inbox>,
    finish: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// Where completions go. When it is full, senders wait, and with them their slots.
#[derive(Clone, Debug)]
pub(crate) struct Completions(Arc<Inbox>);

impl Completions {
    pub(crate) async fn send(&self, completion: Completion) {
        if !self.0.put(completion).await {
            // Only after a cold stop. The lease lapses and the message is delivered again.
            error!("a completion came after the worker had stopped; its message will be delivered again");
        }
    }
}

impl Completer {
    pub(crate) fn start(node: Arc<Node>, settler: Arc<dyn Settler>) -> Self {
        let inbox = Arc::new(Inbox::new(Arc::clone(&node)));
        let finish = CancellationToken::new();
        let run = batched::run(node, settler, Arc::clone(&inbox), finish.clone());
        Self { inbox, finish, task: AbortOnDropHandle::new(tokio::spawn(run)) }
    }

    pub(crate) fn completions(&self) -> Completions {
        Completions(Arc::clone(&self.inbox))
    }

    /// Applies everything that has been sent, then ends.
    pub(crate) async fn finish(self) {
        self.finish.cancel();
        if let Err(error) = self.task.await {
            error!(%error, "the completer ended badly");
        }
    }
}
