//! Values out of a set: addresses, formats, zones, pools.

use jiff::tz::TimeZone;

use super::{Kind, refuse};
use crate::{
    broker::ExchangeKind,
    codec::{Serializer, Value},
    config::{PoolKind, PrefetchKind, RedisPriority, Urls},
    protocol::{DeliveryMode, Protocol},
    task::RateLimit,
};

/// `;` separates several; a list of texts is accepted too, as in Celery.
impl Kind for Urls {
    fn expected() -> String {
        "an address such as `redis://host:6379/0`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Str(text) => Self::from_text(text),
            Value::List(items) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                Self::from_text(&texts.ok_or_else(refuse::<Self>)?.join(";"))
            }
            _ => Err(refuse::<Self>()),
        }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|_| refuse::<Self>())
    }
    fn to_value(&self) -> Value {
        Value::Str(self.expose())
    }
}

impl Kind for Serializer {
    fn expected() -> String {
        "`json`, `msgpack`, `yaml` or `auth` (pickle is refused: it runs code of whoever can write to the broker)"
            .into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(|name| Self::from_name(name).ok()).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        Value::Str(self.name().to_owned())
    }
}

impl Kind for Protocol {
    fn expected() -> String {
        "2 or 1".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Int(2) => Ok(Self::V2),
            Value::Int(1) => Ok(Self::V1),
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::Int(match self {
            Self::V1 => 1,
            Self::V2 => 2,
        })
    }
}

impl Kind for DeliveryMode {
    fn expected() -> String {
        "2 (or `persistent`) or 1 (or `transient`)".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Int(2) => Ok(Self::Persistent),
            Value::Int(1) => Ok(Self::Transient),
            Value::Str(text) if text == "persistent" => Ok(Self::Persistent),
            Value::Str(text) if text == "transient" => Ok(Self::Transient),
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::Int(self.as_u8().into())
    }
}

impl Kind for ExchangeKind {
    fn expected() -> String {
        "`direct`, `topic`, `fanout` or `headers`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(Self::from_name).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        Value::Str(self.as_str().to_owned())
    }
}

impl Kind for RateLimit {
    fn expected() -> String {
        "a number a second, or a text such as `10/s`, `100/m`, `2/h`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Str(text) => text.parse().map_err(|_| refuse::<Self>()),
            Value::Int(_) | Value::Float(_) => value
                .as_f64()
                .filter(|count| *count > 0.0 && count.is_finite())
                .map(|count| Self::new(count, std::time::Duration::from_secs(1)))
                .ok_or_else(refuse::<Self>),
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::Str(self.to_string())
    }
}

impl Kind for TimeZone {
    fn expected() -> String {
        "a time zone such as `Europe/Rome` or `UTC`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(|name| Self::get(name).ok()).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        self.iana_name().map_or(Value::Null, |name| Value::Str(name.to_owned()))
    }
}

impl Kind for PoolKind {
    fn expected() -> String {
        "`threads`, `solo` or `processes`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(Self::from_name).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        Value::Str(self.as_str().to_owned())
    }
}

impl Kind for PrefetchKind {
    fn expected() -> String {
        "`adaptive`, `slots` or `multiplier`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(Self::from_name).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        Value::Str(self.as_str().to_owned())
    }
}

impl Kind for RedisPriority {
    fn expected() -> String {
        "`higher_first` or `celery` (0 first)".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(Self::from_name).ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        Value::Str(self.as_str().to_owned())
    }
}

/// How many tasks run at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as there are CPUs.
    #[default]
    Auto,
    /// That many.
    Fixed(u32),
}

impl Concurrency {
    /// The number.
    pub fn get(self) -> usize {
        match self {
            Self::Auto => std::thread::available_parallelism().map_or(1, usize::from),
            Self::Fixed(slots) => slots as usize,
        }
    }
}

/// Null is `auto`, as in Celery.
impl Kind for Concurrency {
    fn expected() -> String {
        "a whole number, 1 or more, or `auto`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(Self::Auto),
            Value::Str(text) if text == "auto" => Ok(Self::Auto),
            Value::Int(slots) if (1..=100_000).contains(slots) => {
                Ok(Self::Fixed(u32::try_from(*slots).map_err(|_| refuse::<Self>())?))
            }
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Auto => Value::Str("auto".to_owned()),
            Self::Fixed(slots) => Value::Int((*slots).into()),
        }
    }
}
