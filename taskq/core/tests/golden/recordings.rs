//! Recordings as this crate's own types.

use std::{fs, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::Value as Json;
use taskq_core::{
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

/// Every recording whose name begins with `prefix`.
pub(crate) fn cases(prefix: &str) -> Vec<(String, Json)> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/celery"));
    let mut cases = Vec::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(case) = name.strip_suffix(".json")
            && case.starts_with(prefix)
        {
            let content = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            cases.push((case.to_owned(), content));
        }
    }
    assert!(!cases.is_empty(), "no recording begins with `{prefix}`");
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

/// One recording.
pub(crate) fn case(name: &str) -> Json {
    let mut cases = cases(name);
    let at = cases.iter().position(|(case, _)| case == name).unwrap_or_else(|| panic!("no `{name}`"));
    cases.swap_remove(at).1
}

/// `{"text": …}`, `{"base64": …}` or a bare text.
pub(crate) fn raw(raw: &Json) -> Bytes {
    if let Some(text) = raw.as_str().or_else(|| raw["text"].as_str()) {
        return Bytes::copy_from_slice(text.as_bytes());
    }
    let base64 = raw["base64"].as_str().unwrap_or_else(|| panic!("neither text nor base64: {raw}"));
    BASE64_STANDARD.decode(base64).unwrap().into()
}

/// A recorded message, by the transport it went over.
pub(crate) fn message(recorded: &Json) -> Message {
    match recorded.get("envelope") {
        Some(_) => envelope(&raw(&recorded["raw"])),
        None => amqp(recorded),
    }
}

/// A Redis envelope, as the driver takes it apart.
pub(crate) fn envelope(raw: &Bytes) -> Message {
    let fields = json::split_map(raw).unwrap();
    let field = |name: &str| {
        let quoted = format!("\"{name}\"");
        fields.iter().find(|(key, _)| *key == quoted.as_bytes()).map(|(_, value)| value.clone())
    };
    let text = |name: &str| field(name).and_then(|value| json::from_slice::<String>(&value).ok());
    let properties: Map =
        field("properties").map_or_else(Map::default, |raw| json::from_slice(&raw).unwrap_or_default());
    let body = text("body").unwrap_or_default();
    let body = match properties.get("body_encoding").and_then(Value::as_str) {
        Some("base64") => BASE64_STANDARD.decode(&body).map_or_else(|_| body.into(), Bytes::from),
        _ => body.into(),
    };
    Message {
        headers: RawHeaders(field("headers").unwrap_or_default()),
        properties: self::properties(properties),
        content_type: text("content-type"),
        content_encoding: text("content-encoding"),
        body,
    }
}

fn amqp(recorded: &Json) -> Message {
    let mut properties: Map = json::from_slice(recorded["properties"].to_string().as_bytes()).unwrap();
    let mut text =
        |name: &str| properties.shift_remove(name).and_then(|value| value.as_str().map(str::to_owned));
    Message {
        content_type: text("content_type"),
        content_encoding: text("content_encoding"),
        headers: RawHeaders(recorded["headers"].to_string().into()),
        properties: self::properties(properties),
        body: raw(&recorded["body_raw"]),
    }
}

fn properties(mut map: Map) -> Properties {
    for name in ["delivery_info", "delivery_tag", "body_encoding"] {
        map.shift_remove(name);
    }
    let delivery_mode = match map.shift_remove("delivery_mode") {
        Some(Value::Int(1)) => DeliveryMode::Transient,
        _ => DeliveryMode::Persistent,
    };
    let priority = map.shift_remove("priority").as_ref().and_then(Value::as_i64);
    let mut text = |name: &str| map.shift_remove(name).and_then(|value| value.as_str().map(str::to_owned));
    Properties {
        correlation_id: text("correlation_id"),
        reply_to: text("reply_to"),
        delivery_mode,
        priority,
        expiration: text("expiration"),
        extra: map,
    }
}

/// What a recording shows of a value: `NaN` and infinities as texts.
pub(crate) fn shown(value: &Value) -> Json {
    match value {
        Value::Float(number) if number.is_nan() => "NaN".into(),
        Value::Float(number) if number.is_infinite() => {
            (if *number > 0.0 { "Infinity" } else { "-Infinity" }).into()
        }
        Value::List(items) => items.iter().map(shown).collect(),
        Value::Map(map) => map.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
        plain => serde_json::to_value(plain).unwrap(),
    }
}
