//! kombu's envelope: a list element, a published payload.
//!
//! Kept true here: whatever can be read is a message, however odd; what cannot is kept as its bytes. The
//! headers are taken over as text, so nothing in them changes on its way.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind, Payload, Undecodable},
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

/// An envelope, read.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) payload: Payload,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    /// Unique in the database; empty when the sender gave none.
    pub(crate) delivery_tag: String,
    pub(crate) redelivered: bool,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "content-type")]
    content_type: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "content-encoding")]
    content_encoding: Option<&'a RawValue>,
}

/// Reads a list element of `queue`.
pub(crate) fn read(original: &Bytes, queue: &str) -> Envelope {
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

fn parts(original: &Bytes, queue: &str) -> Result<Envelope, String> {
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

/// Writes an envelope. The delivery tag is new.
///
/// # Errors
/// When a property cannot be written.
pub(crate) fn write(message: &Message, exchange: &str, routing_key: &str) -> Result<Bytes, BrokerError> {
    let wrong = |error: taskq_core::codec::CodecError| {
        BrokerError::with_source(BrokerErrorKind::Other, "could not write an envelope", error)
    };
    let properties = properties(&message.properties, exchange, routing_key);
    let mut out = Vec::with_capacity(message.body.len() * 4 / 3 + message.headers.0.len() + 512);
    out.extend_from_slice(b"{\"body\": \"");
    let mut body = String::with_capacity(message.body.len() * 4 / 3 + 4);
    BASE64_STANDARD.encode_string(&message.body, &mut body);
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(b"\", \"content-encoding\": ");
    out.extend_from_slice(&json::to_bytes(&message.content_encoding).map_err(wrong)?);
    out.extend_from_slice(b", \"content-type\": ");
    out.extend_from_slice(&json::to_bytes(&message.content_type).map_err(wrong)?);
    out.extend_from_slice(b", \"headers\": ");
    out.extend_from_slice(if message.headers.0.is_empty() { b"{}" } else { &message.headers.0 });
    out.extend_from_slice(b", \"properties\": ");
    out.extend_from_slice(&json::to_bytes(&properties).map_err(wrong)?);
    out.push(b'}');
    Ok(out.into())
}

fn properties(properties: &Properties, exchange: &str, routing_key: &str) -> Map {
    let mut info = Map::with_capacity(2);
    info.insert("exchange".into(), exchange.into());
    info.insert("routing_key".into(), routing_key.into());
    let mut map = Map::with_capacity(8 + properties.extra.len());
    if let Some(id) = &properties.correlation_id {
        map.insert("correlation_id".into(), id.as_str().into());
    }
    if let Some(reply_to) = &properties.reply_to {
        map.insert("reply_to".into(), reply_to.as_str().into());
    }
    map.insert("delivery_mode".into(), properties.delivery_mode.as_u8().into());
    map.insert("delivery_info".into(), Value::Map(info));
    map.insert("priority".into(), properties.priority.unwrap_or(0).into());
    map.insert("body_encoding".into(), "base64".into());
    map.insert("delivery_tag".into(), uuid::Uuid::new_v4().as_hyphenated().to_string().into());
    if let Some(expiration) = &properties.expiration {
        map.insert("expiration".into(), expiration.as_str().into());
    }
    for (name, value) in &properties.extra {
        map.entry(name.clone()).or_insert_with(|| value.clone());
    }
    map
}

/// What stands at the front of an object that we flagged.
const FLAG: &str = r#""redelivered": true, "#;
/// The same in an object that was empty.
const ONLY_FLAG: &str = r#""redelivered": true"#;

/// The envelope with the flags kombu sets when it requeues, in its headers and its delivery info. They are put
/// in as text, so that [`original`] can take them out again; what is no envelope comes back as it is.
pub(crate) fn redelivered(envelope: &Bytes) -> Bytes {
    let Some(objects) = flag_places(envelope) else { return envelope.clone() };
    let mut out = Vec::with_capacity(envelope.len() + 2 * FLAG.len());
    let mut from = 0;
    for open in objects {
        let rest = &envelope[open + 1..];
        if is_flagged(rest) {
            continue;
        }
        out.extend_from_slice(&envelope[from..=open]);
        let empty = rest.trim_ascii_start().first() == Some(&b'}');
        out.extend_from_slice(if empty { ONLY_FLAG } else { FLAG }.as_bytes());
        from = open + 1;
    }
    out.extend_from_slice(&envelope[from..]);
    out.into()
}

/// The envelope as it was sent, without the flags that [`redelivered`] put in.
pub(crate) fn original(envelope: &Bytes) -> Bytes {
    let Some(objects) = flag_places(envelope) else { return envelope.clone() };
    let mut out = Vec::with_capacity(envelope.len());
    let mut from = 0;
    for open in objects {
        let rest = &envelope[open + 1..];
        if is_flagged(rest) {
            out.extend_from_slice(&envelope[from..=open]);
            let flag = if rest.starts_with(FLAG.as_bytes()) { FLAG } else { ONLY_FLAG };
            from = open + 1 + flag.len();
        }
    }
    out.extend_from_slice(&envelope[from..]);
    out.into()
}

fn is_flagged(object: &[u8]) -> bool {
    object.starts_with(ONLY_FLAG.as_bytes())
}

/// Where the headers and the delivery info open, in the order of the text.
fn flag_places(envelope: &Bytes) -> Option<Vec<usize>> {
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, default)]
        delivery_info: Option<&'a RawValue>,
    }
    let parts: Parts<'_> = serde_json::from_slice(envelope).ok()?;
    let inner = parts.properties.and_then(|raw| serde_json::from_str::<Inner<'_>>(raw.get()).ok());
    let objects = [parts.headers, inner.and_then(|inner| inner.delivery_info)];
    let mut places: Vec<usize> = objects
        .into_iter()
        .flatten()
        .filter(|raw| raw.get().starts_with('{'))
        .map(|raw| raw.get().as_ptr() as usize - envelope.as_ptr() as usize)
        .collect();
    places.sort_unstable();
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures(prefix: &str) -> Vec<(String, serde_json::Value)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/celery");
        let mut cases: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
            .map(|path| {
                let case = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                (path.file_stem().unwrap().to_string_lossy().into_owned(), case)
            })
            .collect();
        cases.sort_by(|a, b| a.0.cmp(&b.0));
        cases
    }

    fn raw(message: &serde_json::Value) -> Option<Bytes> {
        Some(match message["raw"]["text"].as_str() {
            Some(text) => Bytes::from(text.to_owned()),
            None => BASE64_STANDARD.decode(message["raw"]["base64"].as_str()?).unwrap().into(),
        })
    }

    /// Every message that Celery was seen to send comes out of our writer equal, but for the delivery tag.
    #[test]
    fn recorded_messages_come_out_as_they_went_in() {
        let mut seen = 0;
        for (name, case) in fixtures("redis.task.") {
            for message in case["messages"].as_array().into_iter().flatten() {
                let Some(raw) = raw(message) else { continue };
                let read = read(&raw, "celery");
                let Payload::Message(content) = &read.payload else { panic!("{name}: {:?}", read.payload) };
                let again = write(content, &read.exchange, &read.routing_key).unwrap();
                let mut again: Map = json::from_slice(&again).unwrap();
                let mut before: Map = json::from_slice(&raw).unwrap();
                for envelope in [&mut again, &mut before] {
                    if let Some(Value::Map(properties)) = envelope.get_mut("properties") {
                        assert!(properties.shift_remove("delivery_tag").is_some(), "{name}");
                    }
                }
                assert_eq!(again, before, "{name}");
                seen += 1;
            }
        }
        assert!(seen >= 50, "{seen} messages were compared");
    }

    /// Nothing that ends, or loops in, a Python worker does so here.
    #[test]
    fn poison_is_read_or_kept() {
        let mut undecodable = Vec::new();
        let mut seen = 0;
        for (name, case) in fixtures("redis.poison.") {
            let raw = raw(&case).unwrap();
            match read(&raw, "celery").payload {
                Payload::Message(_) => {}
                Payload::Undecodable(kept) => {
                    assert_eq!(kept.original, raw, "{name}");
                    undecodable.push(name.clone());
                }
            }
            assert_eq!(original(&redelivered(&raw)), raw, "{name}");
            seen += 1;
        }
        assert!(seen >= 40, "{seen} poisons were read");
        assert_eq!(undecodable, ["redis.poison.not-json", "redis.poison.not-object"]);
    }

    #[test]
    fn requeued_messages_carry_kombus_flags() {
        let message = Message { body: Bytes::from_static(b"[]"), ..Message::default() };
        let sent = write(&message, "", "q").unwrap();
        let flagged = redelivered(&sent);
        assert_eq!(redelivered(&flagged), flagged);
        assert_eq!(original(&flagged), sent);
        assert_eq!(original(&sent), sent);
        let read = read(&flagged, "q");
        assert!(read.redelivered);
        let Payload::Message(message) = read.payload else { panic!("undecodable") };
        assert_eq!(&message.headers.0[..], br#"{"redelivered": true}"#);
    }
}
