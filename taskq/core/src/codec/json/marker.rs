//! `{"__type__": …, "__value__": …}`: kombu's way to say what JSON cannot.

use base64::{Engine, prelude::BASE64_STANDARD};
use uuid::Uuid;

use crate::codec::{CodecError, CodecErrorKind, Map, Value};

/// The typed value that a map stands for, or the map. Exactly these two keys make a marker; `start` is where the
/// map begins.
pub(super) fn decode(mut map: Map, start: usize) -> Result<Value, CodecError> {
    if map.len() != 2 || !map.contains_key("__type__") || !map.contains_key("__value__") {
        return Ok(Value::Map(map));
    }
    let kind = map.swap_remove("__type__").unwrap_or_default();
    let value = map.swap_remove("__value__").unwrap_or_default();
    let Value::Str(kind) = kind else {
        return Err(CodecError::at(CodecErrorKind::UnknownType, "`__type__` is not a text", start));
    };
    let wrong = |expected: &str| {
        let message = format!("a value of type `{kind}` holds no {expected}");
        CodecError::at(CodecErrorKind::Value, message, start)
    };
    let text = |value: Value| match value {
        Value::Str(text) => Ok(text),
        _ => Err(wrong("text")),
    };
    Ok(match kind.as_str() {
        "datetime" => Value::DateTime(text(value)?),
        "date" => Value::Date(text(value)?),
        "time" => Value::Time(text(value)?),
        "decimal" => Value::Decimal(text(value)?),
        "bytes" => Value::Bytes(text(value)?.into()),
        "base64" => {
            let bytes = BASE64_STANDARD.decode(text(value)?).map_err(|_| wrong("base64 text"))?;
            Value::Bytes(bytes.into())
        }
        "uuid" => {
            let hex = value.get("hex").and_then(Value::as_str);
            let uuid =
                hex.and_then(|hex| Uuid::try_parse(hex).ok()).ok_or_else(|| wrong("hexadecimal UUID"))?;
            Value::Uuid(uuid)
        }
        _ => {
            let message = format!("a value is of the unknown type `{kind}`");
            return Err(CodecError::at(CodecErrorKind::UnknownType, message, start));
        }
    })
}

/// Writes bytes: those that are UTF-8 as they are, others in base64.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            open(out, "bytes");
            super::write::string(out, text);
        }
        Err(_) => {
            open(out, "base64");
            out.push(b'"');
            out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
    }
    close(out);
}

pub(super) fn open(out: &mut Vec<u8>, kind: &str) {
    out.extend_from_slice(b"{\"__type__\": \"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\", \"__value__\": ");
}

pub(super) fn close(out: &mut Vec<u8>) {
    out.push(b'}');
}
