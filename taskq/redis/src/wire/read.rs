//! Reading an envelope.
//!
//! Kept true here: the usual form is read without a copy but of what is kept; any other form means what it
//! means to kombu.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use taskq_core::{
    broker::{Payload, Undecodable},
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

use super::Envelope;

#[derive(Deserialize)]
pub(super) struct Parts<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) properties: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "content-type")]
    content_type: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "content-encoding")]
    content_encoding: Option<&'a RawValue>,
}

/// An envelope as Celery and we write it: every text is read where it stands. What is not of this form, an escape
/// in a text, a property of somebody's own, is read by [`parts`].
#[derive(Deserialize)]
struct Plain<'a> {
    body: &'a str,
    #[serde(borrow)]
    headers: &'a RawValue,
    properties: PlainProperties<'a>,
    #[serde(rename = "content-type")]
    content_type: &'a str,
    #[serde(rename = "content-encoding")]
    content_encoding: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainProperties<'a> {
    correlation_id: Option<&'a str>,
    reply_to: Option<&'a str>,
    delivery_mode: Option<i64>,
    delivery_info: PlainInfo<'a>,
    priority: Option<i64>,
    body_encoding: &'a str,
    delivery_tag: &'a str,
    expiration: Option<&'a str>,
}

#[derive(Deserialize)]
struct PlainInfo<'a> {
    exchange: &'a str,
    routing_key: &'a str,
    #[serde(default)]
    redelivered: bool,
}

/// Reads an envelope of the usual form; `None` when it is of another.
pub(super) fn plain(original: &Bytes) -> Option<Envelope> {
    let Plain { body, headers, properties, content_type, content_encoding } =
        serde_json::from_str(std::str::from_utf8(original).ok()?).ok()?;
    if !headers.get().starts_with('{') || properties.body_encoding != "base64" {
        return None;
    }
    let info = properties.delivery_info;
    let message = Message {
        headers: RawHeaders(original.slice_ref(headers.get().as_bytes())),
        body: BASE64_STANDARD.decode(body).ok()?.into(),
        content_type: Some(content_type.to_owned()),
        content_encoding: Some(content_encoding.to_owned()),
        properties: Properties {
            correlation_id: properties.correlation_id.map(str::to_owned),
            reply_to: properties.reply_to.map(str::to_owned),
            delivery_mode: match properties.delivery_mode {
                Some(1) => DeliveryMode::Transient,
                _ => DeliveryMode::Persistent,
            },
            priority: properties.priority,
            expiration: properties.expiration.map(str::to_owned),
            extra: Map::default(),
        },
    };
    Some(Envelope {
        payload: Payload::Message(message),
        exchange: info.exchange.to_owned(),
        routing_key: info.routing_key.to_owned(),
        delivery_tag: properties.delivery_tag.to_owned(),
        redelivered: info.redelivered,
    })
}

/// Reads a list element of `queue`.
pub(crate) fn read(original: &Bytes, queue: &str) -> Envelope {
    if let Some(envelope) = plain(original) {
        return envelope;
    }
    match parts(original, queue) {
        Ok(envelope) => envelope,
        Err(why) => Envelope {
            payload: Payload::Undecodable(Undecodable { original: original.clone(), why }),
            exchange: String::new(),
            routing_key: queue.to_owned(),
            delivery_tag: String::new(),
            redelivered: false,
        },
    }
}

pub(super) fn parts(original: &Bytes, queue: &str) -> Result<Envelope, String> {
    let text =
        std::str::from_utf8(original).map_err(|error| format!("the envelope is not UTF-8: {error}"))?;
    match serde_json::from_str::<Parts<'_>>(text) {
        Ok(parts) if text.trim_ascii_start().starts_with('{') => {
            let raw = |part: Option<&RawValue>| part.map(|part| original.slice_ref(part.get().as_bytes()));
            let value = |part: Option<&RawValue>| {
                part.map_or(Ok(Value::Null), |part| json::from_slice(part.get().as_bytes()))
                    .map_err(|error| format!("the envelope: {error}"))
            };
            assemble(
                value(parts.body)?,
                raw(parts.headers).unwrap_or_default(),
                value(parts.properties)?,
                &value(parts.content_type)?,
                &value(parts.content_encoding)?,
                queue,
            )
        }
        // Not plain JSON, or not an object: kombu's dialect allows words that the other reader does not.
        _ => {
            let envelope: Value = json::from_slice(text.as_bytes())
                .map_err(|error| format!("the envelope is not JSON: {error}"))?;
            let Value::Map(mut map) = envelope else {
                return Err("the envelope is no JSON object".to_owned());
            };
            let mut take = |name: &str| map.shift_remove(name).unwrap_or_default();
            let headers = match take("headers") {
                Value::Null => Bytes::new(),
                headers => json::to_bytes(&headers).map_err(|error| format!("headers: {error}"))?,
            };
            let (content_type, encoding) = (take("content-type"), take("content-encoding"));
            assemble(take("body"), headers, take("properties"), &content_type, &encoding, queue)
        }
    }
}

fn assemble(
    body: Value,
    headers: Bytes,
    properties: Value,
    content_type: &Value,
    content_encoding: &Value,
    queue: &str,
) -> Result<Envelope, String> {
    let mut properties = match properties {
        Value::Map(map) => map,
        _ => Map::default(),
    };
    let body_encoding = properties.shift_remove("body_encoding");
    let body = match (body, body_encoding.as_ref().and_then(Value::as_str)) {
        // Text that is no base64 stays as it is: the message is refused further on, where its id is known.
        (Value::Str(text), Some("base64")) => {
            BASE64_STANDARD.decode(&text).map_or_else(|_| Bytes::from(text), Bytes::from)
        }
        (Value::Str(text), _) => Bytes::from(text),
        (Value::Null, _) => Bytes::new(),
        (other, _) => json::to_bytes(&other).map_err(|error| format!("the body: {error}"))?,
    };
    let info = properties.shift_remove("delivery_info").unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let delivery_tag = text(properties.shift_remove("delivery_tag").as_ref()).unwrap_or_default();
    let redelivered = info.get("redelivered").and_then(Value::as_bool).unwrap_or(false);
    let properties = Properties {
        correlation_id: text(properties.shift_remove("correlation_id").as_ref()),
        reply_to: text(properties.shift_remove("reply_to").as_ref()),
        delivery_mode: match properties.shift_remove("delivery_mode") {
            Some(Value::Int(1)) => DeliveryMode::Transient,
            _ => DeliveryMode::Persistent,
        },
        priority: properties.shift_remove("priority").and_then(|priority| priority.as_i64()),
        expiration: text(properties.shift_remove("expiration").as_ref()),
        extra: properties,
    };
    let message = Message {
        headers: RawHeaders(headers),
        properties,
        content_type: content_type.as_str().map(str::to_owned),
        content_encoding: content_encoding.as_str().map(str::to_owned),
        body,
    };
    Ok(Envelope {
        payload: Payload::Message(message),
        exchange: text(info.get("exchange")).unwrap_or_default(),
        routing_key: text(info.get("routing_key")).unwrap_or_else(|| queue.to_owned()),
        delivery_tag,
        redelivered,
    })
}
