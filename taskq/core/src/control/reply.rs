//! The answer of one worker.

use super::ReplyTo;
use crate::{
    broker::Outgoing,
    codec::{CodecError, Map, Serializer, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

/// What a worker answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The worker's node name.
    pub node: String,
    /// What it says: `{"ok": …}`, `{"error": …}`, or data.
    pub value: Value,
    /// The ticket of the request.
    pub ticket: Option<String>,
    /// The worker's logical time.
    pub clock: u64,
}

impl Reply {
    /// As the message that travels.
    ///
    /// # Errors
    /// When the value cannot be written.
    pub fn to_message(&self) -> Result<Message, CodecError> {
        let headers: Value = [("ticket", self.ticket.clone().into()), ("clock", Value::from(self.clock))]
            .into_iter()
            .collect();
        let body = Value::Map(Map::from_iter([(self.node.clone(), self.value.clone())]));
        Ok(Message {
            headers: RawHeaders(json::to_bytes(&headers)?),
            properties: Properties { delivery_mode: DeliveryMode::Transient, ..Properties::default() },
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("utf-8".to_owned()),
            body: json::to_bytes(&body)?,
        })
    }

    /// As it is sent to whoever asked.
    ///
    /// # Errors
    /// As [`to_message`](Self::to_message).
    pub fn to(&self, to: &ReplyTo) -> Result<Outgoing, CodecError> {
        Ok(Outgoing {
            message: self.to_message()?,
            exchange: to.exchange.clone(),
            routing_key: to.routing_key.clone(),
            not_before: None,
        })
    }

    /// Reads the replies of a message. What is no reply is none.
    pub fn read(message: &Message) -> Vec<Self> {
        let format = message.content_type.as_deref().map_or(Ok(Serializer::Json), Serializer::from_name);
        let Ok(Value::Map(body)) = format.and_then(|format| format.decode(&message.body)) else {
            return Vec::new();
        };
        let headers = json::from_slice::<Map>(&message.headers.0).unwrap_or_default();
        let ticket = headers.get("ticket").and_then(Value::as_str);
        let clock = headers.get("clock").and_then(Value::as_u64).unwrap_or_default();
        let reply = |(node, value)| Self { node, value, ticket: ticket.map(str::to_owned), clock };
        body.into_iter().map(reply).collect()
    }
}
