//! Fan-out over pub/sub, on kombu's channels. Nothing is kept for who is absent.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use taskq_core::{
    BoxFuture,
    broker::{Broadcast, BrokerError, Payload, Subscription},
    protocol::Message,
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::Shared;
use crate::{
    conn::{PULSE, answers},
    error, wire,
};

/// Pause before a lost subscription is made again.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct RedisBroadcast(pub(super) Arc<Shared>);

impl fmt::Debug for RedisBroadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisBroadcast({:?})", self.0)
    }
}

/// `/<db>.<exchange>/<routing key>`, in kombu's variants.
pub(super) fn channel(shared: &Shared, exchange: &str, routing_key: &str) -> String {
    let prefix = match &shared.options.fanout_prefix {
        Some(prefix) => prefix.replace("{db}", &shared.link.addresses().db().to_string()),
        None => String::new(),
    };
    let channel = format!("{prefix}{exchange}");
    let channel = if shared.options.fanout_patterns && !routing_key.is_empty() {
        format!("{channel}/{routing_key}")
    } else {
        channel
    };
    shared.keys.plain(&channel)
}

impl Broadcast for RedisBroadcast {
    fn publish<'a>(
        &'a self,
        exchange: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let envelope = wire::write(message, exchange, routing_key)?;
            let mut command = redis::cmd("PUBLISH");
            command.arg(channel(&self.0, exchange, routing_key)).arg(&envelope[..]);
            self.0.link.run("broadcast", &command).await
        })
    }

    fn subscribe<'a>(
        &'a self,
        exchange: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, BrokerError>> {
        Box::pin(async move {
            // kombu turns `#` into a star. A bare channel is listened to as well: control messages have no key.
            let mut patterns = vec![channel(&self.0, exchange, &pattern.replace('#', "*"))];
            if pattern == "#" {
                patterns.push(channel(&self.0, exchange, ""));
            }
            let mut subscription = RedisSubscription {
                shared: Arc::clone(&self.0),
                exchange: exchange.to_owned(),
                patterns,
                stream: None,
            };
            subscription.connect().await?;
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }
}

struct RedisSubscription {
    shared: Arc<Shared>,
    exchange: String,
    patterns: Vec<String>,
    /// The messages, and who watches the connection that they come on.
    stream: Option<(PubSubStream, AbortOnDropHandle<()>)>,
}

/// Ends when the connection gives no sign of life any more.
async fn watch(mut sink: PubSubSink, deadline: Duration) {
    let mut tick = interval(PULSE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = answers(deadline, sink.ping::<redis::Value>()).await {
            tracing::debug!(%error, "a subscription is made anew");
            return;
        }
    }
}

impl RedisSubscription {
    async fn connect(&mut self) -> Result<(), BrokerError> {
        let link = &self.shared.link;
        let (mut sink, stream) = link.pubsub("subscribe").await?.split();
        let deadline = link.response_timeout();
        answers(deadline, sink.psubscribe(&self.patterns))
            .await
            .map_err(|error| error::broker("subscribe", link.shown(), error))?;
        self.stream = Some((stream, AbortOnDropHandle::new(tokio::spawn(watch(sink, deadline)))));
        Ok(())
    }
}

impl Subscription for RedisSubscription {
    fn next(&mut self) -> BoxFuture<'_, Result<Message, BrokerError>> {
        Box::pin(async move {
            loop {
                let Some((stream, watch)) = &mut self.stream else {
                    if let Err(error) = self.connect().await {
                        if !error.is_retryable() {
                            return Err(error);
                        }
                        sleep(PAUSE).await;
                    }
                    continue;
                };
                let message = tokio::select! {
                    message = stream.next() => message,
                    _ = watch => None,
                };
                let Some(message) = message else {
                    self.stream = None;
                    continue;
                };
                let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                match wire::read(&payload, &self.exchange).payload {
                    Payload::Message(message) => return Ok(message),
                    Payload::Undecodable(_) => {
                        tracing::debug!(exchange = self.exchange, "skipped a broadcast");
                    }
                }
            }
        })
    }
}
