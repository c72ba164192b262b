//! A message leased to this process.
//!
//! Not settled is the default: a `Delivery` that is dropped without [`Delivery::accept`] goes back to its queue.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::Settler;
use crate::protocol::{DeliveryInfo, Message};

/// Names a delivery of one consumer. The epoch fences a lost lease: the next delivery of the same message has
/// another tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryTag {
    /// Counted by the consumer (or the broker).
    pub id: u64,
    /// Changes with every lease (SQLite: the row's claim; AMQP: the channel).
    pub epoch: u32,
}

/// A message leased to this process. Dropping it gives it back.
#[must_use = "a dropped delivery goes back to its queue"]
pub struct Delivery {
    tag: DeliveryTag,
    /// What came.
    pub payload: Payload,
    /// Where it came from.
    pub info: DeliveryInfo,
    /// Deliveries so far, this one included: 1 the first time.
    pub deliveries: u32,
    settler: Option<Arc<dyn Settler>>,
}

/// What a delivery holds.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are messages: a box for each would cost more than it saves
pub enum Payload {
    /// A readable envelope. Its headers and body are not looked at yet.
    Message(Message),
    /// Not even an envelope.
    Undecodable(Undecodable),
}

/// Bytes in a queue that are no message.
#[derive(Clone, Debug)]
pub struct Undecodable {
    /// What the broker holds.
    pub original: Bytes,
    /// What is wrong with it: lower case, no full stop.
    pub why: String,
}

impl Delivery {
    /// Made by drivers. `settler` is called by drop.
    pub fn new(
        tag: DeliveryTag,
        payload: Payload,
        info: DeliveryInfo,
        deliveries: u32,
        settler: Arc<dyn Settler>,
    ) -> Self {
        Self { tag, payload, info, deliveries, settler: Some(settler) }
    }

    /// The name to settle it by.
    pub fn tag(&self) -> DeliveryTag {
        self.tag
    }

    /// Takes over the duty to settle: from here on drop does nothing, and only a settlement, or the lapse of
    /// the lease, ends the delivery.
    pub fn accept(mut self) -> (DeliveryTag, Payload, DeliveryInfo, u32) {
        self.settler = None;
        let payload = std::mem::replace(
            &mut self.payload,
            Payload::Undecodable(Undecodable { original: Bytes::new(), why: String::new() }),
        );
        (self.tag, payload, std::mem::take(&mut self.info), self.deliveries)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(settler) = self.settler.take() {
            settler.give_back(self.tag);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("tag", &self.tag)
            .field("info", &self.info)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}
