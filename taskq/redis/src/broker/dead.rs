//! Dead letters: a list for each queue, newest first, each an object with the original bytes in it.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taskq_core::{
    Timestamp,
    broker::{BrokerError, BrokerErrorKind, DeadLetter, DeadReason, Payload},
};

use crate::wire;

/// A dead letter as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) id: String,
    queue: String,
    reason: DeadReason,
    at: Timestamp,
    deliveries: u32,
    /// The list it was taken from is that of this priority.
    #[serde(default)]
    pub(super) priority: Option<i64>,
    /// Base64 of the list element.
    original: String,
}

/// Writes a dead letter.
pub(super) fn write(
    queue: &str,
    original: &[u8],
    priority: Option<i64>,
    deliveries: u32,
    reason: &DeadReason,
) -> Result<String, BrokerError> {
    let stored = Stored {
        id: uuid::Uuid::now_v7().to_string(),
        queue: queue.to_owned(),
        reason: reason.clone(),
        at: Timestamp::now(),
        deliveries,
        priority,
        original: BASE64_STANDARD.encode(original),
    };
    serde_json::to_string(&stored).map_err(|error| {
        BrokerError::with_source(BrokerErrorKind::Other, "could not write a dead letter", error)
    })
}

impl Stored {
    /// Reads one; what cannot be read is not ours.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    pub(super) fn original(&self) -> Bytes {
        BASE64_STANDARD.decode(&self.original).unwrap_or_default().into()
    }

    pub(super) fn into_letter(self) -> DeadLetter {
        let original = self.original();
        let message = match wire::read(&original, &self.queue).payload {
            Payload::Message(message) => Some(message),
            Payload::Undecodable(_) => None,
        };
        DeadLetter {
            id: self.id,
            queue: self.queue,
            reason: self.reason,
            at: self.at,
            deliveries: self.deliveries,
            original,
            message,
        }
    }
}
