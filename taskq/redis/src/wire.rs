//! kombu's envelope: a list element, a published payload.
//!
//! Kept true here: whatever can be read is a message, however odd; what cannot is kept as its bytes. The
//! headers are taken over as text, so nothing in them changes on its way.

mod read;

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind, Payload},
    codec::json,
    protocol::{Message, Properties},
};

use self::read::Parts;
pub(crate) use self::read::read;

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

/// Writes an envelope. The delivery tag is new.
///
/// # Errors
/// When a property cannot be written.
pub(crate) fn write(message: &Message, exchange: &str, routing_key: &str) -> Result<Bytes, BrokerError> {
    let wrong = |error: taskq_core::codec::CodecError| {
        BrokerError::with_source(BrokerErrorKind::Other, "could not write an envelope", error)
    };
    let mut body = String::with_capacity(message.body.len() * 4 / 3 + message.headers.0.len() + 512);
    body.push_str("{\"body\": \"");
    BASE64_STANDARD.encode_string(&message.body, &mut body);
    let mut out = body.into_bytes();
    out.extend_from_slice(b"\", \"content-encoding\": ");
    json::append(&mut out, &message.content_encoding).map_err(wrong)?;
    out.extend_from_slice(b", \"content-type\": ");
    json::append(&mut out, &message.content_type).map_err(wrong)?;
    out.extend_from_slice(b", \"headers\": ");
    out.extend_from_slice(if message.headers.0.is_empty() { b"{}" } else { &message.headers.0 });
    out.extend_from_slice(b", \"properties\": ");
    json::append(&mut out, &Sent { properties: &message.properties, exchange, routing_key })
        .map_err(wrong)?;
    out.push(b'}');
    Ok(out.into())
}

/// Properties as kombu writes them.
struct Sent<'a> {
    properties: &'a Properties,
    exchange: &'a str,
    routing_key: &'a str,
}

#[derive(Serialize)]
struct Info<'a> {
    exchange: &'a str,
    routing_key: &'a str,
}

impl Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { properties, exchange, routing_key } = *self;
        let Properties { correlation_id, reply_to, expiration, .. } = properties;
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = correlation_id {
            map.serialize_entry("correlation_id", id)?;
        }
        if let Some(reply_to) = reply_to {
            map.serialize_entry("reply_to", reply_to)?;
        }
        map.serialize_entry("delivery_mode", &properties.delivery_mode.as_u8())?;
        map.serialize_entry("delivery_info", &Info { exchange, routing_key })?;
        map.serialize_entry("priority", &properties.priority.unwrap_or(0))?;
        map.serialize_entry("body_encoding", "base64")?;
        map.serialize_entry("delivery_tag", delivery_tag().encode_lower(&mut uuid::Uuid::encode_buffer()))?;
        if let Some(expiration) = expiration {
            map.serialize_entry("expiration", expiration)?;
        }
        for (name, value) in &properties.extra {
            let written = match name.as_str() {
                "correlation_id" => correlation_id.is_some(),
                "reply_to" => reply_to.is_some(),
                "expiration" => expiration.is_some(),
                "delivery_mode" | "delivery_info" | "priority" | "body_encoding" | "delivery_tag" => true,
                _ => false,
            };
            if !written {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// A delivery tag that nobody else draws: half of it is this process, which asks the system for chance only once,
/// and the other half counts.
fn delivery_tag() -> uuid::fmt::Hyphenated {
    static DRAWN: LazyLock<(u64, AtomicU64)> = LazyLock::new(|| {
        let (process, first) = uuid::Uuid::new_v4().as_u64_pair();
        (process, AtomicU64::new(first))
    });
    let (process, next) = &*DRAWN;
    let bits = uuid::Uuid::from_u64_pair(*process, next.fetch_add(1, Ordering::Relaxed));
    uuid::Builder::from_random_bytes(bits.into_bytes()).into_uuid().hyphenated()
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
    use taskq_core::codec::{Map, Value};

    use super::{
        read::{parts, plain},
        *,
    };

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

    /// Whatever form it has, an envelope means the same.
    #[test]
    fn both_ways_to_read_agree() {
        let (mut plainly, mut seen) = (0, 0);
        let poison = fixtures("redis.poison.").into_iter().map(|(name, case)| (name, raw(&case).unwrap()));
        let tasks = fixtures("redis.task.").into_iter().flat_map(|(name, case)| {
            let messages = case["messages"].as_array().cloned().unwrap_or_default();
            messages.iter().filter_map(raw).map(|raw| (name.clone(), raw)).collect::<Vec<_>>()
        });
        for (name, raw) in tasks.chain(poison) {
            seen += 1;
            for raw in [redelivered(&raw), raw] {
                let Some(quick) = plain(&raw) else { continue };
                assert_eq!(format!("{quick:?}"), format!("{:?}", parts(&raw, "celery").unwrap()), "{name}");
                plainly += 1;
            }
        }
        assert!(plainly > seen, "{plainly} of {seen}, each twice, were of the usual form");
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
