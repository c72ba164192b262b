//! Fan-out: events and remote control. Lossy by nature; nothing that must arrive travels here.

use std::fmt;

use super::BrokerError;
use crate::{BoxFuture, protocol::Message};

/// Sends to, and listens on, fan-out exchanges.
pub trait Broadcast: Send + Sync + fmt::Debug {
    /// Sends to everybody who listens now.
    fn publish<'a>(
        &'a self,
        exchange: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Listens. `pattern` is a topic pattern (`#` for all); the subscription re-subscribes by itself after a
    /// lost connection (what was sent meanwhile is gone).
    fn subscribe<'a>(
        &'a self,
        exchange: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, BrokerError>>;
}

/// A running subscription. Dropping it ends it.
pub trait Subscription: Send {
    /// The next message. Cancel safe. Undecodable ones are skipped and counted by the driver.
    fn next(&mut self) -> BoxFuture<'_, Result<Message, BrokerError>>;
}
