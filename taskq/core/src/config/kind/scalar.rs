//! Numbers, texts, times, lists.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, time::Duration};

use super::{Kind, refuse};
use crate::codec::{Map, Value};

impl Kind for bool {
    fn expected() -> String {
        "true or false".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Bool(is) = value { Ok(*is) } else { Err(refuse::<Self>()) }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Kind for $type {
            fn expected() -> String {
                "a whole number, 0 or more".into()
            }
            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    Value::Int(number) => Self::try_from(*number).map_err(|_| refuse::<Self>()),
                    _ => Err(refuse::<Self>()),
                }
            }
            fn to_value(&self) -> Value {
                i64::try_from(*self).map_or(Value::Null, Value::Int)
            }
        }
    )*};
}
whole_numbers!(u16, u32, u64);

impl Kind for f64 {
    fn expected() -> String {
        "a number".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            #[allow(clippy::cast_precision_loss)] // settings are small
            Value::Int(number) => Ok(*number as Self),
            Value::Float(number) if number.is_finite() => Ok(*number),
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
}

impl Kind for String {
    fn expected() -> String {
        "a text".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Str(text) = value { Ok(text.clone()) } else { Err(refuse::<Self>()) }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn to_value(&self) -> Value {
        Value::Str(self.clone())
    }
}

impl Kind for PathBuf {
    fn expected() -> String {
        "a path".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Str(text) if !text.is_empty() => Ok(text.into()),
            _ => Err(refuse::<Self>()),
        }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
    fn to_value(&self) -> Value {
        Value::Str(self.display().to_string())
    }
}

/// Seconds as a number, or a text with units.
impl Kind for Duration {
    fn expected() -> String {
        "seconds, 0 or more, or a text such as `30s`, `5m` or `1h 30m`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        let read = match value {
            Value::Int(seconds) => u64::try_from(*seconds).ok().map(Self::from_secs),
            Value::Float(seconds) => Self::try_from_secs_f64(*seconds).ok(),
            Value::Str(text) => {
                text.parse::<jiff::SignedDuration>().ok().and_then(|duration| duration.try_into().ok())
            }
            _ => None,
        };
        read.ok_or_else(refuse::<Self>)
    }
    #[allow(clippy::cast_precision_loss)] // whole seconds of a setting are small
    fn to_value(&self) -> Value {
        match (self.subsec_nanos(), i64::try_from(self.as_secs())) {
            (0, Ok(seconds)) => Value::Int(seconds),
            _ => Value::Float(self.as_secs_f64()),
        }
    }
}

/// Null, or `none` as text.
impl<K: Kind> Kind for Option<K> {
    fn expected() -> String {
        format!("{}, or none", K::expected())
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        if *value == Value::Null { Ok(None) } else { K::from_value(value).map(Some) }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "none" | "None" | "null" => Ok(None),
            text => K::from_text(text).map(Some),
        }
    }
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Kind::to_value)
    }
}

/// A list of texts; in text with commas, and one text alone is a list of one.
impl Kind for Vec<String> {
    fn expected() -> String {
        "a list of texts".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::List(items) => {
                items.iter().map(|item| String::from_value(item).map_err(|_| refuse::<Self>())).collect()
            }
            Value::Str(text) => Ok(vec![text.clone()]),
            _ => Err(refuse::<Self>()),
        }
    }
    fn from_text(text: &str) -> Result<Self, String> {
        if let Ok(value @ Value::List(_)) = crate::codec::json::from_slice(text.as_bytes()) {
            return Self::from_value(&value);
        }
        Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(Kind::to_value).collect())
    }
}

impl Kind for Vec<u32> {
    fn expected() -> String {
        "a list of whole numbers, 0 or more".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::List(items) => {
                items.iter().map(|item| u32::from_value(item).map_err(|_| refuse::<Self>())).collect()
            }
            _ => Err(refuse::<Self>()),
        }
    }
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(Kind::to_value).collect())
    }
}

/// A map; in text as JSON.
impl Kind for Map {
    fn expected() -> String {
        "a map of names to values".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        if let Value::Map(map) = value { Ok(map.clone()) } else { Err(refuse::<Self>()) }
    }
    fn to_value(&self) -> Value {
        Value::Map(self.clone())
    }
}

/// Numbers by name; in text `a=1,b=2`, or JSON.
impl Kind for BTreeMap<String, NonZeroU32> {
    fn expected() -> String {
        "a map of names to whole numbers, 1 or more, such as `heavy=2,slow=1`".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        let Value::Map(map) = value else { return Err(refuse::<Self>()) };
        let number = |value| u32::from_value(value).ok().and_then(NonZeroU32::new);
        let pair = |(name, value): (&String, _)| Some((name.clone(), number(value)?));
        map.iter().map(pair).collect::<Option<_>>().ok_or_else(refuse::<Self>)
    }
    fn from_text(text: &str) -> Result<Self, String> {
        if let Ok(value @ Value::Map(_)) = crate::codec::json::from_slice(text.as_bytes()) {
            return Self::from_value(&value);
        }
        let pair = |pair: &str| {
            let (name, number) = pair.split_once('=')?;
            Some((name.trim().to_owned(), number.trim().parse().ok()?))
        };
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.map(pair).collect::<Option<_>>().ok_or_else(refuse::<Self>)
    }
    fn to_value(&self) -> Value {
        let pair = |(name, number): (&String, &NonZeroU32)| (name.clone(), number.get().to_value());
        Value::Map(self.iter().map(pair).collect())
    }
}

/// A table of maps.
impl Kind for BTreeMap<String, Map> {
    fn expected() -> String {
        "a map of names to maps".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        let Value::Map(map) = value else { return Err(refuse::<Self>()) };
        map.iter()
            .map(|(name, value)| match value {
                Value::Map(inner) => Ok((name.clone(), inner.clone())),
                _ => Err(refuse::<Self>()),
            })
            .collect()
    }
    fn to_value(&self) -> Value {
        Value::Map(self.iter().map(|(name, map)| (name.clone(), Value::Map(map.clone()))).collect())
    }
}

/// Anything: for settings that only a driver understands.
impl Kind for Value {
    fn expected() -> String {
        "any value".into()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
    fn to_value(&self) -> Value {
        self.clone()
    }
}
