//! A decoded value of the wire: JSON's kinds, and the typed ones kombu adds.
//!
//! Typed values keep the text they came with, so that what passes through is written as it was read.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

/// A map that keeps its order, as Python's does.
pub type Map = indexmap::IndexMap<String, Value>;

/// A value of an argument, a result or a header.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `None`
    #[default]
    Null,
    /// `True`, `False`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond `i64`, as decimal digits.
    BigInt(Box<str>),
    /// A float, also `nan` and the infinities.
    Float(f64),
    /// Text.
    Str(String),
    /// `bytes`
    Bytes(Bytes),
    /// `datetime`, as isoformat text.
    DateTime(String),
    /// `date`, as isoformat text.
    Date(String),
    /// `time`, as isoformat text.
    Time(String),
    /// `uuid.UUID`
    Uuid(uuid::Uuid),
    /// `decimal.Decimal`, digits kept.
    Decimal(String),
    /// A list (tuples arrive as lists).
    List(Vec<Value>),
    /// A dict.
    Map(Map),
}

/// What our own serializers and deserializers know kinds by that serde has no method for.
pub(super) mod token {
    /// Asks a deserializer for a [`Value`](super::Value) with its typed kinds.
    pub(crate) const VALUE: &str = "$taskq::value";
    pub(crate) const BIG_INT: &str = "$taskq::int";
    pub(crate) const DATETIME: &str = "$taskq::datetime";
    pub(crate) const DATE: &str = "$taskq::date";
    pub(crate) const TIME: &str = "$taskq::time";
    pub(crate) const UUID: &str = "$taskq::uuid";
    pub(crate) const DECIMAL: &str = "$taskq::decimal";
}

impl Value {
    /// The text, of a `Str`.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The integer.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The number, integers too.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            #[allow(clippy::cast_precision_loss)] // as Python's float()
            Self::Int(number) => Some(*number as f64),
            Self::BigInt(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The truth value, of a `Bool`.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The value of a key, of a `Map`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// Whether it is `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The token and text of a typed kind.
    pub(super) fn typed(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::BigInt(digits) => (token::BIG_INT, digits.to_string()),
            Self::DateTime(text) => (token::DATETIME, text.clone()),
            Self::Date(text) => (token::DATE, text.clone()),
            Self::Time(text) => (token::TIME, text.clone()),
            Self::Uuid(uuid) => (token::UUID, uuid.as_hyphenated().to_string()),
            Self::Decimal(text) => (token::DECIMAL, text.clone()),
            _ => return None,
        })
    }

    fn from_typed(name: &str, text: String) -> Option<Self> {
        Some(match name {
            token::BIG_INT => Self::BigInt(text.into()),
            token::DATETIME => Self::DateTime(text),
            token::DATE => Self::Date(text),
            token::TIME => Self::Time(text),
            token::UUID => Self::Uuid(text.parse().ok()?),
            token::DECIMAL => Self::Decimal(text),
            _ => return None,
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some((token, text)) = self.typed() {
            return serializer.serialize_newtype_struct(token, &text);
        }
        match self {
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            _ => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(token::VALUE, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::BigInt(number.to_string().into()), Value::Int))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::BigInt(number.to_string().into()), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::with_capacity(access.size_hint().unwrap_or(0).min(1024));
        while let Some(key) = access.next_key::<String>()? {
            let value: Value = access.next_value()?;
            if map.is_empty()
                && key.starts_with("$taskq::")
                && let Value::Str(text) = &value
                && let Some(typed) = Value::from_typed(&key, text.clone())
            {
                return Ok(typed);
            }
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}

macro_rules! from_int {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(number: $int) -> Self {
                i64::try_from(number).map_or_else(|_| Self::BigInt(number.to_string().into()), Self::Int)
            }
        }
    )*};
}
from_int!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

macro_rules! from_kind {
    ($($kind:ty => $make:expr),* $(,)?) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                $make(value)
            }
        }
    )*};
}
from_kind! {
    () => |()| Self::Null,
    bool => Self::Bool,
    f64 => Self::Float,
    f32 => |number: f32| Self::Float(number.into()),
    &str => |text: &str| Self::Str(text.to_owned()),
    String => Self::Str,
    Bytes => Self::Bytes,
    uuid::Uuid => Self::Uuid,
    Map => Self::Map,
    crate::Timestamp => |at| Self::DateTime(crate::protocol::format_timestamp(at)),
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
