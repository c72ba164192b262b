//! Types for signatures whose values travel as Python's own: dates, times, UUIDs, decimals, bytes.
//!
//! In arguments and results they are written as kombu's markers, so that a Python task gets a `datetime` and not
//! a text. On reading, the plain types ([`jiff::Timestamp`], [`uuid::Uuid`], …) take the markers too.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Value, token};

mod iso;

pub use bytes::Bytes;
pub use iso::IsoFormat;

/// A `datetime.datetime`: aware for an instant ([`jiff::Timestamp`], [`jiff::Zoned`]), naive for a
/// [`jiff::civil::DateTime`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime<T = jiff::Timestamp>(pub T);

/// A `datetime.date`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub jiff::civil::Date);

/// A `datetime.time` without offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub jiff::civil::Time);

/// A `uuid.UUID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub uuid::Uuid);

/// A `decimal.Decimal` by its digits, which are kept: `10.50` stays `10.50`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal(pub String);

impl<T: IsoFormat> Serialize for DateTime<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::DATETIME, &self.0.isoformat())
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::DATE, &self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::TIME, &iso::time(self.0))
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::Uuid(self.0).serialize(serializer)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::DECIMAL, &self.0)
    }
}

/// Reads a text, typed or plain, and makes a `T` of it.
fn parsed<'de, D: Deserializer<'de>, T, E: std::fmt::Display>(
    deserializer: D,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let Some(text) = value.text() else {
        return Err(D::Error::custom(format_args!("{what} is expected, not a `{}`", value.type_name())));
    };
    parse(text).map_err(|error| D::Error::custom(format_args!("`{text}` is no {what}: {error}")))
}

impl<'de, T: IsoFormat> Deserialize<'de> for DateTime<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "date and time", T::parse_iso).map(Self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "date", str::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "time", str::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        uuid::Uuid::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Decimal(text) | Value::Str(text) => Ok(Self(text)),
            Value::Int(number) => Ok(Self(number.to_string())),
            Value::BigInt(digits) => Ok(Self(digits.into())),
            Value::Float(number) => Ok(Self(number.to_string())),
            other => {
                Err(D::Error::custom(format_args!("decimal is expected, not a `{}`", other.type_name())))
            }
        }
    }
}

