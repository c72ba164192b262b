//! Headers from and to their JSON object.
//!
//! Lenient where Python is (a repr of the wrong type is nothing to stop for), strict where a wrong type
//! changes what happens (task, id, times, limits).

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

use super::{Headers, RawHeaders};
use crate::{
    codec::{CodecError, Map, Value, json},
    protocol::TaskId,
};

/// Headers that may lack what a task needs: the first pass, which keeps whatever can be read.
#[derive(Debug, Default)]
pub(crate) struct Loose {
    pub(crate) task: Option<Value>,
    pub(crate) id: Option<Value>,
    fields: Vec<(Known, Value)>,
    extra: Map,
}

/// The headers that are typed, in the order Celery writes them; `task` and `id` stand apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Lang,
    Shadow,
    Eta,
    Expires,
    Group,
    GroupIndex,
    Retries,
    TimeLimit,
    RootId,
    ParentId,
    ArgsRepr,
    KwargsRepr,
    Origin,
    IgnoreResult,
    ReplacedTaskNesting,
    StampedHeaders,
    Stamps,
    Compression,
}

enum Key {
    Task,
    Id,
    Known(Known),
    Other(String),
}

impl Key {
    fn of(name: &str) -> Self {
        Self::Known(match name {
            "task" => return Self::Task,
            "id" => return Self::Id,
            "lang" => Known::Lang,
            "shadow" => Known::Shadow,
            "eta" => Known::Eta,
            "expires" => Known::Expires,
            "group" => Known::Group,
            "group_index" => Known::GroupIndex,
            "retries" => Known::Retries,
            "timelimit" => Known::TimeLimit,
            "root_id" => Known::RootId,
            "parent_id" => Known::ParentId,
            "argsrepr" => Known::ArgsRepr,
            "kwargsrepr" => Known::KwargsRepr,
            "origin" => Known::Origin,
            "ignore_result" => Known::IgnoreResult,
            "replaced_task_nesting" => Known::ReplacedTaskNesting,
            "stamped_headers" => Known::StampedHeaders,
            "stamps" => Known::Stamps,
            "compression" => Known::Compression,
            other => return Self::Other(other.to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header name")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
                Ok(Key::of(name))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LooseVisitor;
        impl<'de> Visitor<'de> for LooseVisitor {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of headers")
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                let mut loose = Loose { fields: Vec::with_capacity(18), ..Loose::default() };
                while let Some(key) = map.next_key::<Key>()? {
                    let value: Value = map.next_value()?;
                    match key {
                        Key::Task => loose.task = Some(value),
                        Key::Id => loose.id = Some(value),
                        Key::Known(known) => loose.fields.push((known, value)),
                        Key::Other(name) => _ = loose.extra.insert(name, value),
                    }
                }
                Ok(loose)
            }
        }
        deserializer.deserialize_any(LooseVisitor)
    }
}

impl Loose {
    /// Reads the object; nothing at all is an empty one.
    pub(crate) fn parse(raw: &RawHeaders) -> Result<Self, CodecError> {
        if raw.0.is_empty() { Ok(Self::default()) } else { json::from_slice(&raw.0) }
    }

    /// Whether the message says that it is a task of version 2.
    pub(crate) fn has_task(&self) -> bool {
        !matches!(self.task, None | Some(Value::Null))
    }

    /// The typed headers.
    ///
    /// # Errors
    /// One line that names the header.
    pub(crate) fn into_headers(self) -> Result<Headers, String> {
        let task = required_text("task", self.task)?;
        let id = TaskId::from(required_text("id", self.id)?);
        let mut headers = Headers::new(task, id);
        headers.root_id = None;
        headers.lang.clear();
        headers.extra = self.extra;
        for (known, value) in self.fields {
            set(&mut headers, known, value)?;
        }
        Ok(headers)
    }
}

fn set(headers: &mut Headers, known: Known, value: Value) -> Result<(), String> {
    match known {
        Known::Lang => headers.lang = lenient_text(value).unwrap_or_default(),
        Known::Shadow => headers.shadow = lenient_text(value),
        Known::Eta => headers.eta = time_text("eta", value)?,
        Known::Expires => headers.expires = time_text("expires", value)?,
        Known::Group => headers.group = lenient_text(value),
        Known::GroupIndex => headers.group_index = value.as_i64(),
        Known::Retries => headers.retries = retries(&value)?,
        Known::TimeLimit => headers.timelimit = time_limit(&value)?,
        Known::RootId => headers.root_id = lenient_text(value).map(TaskId::from),
        Known::ParentId => headers.parent_id = lenient_text(value).map(TaskId::from),
        Known::ArgsRepr => headers.argsrepr = lenient_text(value),
        Known::KwargsRepr => headers.kwargsrepr = lenient_text(value),
        Known::Origin => headers.origin = lenient_text(value),
        Known::IgnoreResult => headers.ignore_result = value.as_bool(),
        Known::ReplacedTaskNesting => {
            headers.replaced_task_nesting = value.as_i64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        }
        Known::StampedHeaders => headers.stamped_headers = names(value),
        Known::Stamps => {
            if let Value::Map(stamps) = value {
                headers.stamps = stamps;
            }
        }
        Known::Compression => headers.compression = lenient_text(value),
    }
    Ok(())
}

fn required_text(name: &str, value: Option<Value>) -> Result<String, String> {
    match value {
        Some(Value::Str(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null) => Err(format!("header `{name}` is missing")),
        Some(_) => Err(format!("header `{name}` is not a text, or empty")),
    }
}

fn lenient_text(value: Value) -> Option<String> {
    if let Value::Str(text) = value { Some(text) } else { None }
}

pub(crate) fn time_text(name: &str, value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) | Value::DateTime(text) => Ok(Some(text)),
        _ => Err(format!("header `{name}` is not a time: ISO 8601 text is expected")),
    }
}

/// Python's worker takes any text; ours counts from 0 when it is no number.
pub(crate) fn retries(value: &Value) -> Result<u32, String> {
    let number = match value {
        Value::Null => Some(0),
        Value::Str(text) => Some(text.trim().parse().unwrap_or(0)),
        other => other.as_i64(),
    };
    number
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| "header `retries` is not a number of retries".to_owned())
}

