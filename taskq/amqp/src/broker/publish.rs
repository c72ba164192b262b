//! Publishing: a batch is written as a whole, then its confirmations are awaited.
//!
//! Kept true here: `Ok` means that RabbitMQ has confirmed every message, and routed it. A channel belongs to one
//! batch at a time, so that whatever comes back belongs to it, and no other batch's numbers mix in; a channel that
//! failed, or was left in the middle, is never used again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use taskq_core::{
    Timestamp,
    broker::{BrokerError, BrokerErrorKind, Outgoing},
};
use tokio::{sync::Semaphore, time::timeout};

use super::{Shared, delay, topology};
use crate::{
    conn::Link,
    error,
    wire::{self, Mark},
};

/// Channels that publish at the same time.
const CHANNELS: usize = 16;

/// Messages handed to the client at once: its own queue has no bound.
const WINDOW: usize = 256;

/// A message as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

/// The connection that publishes, and its channels in confirm mode.
#[derive(Debug)]
pub(crate) struct Publisher {
    link: Link,
    idle: Mutex<Vec<Channel>>,
    room: Semaphore,
}

impl Publisher {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, idle: Mutex::default(), room: Semaphore::new(CHANNELS) }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    fn idle(&self) -> Option<Channel> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|channel| channel.status().connected());
        idle.pop()
    }

    async fn channel(&self) -> Result<Channel, BrokerError> {
        if let Some(channel) = self.idle() {
            return Ok(channel);
        }
        let (channel, _) = self.link.channel("publish").await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default()).await;
        confirms.map_err(|error| error::broker("publish", self.link.shown(), error))?;
        Ok(channel)
    }

    /// Waits until the broker accepts publications.
    async fn accepted(&self) {
        let mut blocked = self.link.blocked();
        // It ends when the link does; then connecting says why.
        let _ = blocked.wait_for(Option::is_none).await;
    }

    /// Sends all; the answer has an error for each message that is not stored (or not known to be).
    ///
    /// # Errors
    /// When nothing is known of any: no connection, or no confirmation within `deadline`.
    pub(crate) async fn send(
        &self,
        batch: &[Publication],
        deadline: Duration,
    ) -> Result<Vec<Option<BrokerError>>, BrokerError> {
        self.confirmed(batch, deadline, true).await
    }

    /// The same for messages that nobody needs to hear: the broker drops what no queue takes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) async fn spread(
        &self,
        batch: &[Publication],
        deadline: Duration,
    ) -> Result<Vec<Option<BrokerError>>, BrokerError> {
        self.confirmed(batch, deadline, false).await
    }

    async fn confirmed(
        &self,
        batch: &[Publication],
        deadline: Duration,
        mandatory: bool,
    ) -> Result<Vec<Option<BrokerError>>, BrokerError> {
        let sending = async {
            let _room = self.room.acquire().await;
            self.accepted().await;
            let channel = self.channel().await?;
            let errors = self.write(&channel, batch, mandatory).await;
            // Every message was answered: nothing of this batch is left in the channel.
            if channel.status().connected() {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
            }
            Ok(errors)
        };
        timeout(deadline, sending).await.unwrap_or_else(|_| Err(self.late(batch.len(), deadline)))
    }

    async fn write(
        &self,
        channel: &Channel,
        batch: &[Publication],
        mandatory: bool,
    ) -> Vec<Option<BrokerError>> {
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(batch.len());
        for window in batch.chunks(WINDOW) {
            // In order: each is written when it is first polled.
            let writes = join_all(window.iter().map(async |out| {
                let exchange = short("exchange", &out.exchange)?;
                let key = short("routing key", &out.routing_key)?;
                let written =
                    channel.basic_publish(exchange, key, options, &out.body, out.properties.clone());
                written.await.map_err(|error| self.refused(out, error))
            }));
            confirms.extend(writes.await);
        }
        let confirm = async |(confirm, out): (Result<lapin::PublisherConfirm, BrokerError>, &Publication)| {
            match confirm?.await {
                Ok(Confirmation::Ack(None)) => Ok(()),
                Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
                    Err(unroutable(returned.exchange.as_str(), returned.routing_key.as_str()))
                }
                Ok(Confirmation::Nack(None) | Confirmation::NotRequested) => Err(BrokerError::new(
                    BrokerErrorKind::Other,
                    format!(
                        "`{}` did not store a message sent to exchange `{}` with routing key `{}`: a queue is \
                         full and rejects (`x-overflow`), or failed",
                        self.link.shown(),
                        out.exchange,
                        out.routing_key
                    ),
                )),
                Err(error) => Err(self.refused(out, error)),
            }
        };
        join_all(confirms.into_iter().zip(batch).map(confirm)).await.into_iter().map(Result::err).collect()
    }

    fn refused(&self, out: &Publication, error: lapin::Error) -> BrokerError {
        if error::is_missing(&error) {
            return BrokerError::with_source(
                BrokerErrorKind::Unroutable,
                format!(
                    "could not publish to exchange `{}` with routing key `{}`: no such exchange; declare it",
                    out.exchange, out.routing_key
                ),
                error,
            );
        }
        error::broker("publish", self.link.shown(), error)
    }

    fn late(&self, count: usize, deadline: Duration) -> BrokerError {
        let why = match &*self.link.blocked().borrow() {
            Some(reason) => format!("the broker accepts no publications: {reason}"),
            None => "not confirmed".to_owned(),
        };
        BrokerError::new(
            BrokerErrorKind::Timeout,
            format!(
                "could not publish {count} message{} on `{}` within {deadline:?}: {why}",
                if count == 1 { "" } else { "s" },
                self.link.shown()
            ),
        )
    }
}

