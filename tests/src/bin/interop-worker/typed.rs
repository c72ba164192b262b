//! One value of every kind that kombu's JSON can carry.

use taskq::core::codec::json;
use taskq::{Failure, Value, task};

/// The values as Celery writes them. They are read by the codec, so that a task returns what it would return
/// had it been given them.
fn text(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "none" => "null",
        "true" => "true",
        "int" => "42",
        "bigint" => "1208925819614629174706176",
        "negint" => "-9223372036854775808",
        "float" => "0.1",
        "nan" => "NaN",
        "inf" => "Infinity",
        "ninf" => "-Infinity",
        "str" => r#""plain""#,
        "unicode" => r#""\u4f60\u597d \ud83e\udd80 e\u0301 \u202e \"\\\n\t\u0000""#,
        "bytes" => r#"{"__type__": "bytes", "__value__": "abc"}"#,
        "bytes_binary" => r#"{"__type__": "base64", "__value__": "AP/+"}"#,
        "datetime" => r#"{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.678901+00:00"}"#,
        "datetime_naive" => r#"{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}"#,
        "datetime_offset" => r#"{"__type__": "datetime", "__value__": "2026-01-02T03:04:05+05:30"}"#,
        "date" => r#"{"__type__": "date", "__value__": "2026-02-28"}"#,
        "time" => r#"{"__type__": "time", "__value__": "23:59:58.000007"}"#,
        "uuid" => r#"{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}"#,
        "decimal" => r#"{"__type__": "decimal", "__value__": "1.10"}"#,
        "nested" => r#"{"a": [1, {"b": [null, [], {}]}]}"#,
        _ => return None,
    })
}

#[task]
pub(crate) async fn typed_value(kind: String) -> Result<Value, Failure> {
    let text = text(&kind).ok_or_else(|| Failure::new("KeyError", kind))?;
    json::from_slice(text.as_bytes()).map_err(|error| Failure::new("ValueError", error.to_string()))
}