pub(crate) fn time_limit(value: &Value) -> Result<(Option<f64>, Option<f64>), String> {
    let wrong = || "header `timelimit` is not a pair of seconds or nulls".to_owned();
    let seconds = |value: &Value| match value {
        Value::Null => Ok(None),
        other => other.as_f64().map(Some).ok_or_else(wrong),
    };
    match value {
        Value::Null => Ok((None, None)),
        Value::List(pair) => match pair.as_slice() {
            [hard, soft] => Ok((seconds(hard)?, seconds(soft)?)),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn names(value: Value) -> Option<Vec<String>> {
    if let Value::List(items) = value {
        Some(items.into_iter().filter_map(lenient_text).collect())
    } else {
        None
    }
}

impl Headers {
    /// Reads the headers of a version 2 message.
    ///
    /// # Errors
    /// When they are no object, or a header that decides what happens has the wrong type.
    pub fn parse(raw: &RawHeaders) -> Result<Self, CodecError> {
        Loose::parse(raw)?.into_headers().map_err(CodecError::headers)
    }

    /// Writes them, in Celery's order, custom ones last.
    ///
    /// # Errors
    /// When a custom value cannot be written as JSON.
    pub fn encode(&self) -> Result<RawHeaders, CodecError> {
        json::to_bytes(self).map(RawHeaders)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("lang", &self.lang)?;
        map.serialize_entry("task", &self.task)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("shadow", &self.shadow)?;
        map.serialize_entry("eta", &self.eta)?;
        map.serialize_entry("expires", &self.expires)?;
        map.serialize_entry("group", &self.group)?;
        map.serialize_entry("group_index", &self.group_index)?;
        map.serialize_entry("retries", &self.retries)?;
        map.serialize_entry("timelimit", &(Seconds(self.timelimit.0), Seconds(self.timelimit.1)))?;
        map.serialize_entry("root_id", &self.root_id)?;
        map.serialize_entry("parent_id", &self.parent_id)?;
        map.serialize_entry("argsrepr", &self.argsrepr)?;
        map.serialize_entry("kwargsrepr", &self.kwargsrepr)?;
        map.serialize_entry("origin", &self.origin)?;
        map.serialize_entry("ignore_result", &self.ignore_result)?;
        map.serialize_entry("replaced_task_nesting", &self.replaced_task_nesting)?;
        map.serialize_entry("stamped_headers", &self.stamped_headers)?;
        map.serialize_entry("stamps", &self.stamps)?;
        if let Some(compression) = &self.compression {
            map.serialize_entry("compression", compression)?;
        }
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Seconds: whole ones without a point, as Python writes its integers.
struct Seconds(Option<f64>);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            #[allow(clippy::cast_possible_truncation)] // checked to be whole and small
            Some(s) if s.fract() == 0.0 && s.abs() < 1e15 => serializer.serialize_i64(s as i64),
            Some(s) => serializer.serialize_f64(s),
        }
    }
}

impl Loose {
    /// The compression header.
    pub(crate) fn compression(&self) -> Option<&str> {
        self.fields
            .iter()
            .rev()
            .find(|(known, _)| *known == Known::Compression)
            .and_then(|(_, value)| value.as_str())
    }

    /// The headers nobody knows.
    pub(crate) fn into_extra(self) -> Map {
        self.extra
    }
}
