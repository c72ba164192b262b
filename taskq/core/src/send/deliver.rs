//! From a draft to the broker's confirmation: through the middleware, into the batcher, one by one or many
//! in one round trip.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{
    Draft,
    publisher::{BULK_MESSAGES, Parcel},
    sent::Sent,
};
use crate::{
    BoxFuture, Error,
    app::App,
    broker::Outgoing,
    middleware::{PublishEnd, PublishNext},
};

/// Bytes of bodies that go out in one round trip of [`App::publish_many`].
const BULK_BYTES: usize = 1024 * 1024;

impl App {
    /// Publishes a message that is ready, and waits until it is stored.
    ///
    /// # Errors
    /// When it cannot be encoded or was not confirmed in time.
    pub async fn publish(&self, mut draft: Draft) -> Result<(), Error> {
        if self.middleware().is_empty() {
            let sent = Sent::of(self, &draft);
            self.send_parcel(Parcel::of(draft, self.io_now()?)?).await?;
            sent.tell(self);
            return Ok(());
        }
        PublishNext::new(self.middleware(), self).run(&mut draft).await
    }

    /// Publishes many, in as few round trips as possible, and waits until all are stored. `publish_timeout` is
    /// the deadline of each round trip, not of the whole: a million messages may take their time.
    ///
    /// # Errors
    /// When one of them fails; the others may be stored.
    pub async fn publish_many(&self, mut drafts: Vec<Draft>) -> Result<(), Error> {
        if !self.middleware().is_empty() {
            let one = |draft| PublishNext::new(self.middleware(), self).run(draft);
            return try_join_all(drafts.iter_mut().map(one)).await.map(drop);
        }
        let mut parcels: Vec<Parcel> = Vec::new();
        let mut bytes = 0;
        let now = self.io_now()?;
        let sent: Vec<Sent> = drafts.iter().map(|draft| Sent::of(self, draft)).collect();
        for draft in drafts {
            match parcels.last_mut() {
                Some(parcel) if parcel.messages.len() < BULK_MESSAGES && bytes < BULK_BYTES => {
                    parcel.add(draft)?;
                }
                _ => {
                    bytes = 0;
                    parcels.push(Parcel::of(draft, now)?);
                }
            }
            bytes += parcels
                .last()
                .and_then(|parcel| parcel.messages.last())
                .map_or(0, |out| out.message.body.len());
        }
        for mut parcel in parcels {
            // From here, not from when it was encoded: those before it have taken their time.
            parcel.deadline = self.io_now()? + parcel.timeout;
            self.send_parcel(parcel).await?;
        }
        sent.into_iter().for_each(|sent| sent.tell(self));
        Ok(())
    }

    /// Runs the publish middleware and encodes, but leaves the publishing to the caller: a worker publishes
    /// follow-ups together with the settlement. A middleware that does not go on makes this `None`.
    ///
    /// # Errors
    /// What a middleware returns, or when it cannot be encoded.
    pub async fn prepare(&self, mut draft: Draft) -> Result<Option<Outgoing>, Error> {
        self.ready_for_replies().await?;
        if self.middleware().is_empty() {
            Sent::of(self, &draft).tell(self);
            return draft.into_outgoing().map(Some);
        }
        let prepared = Prepared::default();
        PublishNext::new(self.middleware(), &prepared).run(&mut draft).await?;
        Sent::of(self, &draft).tell(self);
        Ok(prepared.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Results that travel as messages need a place to arrive at before the task is sent.
    async fn ready_for_replies(&self) -> Result<(), Error> {
        if self.settings().backend_url().scheme() == "rpc" {
            self.backend().await?.receive(&self.reply_to()).await?;
        }
        Ok(())
    }

    /// What deadlines count from: the I/O thread keeps them.
    fn io_now(&self) -> Result<Instant, Error> {
        Ok(self.connections().io()?.now())
    }

    async fn send_parcel(&self, parcel: Parcel) -> Result<(), Error> {
        self.ready_for_replies().await?;
        self.publisher()?.publish(self.connections(), parcel).await
    }
}

impl PublishEnd for App {
    fn publish<'a>(&'a self, draft: &'a mut Draft) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            self.send_parcel(Parcel::of(draft.clone(), self.io_now()?)?).await?;
            Sent::of(self, draft).tell(self);
            Ok(())
        })
    }
}

/// The end of a chain that keeps the message instead of publishing it.
#[derive(Debug, Default)]
struct Prepared(std::sync::Mutex<Option<Outgoing>>);

impl PublishEnd for Prepared {
    fn publish<'a>(&'a self, draft: &'a mut Draft) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let out = draft.encode()?;
            *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(out);
            Ok(())
        })
    }
}

impl Parcel {
    fn of(draft: Draft, now: Instant) -> Result<Self, Error> {
        let mut parcel = Self {
            messages: Vec::with_capacity(1),
            queues: Vec::new(),
            destination: draft.route.destination().to_owned(),
            timeout: draft.timeout,
            deadline: now + draft.timeout,
            retry: draft.retry,
        };
        parcel.add(draft)?;
        Ok(parcel)
    }

    fn add(&mut self, draft: Draft) -> Result<(), Error> {
        if let Some(queue) = draft.queue()
            && !self.queues.iter().any(|known| known.name == queue.name)
        {
            self.queues.push(Arc::clone(queue));
        }
        self.messages.push(draft.into_outgoing()?);
        Ok(())
    }
}
