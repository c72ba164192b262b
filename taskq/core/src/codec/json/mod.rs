//! JSON in kombu's dialect: typed values as `{"__type__", "__value__"}`, `NaN` and the infinities as bare
//! words, integers of any size.
//!
//! Kept true here: what `serde_json` can read is read by it, straight into the wanted type; only bodies that
//! show a sign of the dialect take the slower way over [`Value`]. Nesting is bounded on both ways.

mod read;
mod split;
mod write;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use split::split_list;

use super::{CodecError, CodecErrorKind, Value};

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 128;

/// Reads a value.
///
/// # Errors
/// Syntax with the position; nesting beyond [`MAX_DEPTH`]; a value that does not fit `T`.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, CodecError> {
    if read::is_plain(json) {
        return serde_json::from_slice(json).map_err(plain_error);
    }
    T::deserialize(read::value(json)?)
}

/// Writes a value, compactly.
///
/// # Errors
/// When a map has keys that are no text, number or truth value, or `T`'s own serialization fails.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, CodecError> {
    let mut out = Vec::with_capacity(64);
    value.serialize(write::Writer::new(&mut out))?;
    Ok(out.into())
}

/// Reads a [`Value`]; the same as [`from_slice`], named for readers.
///
/// # Errors
/// As [`from_slice`].
pub fn to_value(json: &[u8]) -> Result<Value, CodecError> {
    from_slice(json)
}

fn plain_error(error: serde_json::Error) -> CodecError {
    let text = error.to_string();
    let kind = if error.is_data() {
        CodecErrorKind::Value
    } else if text.starts_with("recursion limit") {
        CodecErrorKind::Depth
    } else {
        CodecErrorKind::Syntax
    };
    CodecError::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Map;

    fn round(value: &Value, json: &str) {
        assert_eq!(std::str::from_utf8(&to_bytes(value).unwrap()).unwrap(), json);
        assert_eq!(&from_slice::<Value>(json.as_bytes()).unwrap(), value, "{json}");
    }

    #[test]
    fn markers_are_kombus() {
        round(
            &Value::Uuid("12345678-1234-5678-1234-567812345678".parse().unwrap()),
            r#"{"__type__":"uuid","__value__":{"hex":"12345678123456781234567812345678"}}"#,
        );
        round(&Value::Bytes(Bytes::from_static(b"abc")), r#"{"__type__":"bytes","__value__":"abc"}"#);
        round(
            &Value::Bytes(Bytes::from_static(&[0, 0xff, 0xfe])),
            r#"{"__type__":"base64","__value__":"AP/+"}"#,
        );
        round(&Value::Decimal("1.10".into()), r#"{"__type__":"decimal","__value__":"1.10"}"#);
        round(
            &Value::DateTime("2026-01-02T03:04:05".into()),
            r#"{"__type__":"datetime","__value__":"2026-01-02T03:04:05"}"#,
        );
        round(&Value::Date("2026-02-28".into()), r#"{"__type__":"date","__value__":"2026-02-28"}"#);
        round(&Value::Time("23:59:58.000007".into()), r#"{"__type__":"time","__value__":"23:59:58.000007"}"#);
    }

    #[test]
    fn numbers_of_any_size_and_none() {
        round(&Value::BigInt("1208925819614629174706176".into()), "1208925819614629174706176");
        round(&Value::Int(i64::MIN), "-9223372036854775808");
        round(&Value::Float(f64::INFINITY), "Infinity");
        round(&Value::Float(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(&to_bytes(&f64::NAN).unwrap()[..], b"NaN");
        assert!(matches!(from_slice::<Value>(b"[NaN]").unwrap(),
            Value::List(items) if items[0].as_f64().unwrap().is_nan()));
        round(&Value::Float(1.0), "1.0");
    }

    #[test]
    fn a_map_that_only_looks_like_a_marker_is_a_map() {
        let json = br#"{"__type__": "date", "__value__": "x", "k": 1}"#;
        assert_eq!(from_slice::<Map>(json).unwrap().len(), 3);
        let error = from_slice::<Value>(br#"{"__type__": "frob", "__value__": 1}"#).unwrap_err();
        assert_eq!(error.kind(), CodecErrorKind::UnknownType);
    }

    #[test]
    fn depth_is_bounded_on_both_ways() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(from_slice::<Value>(deep("").as_bytes()).unwrap_err().kind(), CodecErrorKind::Depth);
        assert_eq!(from_slice::<Value>(deep("NaN").as_bytes()).unwrap_err().kind(), CodecErrorKind::Depth);
    }

    #[test]
    fn typed_values_read_into_rust_types() {
        let uuid = br#"[{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}]"#;
        let read: (uuid::Uuid,) = from_slice(uuid).unwrap();
        assert_eq!(read.0.to_string(), "12345678-1234-5678-1234-567812345678");
        let at = br#"{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.678901+00:00"}"#;
        let read: jiff::Timestamp = from_slice(at).unwrap();
        assert_eq!(read.to_string(), "2026-01-02T03:04:05.678901Z");
        let read: Vec<u8> = from_slice(br#"{"__type__": "base64", "__value__": "AP/+"}"#).unwrap();
        assert_eq!(read, [0, 0xff, 0xfe]);
        assert!(from_slice::<i64>(br#"{"__type__": "date", "__value__": "2026-02-28"}"#).is_err());
    }

    #[test]
    fn garbage_is_an_error() {
        for garbage in
            ["", "[", "{\"a\"", "[1,]", "nul", "\"\\u12\"", "[NaN", "[NaN,]", "{\"a\": NaN,}", "[NaN] x"]
        {
            assert!(from_slice::<Value>(garbage.as_bytes()).is_err(), "{garbage}");
        }
        assert!(from_slice::<Value>(b"\"\xff\"").is_err());
        assert!(from_slice::<Value>(b"[NaN, \"\xff\"]").is_err());
    }
}
