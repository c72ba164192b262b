//! The message of a tick.

use taskq_core::{
    Error, Timestamp,
    app::App,
    broker::{Outgoing, Queue, Topology},
    codec::Value,
    schedule::Entry,
};

/// What Python beat adds to its messages.
const HEADER: &str = "celery_beat_task";

/// Writes messages, and declares each queue the first time it is sent to.
#[derive(Debug)]
pub(crate) struct Composer {
    app: App,
    declared: Vec<String>,
}

impl Composer {
    pub(crate) fn new(app: &App) -> Self {
        Self { app: app.clone(), declared: Vec::new() }
    }

    /// The message of a tick; `None` when a middleware does not want it sent.
    ///
    /// # Errors
    /// When it cannot be written, or its queue cannot be declared.
    pub(crate) async fn message(&mut self, entry: &Entry, due: Timestamp) -> Result<Option<Outgoing>, Error> {
        let mut call = entry.call_at(due);
        call.options.headers.insert(HEADER.to_owned(), Value::Bool(true));
        let draft = self.app.draft(call)?;
        if let Some(queue) = draft.queue() {
            let queue = Queue::clone(queue);
            self.declare(queue).await?;
        }
        self.app.prepare(draft).await
    }

    async fn declare(&mut self, queue: Queue) -> Result<(), Error> {
        if self.declared.contains(&queue.name) {
            return Ok(());
        }
        let name = queue.name.clone();
        self.app.broker().await?.declare(&Topology { queues: vec![queue] }).await?;
        self.declared.push(name);
        Ok(())
    }
}
