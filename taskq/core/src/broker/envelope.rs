//! The bytes that an embedded broker stores of a message.
//!
//! Kept true here: what [`Envelope::encode`] writes, [`Envelope::decode`] reads back equal, whatever headers
//! and body hold; anything else is refused with a reason, never half read. The layout is
//! `1, length of fields (u32 le), length of headers (u32 le), fields, headers, body`; fields are JSON.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::{
    codec::{CodecError, Map, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

/// The first byte; another one is another layout.
const VERSION: u8 = 1;

/// What stands before the fields: the version and two lengths.
const HEAD: usize = 1 + 4 + 4;

/// A message with the exchange and the routing key it was published with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// What was sent.
    pub message: Message,
    /// The exchange it was sent to; `""` is the anonymous one.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
}

/// Everything that is neither headers nor body. Short names: they are stored with every message.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(rename = "x", skip_serializing_if = "str::is_empty")]
    exchange: Cow<'a, str>,
    #[serde(rename = "k", skip_serializing_if = "str::is_empty")]
    routing_key: Cow<'a, str>,
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    content_type: Option<Cow<'a, str>>,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    content_encoding: Option<Cow<'a, str>>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Cow<'a, str>>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    reply_to: Option<Cow<'a, str>>,
    #[serde(rename = "n", skip_serializing_if = "std::ops::Not::not")]
    transient: bool,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    priority: Option<i64>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    expiration: Option<Cow<'a, str>>,
    #[serde(rename = "o", skip_serializing_if = "Map::is_empty")]
    extra: Cow<'a, Map>,
}

impl Envelope {
    /// The bytes of a message on its way to `exchange` with `routing_key`.
    ///
    /// # Errors
    /// When a property cannot be written as JSON, or headers or properties exceed 4 GiB.
    pub fn encode(message: &Message, exchange: &str, routing_key: &str) -> Result<Bytes, CodecError> {
        let properties = &message.properties;
        let fields = json::to_bytes(&Fields {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            content_type: message.content_type.as_deref().map(Cow::from),
            content_encoding: message.content_encoding.as_deref().map(Cow::from),
            correlation_id: properties.correlation_id.as_deref().map(Cow::from),
            reply_to: properties.reply_to.as_deref().map(Cow::from),
            transient: properties.delivery_mode == DeliveryMode::Transient,
            priority: properties.priority,
            expiration: properties.expiration.as_deref().map(Cow::from),
            extra: Cow::Borrowed(&properties.extra),
        })?;
        let headers = &message.headers.0;
        let length = |part: &[u8]| {
            u32::try_from(part.len()).map_err(|_| CodecError::headers("headers beyond 4 GiB".to_owned()))
        };
        let mut out = BytesMut::with_capacity(HEAD + fields.len() + headers.len() + message.body.len());
        out.extend_from_slice(&[VERSION]);
        out.extend_from_slice(&length(&fields)?.to_le_bytes());
        out.extend_from_slice(&length(headers)?.to_le_bytes());
        out.extend_from_slice(&fields);
        out.extend_from_slice(headers);
        out.extend_from_slice(&message.body);
        Ok(out.freeze())
    }

    /// Reads a message; headers and body share the bytes.
    ///
    /// # Errors
    /// One line that says what is wrong: lower case, no full stop.
    pub fn decode(bytes: &Bytes) -> Result<Self, String> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(format!("{} bytes are too few for a message", bytes.len()));
        };
        let [version, a, b, c, d, e, f, g, h] = *head;
        if version != VERSION {
            return Err(format!("byte {version:#04x} starts no message that this version knows"));
        }
        let fields = u32::from_le_bytes([a, b, c, d]) as usize;
        let headers = u32::from_le_bytes([e, f, g, h]) as usize;
        if fields.saturating_add(headers) > rest.len() {
            return Err("the message is cut off".to_owned());
        }
        let fields_end = HEAD + fields;
        let headers_end = fields_end + headers;
        let read: Fields<'static> = json::from_slice(&bytes[HEAD..fields_end])
            .map_err(|error| format!("the properties cannot be read: {error}"))?;
        Ok(Self {
            message: Message {
                headers: RawHeaders(bytes.slice(fields_end..headers_end)),
                properties: Properties {
                    correlation_id: read.correlation_id.map(Cow::into_owned),
                    reply_to: read.reply_to.map(Cow::into_owned),
                    delivery_mode: if read.transient {
                        DeliveryMode::Transient
                    } else {
                        DeliveryMode::Persistent
                    },
                    priority: read.priority,
                    expiration: read.expiration.map(Cow::into_owned),
                    extra: read.extra.into_owned(),
                },
                content_type: read.content_type.map(Cow::into_owned),
                content_encoding: read.content_encoding.map(Cow::into_owned),
                body: bytes.slice(headers_end..),
            },
            exchange: read.exchange.into_owned(),
            routing_key: read.routing_key.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Value;

    fn message() -> Message {
        Message {
            headers: RawHeaders(Bytes::from_static(b"{\"task\": \"t\"}")),
            properties: Properties {
                correlation_id: Some("ä\u{0}b".into()),
                reply_to: None,
                delivery_mode: DeliveryMode::Transient,
                priority: Some(-3),
                expiration: Some("1000".into()),
                extra: Map::from_iter([("when".to_owned(), Value::Date("2030-01-02".into()))]),
            },
            content_type: Some("application/json".into()),
            content_encoding: None,
            body: Bytes::from_static(&[0, 255, 1, 2]),
        }
    }

    #[test]
    fn what_is_written_is_read_back_equal() {
        for message in [message(), Message::default()] {
            let bytes = Envelope::encode(&message, "topics", "a.b").unwrap();
            let read = Envelope::decode(&bytes).unwrap();
            assert_eq!(read.message, message);
            assert_eq!((read.exchange.as_str(), read.routing_key.as_str()), ("topics", "a.b"));
        }
    }

    #[test]
    fn every_cut_and_every_foreign_byte_is_refused() {
        let bytes = Envelope::encode(&message(), "", "q").unwrap();
        let start_of_body = bytes.len() - 4;
        for end in 0..start_of_body {
            assert!(Envelope::decode(&bytes.slice(..end)).is_err(), "{end}");
        }
        assert!(Envelope::decode(&Bytes::from_static(b"{\"body\": \"W10=\"}")).unwrap_err().contains("0x7b"));
        let huge = Bytes::from_static(&[1, 255, 255, 255, 255, 255, 255, 255, 255, 0]);
        assert_eq!(Envelope::decode(&huge).unwrap_err(), "the message is cut off");
    }
}
