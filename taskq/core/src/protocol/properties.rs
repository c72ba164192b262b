//! AMQP properties, as both transports carry them.

use crate::codec::Map;

/// The properties of a message, without content type and encoding (they are the
/// [`Message`](super::Message)'s own) and without what only an envelope needs (delivery tag, body encoding).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// The task id.
    pub correlation_id: Option<String>,
    /// The queue the client of `rpc://` reads results from.
    pub reply_to: Option<String>,
    /// Persistent unless the queue or the call says otherwise.
    pub delivery_mode: DeliveryMode,
    /// 9 goes first; on the far side of [`HigherFirst`](crate::broker::HigherFirst) the number is the wire's.
    pub priority: Option<i64>,
    /// Milliseconds as text: the broker may drop the message after that time.
    pub expiration: Option<String>,
    /// Everything else that came, or that the caller gave.
    pub extra: Map,
}

/// Whether a message survives a restart of the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryMode {
    /// 1
    Transient,
    /// 2
    #[default]
    Persistent,
}

impl DeliveryMode {
    /// AMQP's number.
    pub fn as_u8(self) -> u8 {
        match self {
            Self::Transient => 1,
            Self::Persistent => 2,
        }
    }
}

/// How a delivery reached us: `request.delivery_info` of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryInfo {
    /// The queue it was taken from.
    pub queue: std::sync::Arc<str>,
    /// The exchange it was published to.
    pub exchange: String,
    /// The routing key it was published with.
    pub routing_key: String,
    /// Its priority, 9 first.
    pub priority: Option<i64>,
    /// Whether it was delivered before.
    pub redelivered: bool,
}
