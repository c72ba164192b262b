//! Values as YAML in flow style on one line: every text in double quotes and ASCII, so that no word of YAML 1.1
//! is taken for something else.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;

use super::scalar;
use crate::codec::{CodecError, CodecErrorKind, Map, Value};

/// PyYAML looks this far for the colon of a key, at least.
const SIMPLE_KEY: usize = 120;

/// Writes a value.
///
/// # Errors
/// [`Value`](CodecErrorKind::Value) for times of day, UUIDs and decimals, as in Python.
pub(in crate::codec) fn encode(value: &Value) -> Result<Bytes, CodecError> {
    let mut out = String::with_capacity(128);
    write(&mut out, value)?;
    out.push('\n');
    Ok(out.into())
}

fn write(out: &mut String, value: &Value) -> Result<(), CodecError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
        Value::Int(number) => out.push_str(itoa::Buffer::new().format(*number)),
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(number) => float(out, *number),
        Value::Str(text) => string(out, text),
        Value::Bytes(bytes) => {
            out.push_str("!!binary \"");
            out.push_str(&BASE64_STANDARD.encode(bytes));
            out.push('"');
        }
        Value::Date(text) | Value::DateTime(text) if scalar::timestamp(text).is_some() => {
            out.push_str("!!timestamp \"");
            out.push_str(text);
            out.push('"');
        }
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Map(map) => entries(out, map)?,
        other => {
            let message = format!("yaml cannot hold a `{}` of this kind: use `json`", other.type_name());
            return Err(CodecError::new(CodecErrorKind::Value, message));
        }
    }
    Ok(())
}

fn entries(out: &mut String, map: &Map) -> Result<(), CodecError> {
    out.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if key.len() > SIMPLE_KEY {
            out.push_str("? ");
        }
        string(out, key);
        // With a blank before it, the colon also follows an explicit key.
        out.push_str(" : ");
        write(out, value)?;
    }
    out.push('}');
    Ok(())
}

/// YAML 1.1 wants a point, and a sign of the exponent.
fn float(out: &mut String, number: f64) {
    if number.is_nan() {
        return out.push_str(".nan");
    }
    if number.is_infinite() {
        return out.push_str(if number > 0.0 { ".inf" } else { "-.inf" });
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number);
    let Some((digits, exponent)) = text.split_once('e') else { return out.push_str(text) };
    out.push_str(digits);
    if !digits.contains('.') {
        out.push_str(".0");
    }
    out.push_str(if exponent.starts_with('-') { "e" } else { "e+" });
    out.push_str(exponent);
}

fn string(out: &mut String, text: &str) {
    use std::fmt::Write;
    out.push('"');
    for character in text.chars() {
        // Writing to a `String` cannot fail.
        _ = match character {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            ' '..='~' => out.write_char(character),
            '\0'..='\u{ff}' => write!(out, "\\x{:02X}", u32::from(character)),
            '\u{100}'..='\u{ffff}' => write!(out, "\\u{:04X}", u32::from(character)),
            _ => write!(out, "\\U{:08X}", u32::from(character)),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::{super::decode, *};

    #[test]
    fn what_is_written_is_read() {
        let value: Value = [
            Value::from(1e300),
            Value::from(1e-7),
            Value::from(1.0),
            Value::from(u128::MAX),
            Value::from("yes: {no}\n\t\u{7f}é世😀'\"\\"),
            Value::Bytes(b"\xff\0".as_slice().into()),
            Value::DateTime("2030-01-02T03:04:05.678901+05:30".into()),
            Value::Date("2030-01-02".into()),
            Value::from(vec![Value::from(Map::new()), Value::from(Vec::<Value>::new())]),
            [("a b", Value::Null), (&"long ".repeat(300), Value::from(true))].into_iter().collect(),
        ]
        .into_iter()
        .collect();
        let text = encode(&value).unwrap();
        assert!(text.is_ascii());
        assert_eq!(decode(&text).unwrap(), value);
    }

    #[test]
    fn what_yaml_cannot_hold_is_an_error() {
        for value in [Value::Time("03:04".into()), Value::Decimal("1".into()), Value::DateTime("soon".into())]
        {
            assert_eq!(encode(&value).unwrap_err().kind(), CodecErrorKind::Value);
        }
    }
}
