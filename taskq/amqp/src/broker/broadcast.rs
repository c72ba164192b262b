//! Fan-out, declared as Celery declares it: events on a durable topic exchange, remote control on fanout and
//! direct exchanges that are not durable. Nothing is kept for who is absent.
//!
//! Kept true here: a listener's queue belongs to its connection and goes with it; one that reads slowly holds up
//! no more than a window, what comes beyond waits in its queue and expires there.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use taskq_core::{
    BoxFuture,
    broker::{Broadcast, BrokerError, BrokerErrorKind, Exchange, ExchangeKind, Payload, Subscription},
    protocol::Message,
};
use tokio::time::sleep;

use super::{
    Shared,
    publish::{Publication, short},
    topology,
};
use crate::{
    error,
    wire::{self, Mark},
};

/// Pause before a lost subscription is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// Messages on their way to one listener.
const WINDOW: u16 = 1_024;
/// Messages that are acknowledged together.
const ACKED: u32 = 256;

pub(super) struct AmqpBroadcast(pub(super) Arc<Shared>);

/// Exchanges that this process declared.
#[derive(Debug, Default)]
pub(crate) struct Exchanges(Mutex<BTreeSet<String>>);

/// What an exchange for fan-out is, by its name.
fn exchange(name: &str) -> Exchange {
    let kind = match name.strip_suffix(".pidbox") {
        Some(of) if of.starts_with("reply.") => ExchangeKind::Direct,
        Some(_) => ExchangeKind::Fanout,
        None => ExchangeKind::Topic,
    };
    Exchange { name: name.to_owned(), kind, durable: kind == ExchangeKind::Topic }
}

/// Name and arguments of a listener's queue.
fn queue(exchange: &Exchange, pattern: &str) -> (String, FieldTable) {
    let own = uuid::Uuid::new_v4();
    let (name, expires, ttl) = match exchange.kind {
        ExchangeKind::Topic => (format!("{}.{own}", exchange.name), 60_000, 5_000),
        ExchangeKind::Direct => (format!("{pattern}.{}", exchange.name), 10_000, 300_000),
        _ => (format!("{own}.{}", exchange.name), 10_000, 300_000),
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(expires));
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(ttl));
    (name, arguments)
}

impl AmqpBroadcast {
    async fn declare(&self, exchange: &Exchange) -> Result<(), BrokerError> {
        let known =
            self.0.exchanges.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&exchange.name);
        if known {
            return Ok(());
        }
        let link = self.0.publisher.link();
        let (channel, _) = link.channel("declare an exchange").await?;
        let declared = topology::declare_exchange(&channel, exchange).await;
        // One that is there in another way is used as it is.
        if let Err(error) = declared
            && !error::is_mismatch(&error)
            && !error::is_refused(&error)
        {
            return Err(error::broker(&format!("declare exchange `{}`", exchange.name), link.shown(), error));
        }
        let _ = channel.close(200, "declared".into()).await;
        self.0.exchanges.0.lock().unwrap_or_else(PoisonError::into_inner).insert(exchange.name.clone());
        Ok(())
    }
}

