//! A message as a driver carries it, and a task on its way into one.

use bytes::Bytes;

use super::{Arguments, Embed, Headers, Properties, RawHeaders, Request};
use crate::codec::{CodecError, Serializer, json};

/// A message, whatever the broker: what AMQP calls content, headers and properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Headers, not looked at.
    pub headers: RawHeaders,
    /// Properties.
    pub properties: Properties,
    /// Of the body; `None` when the sender gave none (or one that is not text).
    pub content_type: Option<String>,
    /// Of the body: `utf-8` or `binary`.
    pub content_encoding: Option<String>,
    /// The body as serialized, and compressed if the headers say so; no transfer encoding.
    pub body: Bytes,
}

/// Which version to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Version 1, for very old consumers.
    V1,
    /// Version 2.
    #[default]
    V2,
}

/// A task on its way into a [`Message`]: headers, arguments already serialized to JSON, and links.
#[derive(Clone, Debug)]
pub struct TaskMessage {
    /// Headers. `argsrepr`, `kwargsrepr` are filled by [`encode`](Self::encode) when they are `None`;
    /// `compression` is set by it.
    pub headers: Headers,
    /// Properties. `correlation_id` is set to the id when it is `None`.
    pub properties: Properties,
    /// Positional arguments: a JSON list in kombu's dialect.
    pub args: Bytes,
    /// Keyword arguments: a JSON object in kombu's dialect.
    pub kwargs: Bytes,
    /// Links, chain, chord.
    pub embed: Embed,
}

impl TaskMessage {
    /// The message of a request once more: same id, headers (those nobody knows included), links and arguments.
    ///
    /// # Errors
    /// When an argument cannot be written as JSON.
    pub fn of(request: &Request) -> Result<Self, CodecError> {
        let (args, kwargs) = match &request.arguments {
            Arguments::Raw { args, kwargs } => (args.clone(), kwargs.clone()),
            Arguments::Values { args, kwargs } => (json::to_bytes(args)?, json::to_bytes(kwargs)?),
        };
        let mut properties = request.properties.clone();
        // The broker would count it from now; the header says when it is over.
        properties.expiration = None;
        Ok(Self { headers: request.headers.clone(), properties, args, kwargs, embed: request.embed.clone() })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// When a value cannot be written in that format (msgpack has no dates), or the compression is unknown.
    pub fn encode(
        self,
        protocol: Protocol,
        serializer: Serializer,
        compression: Option<&str>,
    ) -> Result<Message, CodecError> {
        super::body::encode(self, protocol, serializer, compression)
    }
}
