//! A message on its way into the file, encoded before the writer sees it.

use std::borrow::Cow;

use bytes::Bytes;
use taskq_core::broker::{Bindings, BrokerErrorKind, Envelope, Outgoing};

use super::topology;
use crate::store::{Failure, Result, Tx};

/// States of a message, as stored.
pub(super) mod state {
    pub(in crate::broker) const READY: i64 = 0;
    pub(in crate::broker) const DELAYED: i64 = 1;
}

/// A message to insert.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    exchange: String,
    routing_key: String,
    rank: i64,
    /// Microseconds; 0 is now.
    due: i64,
    envelope: Bytes,
}

impl Row {
    /// Encodes messages.
    pub(super) fn all(batch: &[Outgoing]) -> Result<Vec<Self>> {
        batch.iter().map(Self::of).collect()
    }

    /// Encodes a message.
    pub(crate) fn of(outgoing: &Outgoing) -> Result<Self> {
        let Outgoing { message, exchange, routing_key, not_before } = outgoing;
        let envelope = Envelope::encode(message, exchange, routing_key).map_err(|error| {
            Failure::new(BrokerErrorKind::Other, format!("the message cannot be written: {error}"))
        })?;
        Ok(Self {
            exchange: exchange.clone(),
            routing_key: routing_key.clone(),
            rank: message.properties.priority.unwrap_or(0).saturating_neg(),
            due: not_before.map_or(0, |at| at.as_microsecond()),
            envelope,
        })
    }

    /// Bytes as they are.
    pub(super) fn raw(queue: &str, envelope: Bytes) -> Self {
        Self { exchange: String::new(), routing_key: queue.to_owned(), rank: 0, due: 0, envelope }
    }

    /// Stores it in every queue that takes it.
    ///
    /// # Errors
    /// [`BrokerErrorKind::Unroutable`] when none does.
    pub(crate) fn insert(&self, tx: &Tx<'_>) -> Result<()> {
        let queues = self.queues(tx)?;
        self.insert_into(tx, &queues)
    }

    /// Stores it in these queues.
    pub(super) fn insert_into(&self, tx: &Tx<'_>, queues: &[Cow<'_, str>]) -> Result<()> {
        for queue in queues {
            put(tx, tx.queue_id(queue)?, self.rank, self.due, &self.envelope)?;
        }
        Ok(())
    }

    /// The queues that take it.
    ///
    /// # Errors
    /// [`BrokerErrorKind::Unroutable`] when none does.
    pub(super) fn queues(&self, tx: &Tx<'_>) -> Result<Vec<Cow<'_, str>>> {
        if self.exchange.is_empty() {
            return Ok(vec![Cow::Borrowed(&self.routing_key)]);
        }
        let mut bindings = Bindings::default();
        topology::load(tx, &self.exchange, &mut bindings)?;
        let queues = bindings
            .route(&self.exchange, &self.routing_key)
            .map_err(|error| Failure::new(error.kind(), error.to_string()))?;
        Ok(queues.into_iter().map(|queue| Cow::Owned(queue.to_owned())).collect())
    }
}

/// Stores an envelope at the end of its rank, or delayed.
pub(super) fn put(tx: &Tx<'_>, queue: i64, rank: i64, due: i64, envelope: &[u8]) -> Result<()> {
    let place = tx.next_place()?;
    let state = if due > tx.now { state::DELAYED } else { state::READY };
    tx.execute(
        "INSERT INTO message (id, queue, state, rank, place, due, since) VALUES (?1, ?2, ?3, ?4, ?1, ?5, ?6)",
        (place, queue, state, rank, due, tx.now),
    )?;
    tx.execute("INSERT INTO payload (id, envelope) VALUES (?1, ?2)", (place, envelope))?;
    tx.wake();
    Ok(())
}
