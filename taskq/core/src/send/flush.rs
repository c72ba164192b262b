//! Publishes one batch: declares, publishes, repeats what may pass, and answers every sender by its deadline.

use std::{collections::HashSet, sync::Arc};

use tokio::time::Instant;

use super::publisher::Pending;
use crate::{
    Error, ErrorKind,
    app::Connections,
    broker::{Outgoing, Topology},
};

/// Publishes batches, one after the other.
#[derive(Debug)]
pub(super) struct Flush {
    connections: Arc<Connections>,
    /// Queues that exist as far as we know; forgotten when the connection breaks.
    declared: HashSet<String>,
}

impl Flush {
    pub(super) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, declared: HashSet::new() }
    }

    /// Publishes a batch and answers everybody in it.
    pub(super) async fn run(&mut self, mut batch: Vec<Pending>) {
        let mut attempt = 0;
        let mut last = None;
        loop {
            self.answer_late(&mut batch, last.as_ref());
            batch.retain(|pending| pending.done.is_some());
            if batch.is_empty() {
                return;
            }
            let error = match self.attempt(&mut batch, last.as_ref()).await {
                Ok(()) => return batch.iter_mut().for_each(|pending| answer(pending, Ok(()))),
                Err(error) => error,
            };
            if error.is_connection() {
                self.declared.clear();
            }
            if !error.is_retryable() {
                return self.refused(batch, &error).await;
            }
            let mut pause = None;
            for pending in &mut batch {
                match pending.parcel.retry.pause(attempt) {
                    Some(wait) => pause = pause.max(Some(wait)),
                    None => answer(pending, Err(self.failed(pending, &error))),
                }
            }
            last = Some(error);
            attempt += 1;
            if let Some(pause) = pause {
                self.wait(&mut batch, pause, last.as_ref()).await;
            }
        }
    }

    /// One try of everything that is not answered. Senders whose deadline passes meanwhile are answered; the
    /// try itself goes on as long as somebody waits for it.
    async fn attempt(&mut self, batch: &mut [Pending], last: Option<&Error>) -> Result<(), Error> {
        let mut topology = Topology::default();
        for queue in batch.iter().flat_map(|pending| &pending.parcel.queues) {
            if !self.declared.contains(&queue.name) && !topology.queues.iter().any(|q| q.name == queue.name) {
                topology.queues.push((**queue).clone());
            }
        }
        // Moved, not copied: on an error they go back to where they came from.
        let counts: Vec<usize> = batch.iter().map(|pending| pending.parcel.messages.len()).collect();
        let mut messages: Vec<Outgoing> = Vec::with_capacity(counts.iter().sum());
        batch.iter_mut().for_each(|pending| messages.append(&mut pending.parcel.messages));
        let outcome = self.publish(&mut messages, &topology, batch, last).await;
        match outcome {
            Ok(()) => self.declared.extend(topology.queues.iter().map(|queue| queue.name.clone())),
            Err(_) => {
                let mut messages = messages.into_iter();
                for (pending, count) in batch.iter_mut().zip(counts) {
                    pending.parcel.messages.extend(messages.by_ref().take(count));
                }
            }
        }
        outcome
    }

    async fn publish(
        &self,
        messages: &mut [Outgoing],
        topology: &Topology,
        batch: &mut [Pending],
        last: Option<&Error>,
    ) -> Result<(), Error> {
        let connections = Arc::clone(&self.connections);
        let publish = async {
            let broker = connections.broker().await?;
            if !broker.capabilities().producer_delay {
                // The message waits in a worker's care: its `eta` header says until when.
                messages.iter_mut().for_each(|out| out.not_before = None);
            }
            if !topology.queues.is_empty() {
                broker.declare(topology).await?;
            }
            broker.publish(messages).await.map_err(Error::from)
        };
        let mut publish = std::pin::pin!(publish);
        loop {
            let Some(deadline) = next_deadline(batch) else {
                return Err(Error::new(ErrorKind::Timeout, "nobody waits any more"));
            };
            tokio::select! {
                biased;
                outcome = &mut publish => return outcome,
                () = tokio::time::sleep_until(deadline) => self.answer_late(batch, last),
            }
        }
    }

    /// The broker refused something. When several senders are in the batch, each is tried alone: one bad
    /// message must not fail its neighbours.
    async fn refused(&mut self, batch: Vec<Pending>, error: &Error) {
        if batch.len() == 1 {
            for mut pending in batch {
                let failed = self.failed(&pending, error);
                answer(&mut pending, Err(failed));
            }
            return;
        }
        for pending in batch {
            let mut alone = [pending];
            let result = self.attempt(&mut alone, Some(error)).await;
            let [mut pending] = alone;
            let result = result.map_err(|error| self.failed(&pending, &error));
            answer(&mut pending, result);
        }
    }

    /// Pauses before the next attempt, without missing a deadline.
    async fn wait(&self, batch: &mut [Pending], pause: std::time::Duration, last: Option<&Error>) {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            let Some(deadline) = next_deadline(batch) else { return };
            tokio::time::sleep_until(deadline.min(until)).await;
            self.answer_late(batch, last);
        }
    }

    fn answer_late(&self, batch: &mut [Pending], last: Option<&Error>) {
        let now = Instant::now();
        for pending in batch {
            if pending.done.is_some() && pending.parcel.deadline <= now {
                let late = self.late(pending, last);
                answer(pending, Err(late));
            }
        }
    }

    fn late(&self, pending: &Pending, last: Option<&Error>) -> Error {
        let text = format!(
            "could not send to `{}` at `{}` within {:?}",
            pending.parcel.destination,
            self.connections.settings().write_url(),
            pending.parcel.timeout,
        );
        match last {
            Some(cause) => Error::with_source(ErrorKind::Timeout, text, cause.clone()),
            None => Error::new(ErrorKind::Timeout, text),
        }
    }

    fn failed(&self, pending: &Pending, error: &Error) -> Error {
        let url = self.connections.settings().write_url();
        let text = format!("could not send to `{}` at `{url}`", pending.parcel.destination);
        Error::with_source(error.kind(), text, error.clone())
    }
}

fn next_deadline(batch: &[Pending]) -> Option<Instant> {
    batch.iter().filter(|pending| pending.done.is_some()).map(|pending| pending.parcel.deadline).min()
}

fn answer(pending: &mut Pending, result: Result<(), Error>) {
    if let Some(done) = pending.done.take() {
        let _ = done.send(result); // the sender may have gone
    }
}
