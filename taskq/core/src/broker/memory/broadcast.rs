//! Fan-out in memory: every subscription hears what is published while it listens.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    BoxFuture,
    broker::{Broadcast, BrokerError, BrokerErrorKind, Subscription, bindings::topic_matches},
    protocol::Message,
};

/// Messages kept for a slow listener; older ones are lost to it.
const BACKLOG: usize = 4_096;

#[derive(Debug)]
struct Cast {
    exchange: Box<str>,
    routing_key: Box<str>,
    message: Message,
}

/// The backlog is there from the first listener on: most brokers in memory never have one.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryBroadcast(Arc<OnceLock<broadcast::Sender<Arc<Cast>>>>);

impl Broadcast for MemoryBroadcast {
    fn publish<'a>(
        &'a self,
        exchange: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        if let Some(casts) = self.0.get() {
            let (exchange, routing_key) = (exchange.into(), routing_key.into());
            // An error says that nobody listens any more.
            let _ = casts.send(Arc::new(Cast { exchange, routing_key, message: message.clone() }));
        }
        Box::pin(async { Ok(()) })
    }

    fn subscribe<'a>(
        &'a self,
        exchange: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, BrokerError>> {
        let casts = self.0.get_or_init(|| broadcast::Sender::new(BACKLOG)).subscribe();
        let subscription = Listening { casts, exchange: exchange.into(), pattern: pattern.into() };
        Box::pin(async { Ok(Box::new(subscription) as Box<dyn Subscription>) })
    }
}

struct Listening {
    casts: broadcast::Receiver<Arc<Cast>>,
    exchange: Box<str>,
    pattern: Box<str>,
}

impl Subscription for Listening {
    fn next(&mut self) -> BoxFuture<'_, Result<Message, BrokerError>> {
        Box::pin(async move {
            loop {
                match self.casts.recv().await {
                    Ok(cast)
                        if *cast.exchange == *self.exchange
                            && topic_matches(&self.pattern, &cast.routing_key) =>
                    {
                        return Ok(cast.message.clone());
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(lost)) => {
                        tracing::debug!(lost, exchange = &*self.exchange, "a listener was too slow");
                    }
                    Err(RecvError::Closed) => {
                        return Err(BrokerError::new(
                            BrokerErrorKind::Closed,
                            format!("could not listen to `{}`: the memory broker is gone", self.exchange),
                        ));
                    }
                }
            }
        })
    }
}