macro_rules! conversions {
    ($($newtype:ident $inner:ty, $variant:ident $text:expr;)*) => {$(
        impl From<$inner> for $newtype {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl From<$newtype> for $inner {
            fn from(outer: $newtype) -> Self {
                outer.0
            }
        }

        impl From<$newtype> for Value {
            fn from(outer: $newtype) -> Self {
                Self::$variant($text(outer.0))
            }
        }
    )*};
}

conversions! {
    Date jiff::civil::Date, Date |date: jiff::civil::Date| date.to_string();
    Time jiff::civil::Time, Time iso::time;
    Uuid uuid::Uuid, Uuid std::convert::identity;
    Decimal String, Decimal std::convert::identity;
}

impl<T> From<T> for DateTime<T> {
    fn from(inner: T) -> Self {
        Self(inner)
    }
}

impl<T: IsoFormat> From<DateTime<T>> for Value {
    fn from(outer: DateTime<T>) -> Self {
        Self::DateTime(outer.0.isoformat())
    }
}

impl From<&str> for Decimal {
    fn from(digits: &str) -> Self {
        Self(digits.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    fn written<T: Serialize>(value: T) -> String {
        json::to_string(&value).unwrap()
    }

    #[test]
    fn writes_kombus_markers() {
        let at: jiff::Timestamp = "2030-01-02T03:04:05.678901Z".parse().unwrap();
        assert_eq!(
            written(DateTime(at)),
            r#"{"__type__": "datetime", "__value__": "2030-01-02T03:04:05.678901+00:00"}"#
        );
        assert_eq!(
            written(DateTime(jiff::civil::datetime(2030, 1, 2, 3, 4, 5, 0))),
            r#"{"__type__": "datetime", "__value__": "2030-01-02T03:04:05"}"#
        );
        assert_eq!(
            written(Date(jiff::civil::date(2030, 1, 2))),
            r#"{"__type__": "date", "__value__": "2030-01-02"}"#
        );
        assert_eq!(
            written(Time(jiff::civil::time(3, 4, 5, 6_000))),
            r#"{"__type__": "time", "__value__": "03:04:05.000006"}"#
        );
        assert_eq!(
            written(Uuid(uuid::Uuid::from_u128(0x1234_5678_1234_5678_1234_5678_1234_5678))),
            r#"{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}"#
        );
        assert_eq!(written(Decimal::from("10.50")), r#"{"__type__": "decimal", "__value__": "10.50"}"#);
        assert_eq!(written(Bytes::from_static(b"abc")), r#"{"__type__": "bytes", "__value__": "abc"}"#);
        assert_eq!(written(Bytes::from_static(b"\xff\0")), r#"{"__type__": "base64", "__value__": "/wA="}"#);
    }

    #[test]
    fn plain_types_take_markers_and_texts() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Args(jiff::Timestamp, jiff::civil::Date, uuid::Uuid, Bytes, Decimal, DateTime<jiff::Zoned>);
        let marked = br#"[{"__type__": "datetime", "__value__": "2030-01-02T03:04:05+02:00"},
            {"__type__": "date", "__value__": "2030-01-02"},
            {"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}},
            {"__type__": "base64", "__value__": "/wA="},
            {"__type__": "decimal", "__value__": "1.50"},
            {"__type__": "datetime", "__value__": "2030-01-02T03:04:05+02:00"}]"#;
        let args: Args = json::from_slice(marked).unwrap();
        assert_eq!(args.0.to_string(), "2030-01-02T01:04:05Z");
        assert_eq!(args.3, b"\xff\0".as_slice());
        assert_eq!(args.5.0.offset(), jiff::tz::offset(2));
        let plain = br#"["2030-01-02T03:04:05+02:00", "2030-01-02", "12345678-1234-5678-1234-567812345678",
            [255, 0], "1.50", "2030-01-02T03:04:05+02:00"]"#;
        assert_eq!(json::from_slice::<Args>(plain).unwrap(), args);
        let bytes: Vec<u8> = json::from_slice(br#"{"__type__": "base64", "__value__": "/wA="}"#).unwrap();
        assert_eq!(bytes, b"\xff\0");
    }

    #[test]
    fn what_python_sends_fits_plain_types() {
        fn read<T: serde::de::DeserializeOwned>(kind: &str, value: &str) -> T {
            let marker = format!(r#"{{"__type__": "{kind}", "__value__": "{value}"}}"#);
            json::from_slice(marker.as_bytes()).unwrap()
        }
        assert_eq!(read::<String>("decimal", "10.50"), "10.50");
        assert_eq!(read::<jiff::civil::Time>("time", "03:04:05.000006"), jiff::civil::time(3, 4, 5, 6_000));
        assert_eq!(
            read::<jiff::civil::DateTime>("datetime", "2030-01-02T03:04:05"),
            jiff::civil::datetime(2030, 1, 2, 3, 4, 5, 0)
        );
        assert_eq!(read::<serde_json::Value>("bytes", "abc"), "abc");
        assert_eq!(read::<Vec<u8>>("bytes", "abc"), b"abc");
        assert_eq!(json::from_slice::<u128>(u128::MAX.to_string().as_bytes()).unwrap(), u128::MAX);
        assert_eq!(json::from_slice::<i128>(i128::MIN.to_string().as_bytes()).unwrap(), i128::MIN);
        assert!((json::from_slice::<f64>(b"1180591620717411303424").unwrap() - 2_f64.powi(70)).abs() < 1.0);
        assert!(json::from_slice::<f64>(b"NaN").unwrap().is_nan());
    }

    #[test]
    fn a_naive_time_is_no_instant() {
        let naive = br#"{"__type__": "datetime", "__value__": "2030-01-02T03:04:05"}"#;
        assert!(json::from_slice::<DateTime>(naive).is_err());
        assert!(json::from_slice::<DateTime<jiff::Zoned>>(naive).is_err());
        let civil: DateTime<jiff::civil::DateTime> = json::from_slice(naive).unwrap();
        assert_eq!(civil.0.to_string(), "2030-01-02T03:04:05");
        let aware = br#"{"__type__": "datetime", "__value__": "2030-01-02T03:04:05+02:00"}"#;
        assert!(json::from_slice::<DateTime<jiff::civil::DateTime>>(aware).is_err());
    }

    #[test]
    fn other_serializers_write_plain_texts() {
        assert_eq!(serde_json::to_string(&Decimal::from("1.50")).unwrap(), r#""1.50""#);
        assert_eq!(serde_json::to_string(&Date(jiff::civil::date(2030, 1, 2))).unwrap(), r#""2030-01-02""#);
    }
}
