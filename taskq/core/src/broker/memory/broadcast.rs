//! Fan-out in memory: every subscription hears what is published while it listens.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    BoxFuture,
    broker::{Broadcast, BrokerError, BrokerErrorKind, Subscription, bindings::topic_matches},
    protocol::Message,
};

/// Messages kept for a slow listener; older ones are lost to it.
const BACKLOG: usize = 4_096;

#[derive(Clone, Debug)]
struct Cast {
    exchange: Arc<str>,
    routing_key: Arc<str>,
    message: Message,
}

#[derive(Clone, Debug)]
pub(super) struct MemoryBroadcast(broadcast::Sender<Cast>);

impl MemoryBroadcast {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Broadcast for MemoryBroadcast {
    fn publish<'a>(
        &'a self,
        exchange: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        // An error says that nobody listens.
        let _ = self.0.send(Cast {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            message: message.clone(),
        });
        Box::pin(async { Ok(()) })
    }

    fn subscribe<'a>(
        &'a self,
        exchange: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, BrokerError>> {
        let subscription =
            Listening { casts: self.0.subscribe(), exchange: exchange.into(), pattern: pattern.into() };
        Box::pin(async { Ok(Box::new(subscription) as Box<dyn Subscription>) })
    }
}

struct Listening {
    casts: broadcast::Receiver<Cast>,
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
                        return Ok(cast.message);
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