pub(super) fn unroutable(exchange: &str, routing_key: &str) -> BrokerError {
    BrokerError::new(
        BrokerErrorKind::Unroutable,
        format!(
            "no queue takes a message sent to exchange `{exchange}` with routing key `{routing_key}`: declare a \
             queue that is bound to it"
        ),
    )
}

pub(crate) fn short(what: &str, name: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(name).map_err(|_| {
        BrokerError::new(
            BrokerErrorKind::Config,
            format!("the {what} `{name:.40}…` is longer than 255 bytes"),
        )
    })
}

/// What publishing a message comes to; a due time that has passed is none.
pub(super) async fn publication(shared: &Shared, out: &Outgoing) -> Result<Publication, BrokerError> {
    let mut mark = Mark::default();
    let (mut exchange, mut routing_key) = (out.exchange.clone(), out.routing_key.clone());
    if let Some(wait) = out.not_before.and_then(until) {
        mark.sent_to = Some((exchange.clone(), routing_key.clone()));
        (exchange, routing_key) = delay::route(shared, &exchange, &routing_key, wait).await?;
    }
    let user = shared.publisher.link.addresses().user();
    let properties = wire::write(&out.message, &mark, user)?;
    Ok(Publication { exchange, routing_key, properties, body: out.message.body.clone() })
}

/// How long it is until then, if it is.
pub(super) fn until(at: Timestamp) -> Option<Duration> {
    Duration::try_from(at.duration_since(Timestamp::now())).ok().filter(|wait| !wait.is_zero())
}

pub(super) async fn publications(
    shared: &Shared,
    batch: &[Outgoing],
) -> Result<Vec<Publication>, BrokerError> {
    let mut publications = Vec::with_capacity(batch.len());
    for out in batch {
        publications.push(publication(shared, out).await?);
    }
    Ok(publications)
}

pub(super) async fn publish(shared: &Shared, batch: &[Outgoing]) -> Result<(), BrokerError> {
    let batch = publications(shared, batch).await?;
    send(shared, &batch).await
}

/// Sends all or fails.
pub(super) async fn send(shared: &Shared, batch: &[Publication]) -> Result<(), BrokerError> {
    let errors = send_each(shared, batch).await?;
    errors.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Sends all; the answer has an error for each that is not stored. A queue that we declared and that is gone since
/// is declared again, once.
pub(super) async fn send_each(
    shared: &Shared,
    batch: &[Publication],
) -> Result<Vec<Option<BrokerError>>, BrokerError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let deadline = shared.options.publish_timeout;
    let mut errors = shared.publisher.send(batch, deadline).await?;
    for (out, error) in batch.iter().zip(&mut errors) {
        if error.as_ref().is_some_and(|error| error.kind() == BrokerErrorKind::Unroutable)
            && topology::revive(shared, &out.exchange, &out.routing_key).await?
        {
            let again = shared.publisher.send(std::slice::from_ref(out), deadline).await?;
            *error = again.into_iter().flatten().next();
        }
    }
    Ok(errors)
}
