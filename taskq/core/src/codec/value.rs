//! A decoded value: what a Python task would hold, whatever format it came in.

mod convert;
mod de;
mod deserializer;
mod key;
mod ser;

use bytes::Bytes;
use indexmap::IndexMap;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{CodecError, CodecErrorKind, json};

/// A map from text to value, in the order it was written.
pub type Map = IndexMap<String, Value>;

/// A value of a task message or result.
///
/// Texts of dates, times and decimals are kept as they came, so that a value passed on is not changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `None`
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// The decimal digits of an integer that [`Int`](Self::Int) cannot hold; never one that it can.
    BigInt(Box<str>),
    /// A float, `NaN` and infinities included.
    Float(f64),
    /// A text.
    Str(String),
    /// Python's `bytes`.
    Bytes(Bytes),
    /// A date and time: what Python's `isoformat` writes, with or without an offset.
    DateTime(String),
    /// A date: `2030-01-02`.
    Date(String),
    /// A time of day: `03:04:05.000006`.
    Time(String),
    /// A UUID.
    Uuid(Uuid),
    /// A decimal number, digits kept: `10.50`.
    Decimal(String),
    /// A list (or a tuple, which no format tells apart).
    List(Vec<Value>),
    /// A map.
    Map(Map),
}

impl Value {
    /// Whether it is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(is) = self { Some(*is) } else { None }
    }

    /// The integer, if 64 bits hold it.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The integer, if it is not negative and 64 bits hold it.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::BigInt(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The number, of whatever kind; large integers are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)] // documented
            Self::Int(number) => Some(*number as f64),
            Self::BigInt(digits) => digits.parse().ok(),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The text. Dates and the like are no texts; see [`text`](Self::text).
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The text of a text, date, time, date and time, or decimal.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text)
            | Self::DateTime(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Decimal(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// What Python calls the type: `str`, `dict`, `NoneType`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Uuid(_) => "UUID",
            Self::Decimal(_) => "Decimal",
            Self::List(_) => "list",
            Self::Map(_) => "dict",
        }
    }

    /// An integer from its decimal digits, which the caller has checked.
    pub(super) fn from_digits(digits: &str) -> Self {
        digits.parse().map_or_else(|_| Self::BigInt(digits.into()), Self::Int)
    }
}

/// The value as `T`: a struct takes a map or, field by field, a list.
///
/// # Errors
/// When `T` is of another shape.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    T::deserialize(value)
}

/// `value` as a [`Value`].
///
/// # Errors
/// When it cannot be written as JSON either: a map whose keys are no texts or numbers, a failing `Serialize`.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CodecError> {
    json::from_slice(&json::to_bytes(value)?)
}

/// The text that a key of a map becomes where keys can be anything: what Python's JSON makes of it.
pub(super) fn key_text(key: Value) -> Result<String, CodecError> {
    Ok(match key {
        Value::Str(text) => text,
        Value::Null => "null".to_owned(),
        Value::Bool(is) => is.to_string(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(digits) => digits.into(),
        Value::Float(_) => json::to_string(&key)?,
        Value::DateTime(text) | Value::Date(text) | Value::Time(text) | Value::Decimal(text) => text,
        other => {
            let message = format!("a `{}` cannot be the key of a map", other.type_name());
            return Err(CodecError::new(CodecErrorKind::Value, message));
        }
    })
}

/// How large a value is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    /// About how much memory it takes, in bytes or elements.
    pub(super) weight: usize,
    /// Containers within one another; none for a scalar.
    pub(super) depth: usize,
}

impl Size {
    fn hold(self, inner: Self) -> Self {
        Self { weight: self.weight + inner.weight, depth: self.depth.max(inner.depth + 1) }
    }
}

pub(super) fn size(value: &Value) -> Size {
    let empty = Size { weight: 1, depth: 1 };
    let scalar = |weight| Size { weight, depth: 0 };
    match value {
        Value::BigInt(text) => scalar(text.len()),
        Value::Bytes(bytes) => scalar(1 + bytes.len()),
        Value::List(items) => items.iter().fold(empty, |all, item| all.hold(size(item))),
        Value::Map(map) => map.iter().fold(empty, |all, (key, item)| {
            let mut item = size(item);
            item.weight += key.len();
            all.hold(item)
        }),
        other => scalar(1 + other.text().map_or(0, str::len)),
    }
}
