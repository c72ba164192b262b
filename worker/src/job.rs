//! A delivery that has passed the gates and waits for its turn.

use std::sync::Arc;

use taskq_core::{protocol::Request, task::TaskKind};

use crate::{held::Held, share::Share, tasks::Known};

/// A delivery that has passed the gates. Small: it moves between queues.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) known: Arc<Known>,
    pub(crate) request: Box<Request>,
    pub(crate) held: Arc<Held>,
    /// The share of the queue it came from.
    pub(crate) queue: Arc<Share>,
}

impl Job {
    pub(crate) fn kind(&self) -> TaskKind {
        self.known.kind
    }

    /// Whether neither its task nor its queue has as many runs as it may have.
    pub(crate) fn may_start(&self) -> bool {
        !self.known.share.is_full() && !self.queue.is_full()
    }

    /// It starts: what is to be left when it has ended.
    pub(crate) fn enter(&self) -> Entered {
        self.known.share.enter();
        self.queue.enter();
        Entered { known: Arc::clone(&self.known), queue: Arc::clone(&self.queue) }
    }
}

/// The shares that a running job counts in.
#[must_use = "a share that is not left stays taken"]
#[derive(Debug)]
pub(crate) struct Entered {
    known: Arc<Known>,
    queue: Arc<Share>,
}

impl Entered {
    /// It has ended. True when another job may have waited for that.
    pub(crate) fn leave(self) -> bool {
        let (task, queue) = (self.known.share.leave(), self.queue.leave());
        task || queue
    }
}
