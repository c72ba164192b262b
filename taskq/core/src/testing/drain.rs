//! Running everything that waits, in the test's own process.

use super::{TestApp, enqueued::decode};
use crate::{
    Error, ErrorKind,
    backend::{State, TaskMeta},
    broker::{Broker, BrokerAdmin, ConsumeSpec, Delivery, Payload, Queue, Settle, Settlement},
};

/// Messages taken at once.
const BATCH: usize = 64;

/// What a drain has run.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// What became of each task, in the order they ran.
    pub ran: Vec<TaskMeta>,
}

impl Drained {
    /// How many tasks ended in this state.
    pub fn count(&self, state: &State) -> usize {
        self.ran.iter().filter(|meta| meta.state == *state).count()
    }
}

impl TestApp {
    /// Runs everything that waits, and everything that is sent meanwhile, until the queues are empty. The clock
    /// goes on to the due times of delayed tasks; retries come at once. Results are stored as a worker stores
    /// them.
    ///
    /// # Errors
    /// When a message is no task, or of one that this app does not know.
    pub async fn drain(&self) -> Result<Drained, Error> {
        let mut drained = Drained::default();
        loop {
            let mut batch = Vec::new();
            for queue in self.broker().queues().await? {
                self.take(&queue, &mut batch).await?;
            }
            if batch.is_empty() {
                match self.next_due().await? {
                    Some(due) => self.clock().advance_to(due),
                    None => return Ok(drained),
                }
            }
            for (delivery, settler) in batch {
                let (tag, payload, info, _) = delivery.accept();
                drained.ran.push(self.run(&info.queue, payload).await?);
                let settled = settler.settle(&[Settlement::new(tag, Settle::Ack)]).await?;
                debug_assert!(settled.lost.is_empty(), "nobody else consumes this broker");
            }
        }
    }

    async fn take(
        &self,
        queue: &str,
        batch: &mut Vec<(Delivery, std::sync::Arc<dyn crate::broker::Settler>)>,
    ) -> Result<(), Error> {
        let name = queue.to_owned();
        let ready =
            self.broker().stats(std::slice::from_ref(&name)).await?.first().map_or(0, |stats| stats.ready);
        if ready == 0 {
            return Ok(()); // taking would wait for the next message
        }
        let spec = ConsumeSpec::new(self.origin(), vec![Queue::named(queue)]);
        let mut consumer = self.broker().consume(spec).await?;
        let mut taken = Vec::new();
        consumer.next_batch(BATCH, &mut taken).await?;
        let settler = consumer.settler();
        batch.extend(taken.into_iter().map(|delivery| (delivery, std::sync::Arc::clone(&settler))));
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<crate::Timestamp>, Error> {
        Ok(self.enqueued().iter().filter_map(|one| one.due).min())
    }

    async fn run(&self, queue: &str, payload: Payload) -> Result<TaskMeta, Error> {
        let broken = |why: String| Error::new(ErrorKind::Decode, format!("could not drain `{queue}`: {why}"));
        let message = match payload {
            Payload::Message(message) => message,
            Payload::Undecodable(undecodable) => return Err(broken(undecodable.why)),
        };
        let request = decode(message, queue, self.settings())
            .ok_or_else(|| broken("a message in it is no task".to_owned()))?;
        let task = &request.headers.task;
        let def = self.registry().get(task).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Registration,
                format!("could not drain `{queue}`: `{task}` is not registered"),
            )
        })?;
        let backend = self.backend().await?;
        self.run_here(&def, request, Some(backend)).await
    }
}
