//! A delivery that has passed the gates and waits for its turn.

use std::sync::Arc;

use taskq_core::{protocol::Request, task::TaskKind};

use crate::{held::Held, tasks::Known};

/// A delivery that has passed the gates. Small: it moves between queues.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) known: Arc<Known>,
    pub(crate) request: Box<Request>,
    pub(crate) held: Arc<Held>,
}

impl Job {
    pub(crate) fn kind(&self) -> TaskKind {
        self.known.kind
    }
}
