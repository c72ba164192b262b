//! A message on its way to the broker.

use crate::{Timestamp, protocol::Message};

/// A message and where it goes.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What is sent.
    pub message: Message,
    /// The exchange; `""` sends to the queue named by the routing key.
    pub exchange: String,
    /// The routing key, or the queue's name when the exchange is `""`.
    pub routing_key: String,
    /// Keep it in the broker until then. Only where [`Capabilities`](super::Capabilities) allow it; the
    /// message's `eta` header is independent of it.
    pub not_before: Option<Timestamp>,
}

impl Outgoing {
    /// Straight to a queue.
    pub fn to_queue(queue: impl Into<String>, message: Message) -> Self {
        Self { message, exchange: String::new(), routing_key: queue.into(), not_before: None }
    }
}