impl Broadcast for AmqpBroadcast {
    fn publish<'a>(
        &'a self,
        name: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let publisher = &self.0.publisher;
            self.declare(&exchange(name)).await?;
            let out = Publication {
                exchange: name.to_owned(),
                routing_key: routing_key.to_owned(),
                properties: wire::write(message, &Mark::default(), publisher.link().addresses().user())?,
                body: message.body.clone(),
            };
            let sent = publisher.spread(std::slice::from_ref(&out), self.0.options.publish_timeout).await?;
            match sent.into_iter().flatten().next() {
                // Nobody listens. Who does declares the exchange, so it is not missing either.
                Some(error) if error.kind() != BrokerErrorKind::Unroutable => Err(error),
                _ => Ok(()),
            }
        })
    }

    fn subscribe<'a>(
        &'a self,
        name: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, BrokerError>> {
        Box::pin(async move {
            let mut subscription = AmqpSubscription {
                shared: Arc::clone(&self.0),
                exchange: exchange(name),
                pattern: pattern.to_owned(),
                open: None,
            };
            subscription.connect().await?;
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }
}

struct AmqpSubscription {
    shared: Arc<Shared>,
    exchange: Exchange,
    pattern: String,
    open: Option<Open>,
}

/// A subscription that works; its channel ends with it, and its queue with the channel's only consumer.
struct Open {
    channel: Channel,
    messages: lapin::Consumer,
    unacked: u32,
}

impl AmqpSubscription {
    async fn connect(&mut self) -> Result<(), BrokerError> {
        let link = &self.shared.listener;
        let (channel, _) = link.channel("subscribe").await?;
        let messages = self.listen(&channel).await?.map_err(|error| {
            error::broker(&format!("subscribe to exchange `{}`", self.exchange.name), link.shown(), error)
        })?;
        self.open = Some(Open { channel, messages, unacked: 0 });
        Ok(())
    }

    async fn listen(&self, channel: &Channel) -> Result<lapin::Result<lapin::Consumer>, BrokerError> {
        let (name, arguments) = queue(&self.exchange, &self.pattern);
        let name = short("queue", &name)?;
        let (exchange, pattern) = (short("exchange", &self.exchange.name)?, short("pattern", &self.pattern)?);
        // A fanout exchange asks for no key; Celery's is empty.
        let key = if self.exchange.kind == ExchangeKind::Fanout { "".into() } else { pattern };
        let flags = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let steps = async {
            topology::declare_exchange(channel, &self.exchange).await?;
            channel.queue_declare(name.clone(), flags, arguments).await?;
            let none = FieldTable::default();
            channel
                .queue_bind(name.clone(), exchange, key, QueueBindOptions::default(), none.clone())
                .await?;
            channel.basic_qos(WINDOW, BasicQosOptions::default()).await?;
            channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), none).await
        };
        Ok(steps.await)
    }
}

impl Open {
    /// The next message; `None` when it must be made anew.
    async fn next(&mut self) -> Option<lapin::message::Delivery> {
        let delivery = self.messages.next().await?.ok()?;
        self.unacked += 1;
        if self.unacked >= ACKED {
            let all = BasicAckOptions { multiple: true };
            self.channel.basic_ack(delivery.delivery_tag, all).await.ok()?;
            self.unacked = 0;
        }
        Some(delivery)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Closing takes a round trip, for which nobody waits here.
        let channel = self.channel.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { channel.close(200, "not listening any more".into()).await });
        }
    }
}

impl Subscription for AmqpSubscription {
    fn next(&mut self) -> BoxFuture<'_, Result<Message, BrokerError>> {
        Box::pin(async move {
            loop {
                let Some(open) = &mut self.open else {
                    if let Err(error) = self.connect().await {
                        if !error.is_retryable() {
                            return Err(error);
                        }
                        sleep(PAUSE).await;
                    }
                    continue;
                };
                let Some(delivery) = open.next().await else {
                    tracing::debug!(exchange = self.exchange.name, "a subscription is made anew");
                    self.open = None;
                    continue;
                };
                match wire::read(&delivery.properties, &Bytes::from(delivery.data)).payload {
                    Payload::Message(message) => return Ok(message),
                    Payload::Undecodable(_) => {
                        tracing::debug!(exchange = self.exchange.name, "skipped a broadcast");
                    }
                }
            }
        })
    }
}

impl fmt::Debug for AmqpBroadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpBroadcast({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_and_queues_are_celerys() {
        let control = exchange("celery.pidbox");
        assert_eq!((control.kind, control.durable), (ExchangeKind::Fanout, false));
        let reply = exchange("reply.celery.pidbox");
        assert_eq!((reply.kind, reply.durable), (ExchangeKind::Direct, false));
        assert_eq!(queue(&reply, "oid").0, "oid.reply.celery.pidbox");
        let events = exchange("celeryev");
        assert_eq!((events.kind, events.durable), (ExchangeKind::Topic, true));
        let (name, arguments) = queue(&events, "#");
        assert!(name.starts_with("celeryev."), "{name}");
        assert_eq!(arguments.inner().get("x-expires"), Some(&AMQPValue::LongInt(60_000)));
        assert_eq!(arguments.inner().get("x-message-ttl"), Some(&AMQPValue::LongInt(5_000)));
    }
}
