//! Types for signatures that must arrive in Python as what they are, not as text.
//!
//! A plain `jiff::Timestamp` or `uuid::Uuid` parameter *reads* Python's typed values; what it *writes* is
//! text. These write kombu's typed values, and read both.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::value::token;

macro_rules! typed {
    ($(#[$doc:meta])* $name:ident($inner:ty), $token:expr, $write:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($token, &$write(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }
    };
}

typed!(
    /// An instant: an aware `datetime` in Python.
    DateTime(crate::Timestamp), token::DATETIME, |at: &crate::Timestamp| crate::protocol::format_timestamp(*at)
);
typed!(
    /// A day: `datetime.date` in Python.
    Date(jiff::civil::Date), token::DATE, jiff::civil::Date::to_string
);
typed!(
    /// A time of day: `datetime.time` in Python.
    Time(jiff::civil::Time), token::TIME, jiff::civil::Time::to_string
);
typed!(
    /// A UUID: `uuid.UUID` in Python.
    Uuid(uuid::Uuid), token::UUID, uuid::Uuid::to_string
);
typed!(
    /// A decimal number as its digits: `decimal.Decimal` in Python.
    Decimal(String), token::DECIMAL, String::clone
);

/// Bytes: `bytes` in Python. (A `Vec<u8>` is written as a list of numbers.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Plain text reads too: JSON from other languages has no bytes.
        match super::Value::deserialize(deserializer)? {
            super::Value::Bytes(bytes) => Ok(Self(bytes.into())),
            super::Value::Str(text) => Ok(Self(text.into_bytes())),
            _ => Err(D::Error::custom("bytes are expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    #[test]
    fn written_as_markers_and_read_from_both() {
        let at = DateTime("2026-01-02T03:04:05.678901Z".parse().unwrap());
        let json = json::to_bytes(&at).unwrap();
        assert_eq!(&json[..], br#"{"__type__":"datetime","__value__":"2026-01-02T03:04:05.678901+00:00"}"#);
        assert_eq!(json::from_slice::<DateTime>(&json).unwrap(), at);
        assert_eq!(json::from_slice::<DateTime>(br#""2026-01-02T03:04:05.678901Z""#).unwrap(), at);
        let bytes = Bytes(vec![0, 255]);
        assert_eq!(json::from_slice::<Bytes>(&json::to_bytes(&bytes).unwrap()).unwrap(), bytes);
    }
}
