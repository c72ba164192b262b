//! Msgpack: text as `str`, bytes as `bin`; no typed values, as in Python.

use bytes::Bytes;
use rmpv::{Utf8String, Value as Msgpack};

use super::{CodecError, CodecErrorKind, MAX_DEPTH, Map, Value};

/// The parser counts a container once or twice, so [`read`] counts again.
const PARSER_DEPTH: usize = 2 * (MAX_DEPTH + 1);

/// Writes a value.
///
/// # Errors
/// [`Value`](CodecErrorKind::Value) for typed values and integers beyond 64 bits.
pub(super) fn encode(value: &Value) -> Result<Bytes, CodecError> {
    let mut out = Vec::with_capacity(128);
    rmpv::encode::write_value(&mut out, &written(value)?)
        .map_err(|error| CodecError::new(CodecErrorKind::Value, error.to_string()))?;
    Ok(out.into())
}

/// Reads a value; nothing may follow it. Keys of maps that are no texts become texts, as in JSON.
///
/// # Errors
/// When the bytes are not msgpack, nested too deep, or of an extension type.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, CodecError> {
    let mut rest = bytes;
    let value = rmpv::decode::read_value_with_max_depth(&mut rest, PARSER_DEPTH).map_err(|error| {
        let offset = bytes.len() - rest.len();
        match error {
            rmpv::decode::Error::DepthLimitExceeded => too_deep(),
            error => CodecError::at(CodecErrorKind::Syntax, format!("not msgpack: {error}"), offset),
        }
    })?;
    if !rest.is_empty() {
        let offset = bytes.len() - rest.len();
        return Err(CodecError::at(
            CodecErrorKind::Syntax,
            "the value is followed by something else",
            offset,
        ));
    }
    read(value, 0)
}

fn written(value: &Value) -> Result<Msgpack, CodecError> {
    Ok(match value {
        Value::Null => Msgpack::Nil,
        Value::Bool(is) => Msgpack::Boolean(*is),
        Value::Int(number) => Msgpack::from(*number),
        Value::Float(number) => Msgpack::F64(*number),
        Value::Str(text) => Msgpack::from(text.as_str()),
        Value::Bytes(bytes) => Msgpack::Binary(bytes.to_vec()),
        Value::List(items) => Msgpack::Array(items.iter().map(written).collect::<Result<_, _>>()?),
        Value::Map(map) => Msgpack::Map(
            map.iter()
                .map(|(key, value)| Ok((Msgpack::from(key.as_str()), written(value)?)))
                .collect::<Result<_, CodecError>>()?,
        ),
        other => match other.as_u64() {
            Some(number) => Msgpack::from(number),
            None => {
                let message =
                    format!("msgpack cannot hold a `{}` of this kind: use `json`", other.type_name());
                return Err(CodecError::new(CodecErrorKind::Value, message));
            }
        },
    })
}

fn too_deep() -> CodecError {
    CodecError::new(CodecErrorKind::Depth, format!("the value is nested deeper than {MAX_DEPTH} levels"))
}

fn read(value: Msgpack, depth: usize) -> Result<Value, CodecError> {
    if depth == MAX_DEPTH && matches!(value, Msgpack::Array(_) | Msgpack::Map(_)) {
        return Err(too_deep());
    }
    Ok(match value {
        Msgpack::Nil => Value::Null,
        Msgpack::Boolean(is) => Value::Bool(is),
        Msgpack::Integer(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, number) => number.unwrap_or_default().into(),
        },
        Msgpack::F32(number) => Value::Float(number.into()),
        Msgpack::F64(number) => Value::Float(number),
        Msgpack::String(text) => Value::Str(utf8(text)?),
        Msgpack::Binary(bytes) => Value::Bytes(bytes.into()),
        Msgpack::Array(items) => {
            Value::List(items.into_iter().map(|item| read(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Msgpack::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                map.insert(key_text(key)?, read(value, depth + 1)?);
            }
            Value::Map(map)
        }
        Msgpack::Ext(kind, _) => {
            let message = format!("a value is of the msgpack extension type {kind}, which is unknown");
            return Err(CodecError::new(CodecErrorKind::UnknownType, message));
        }
    })
}

fn utf8(text: Utf8String) -> Result<String, CodecError> {
    text.into_str().ok_or_else(|| CodecError::new(CodecErrorKind::Syntax, "a text is not UTF-8"))
}

fn key_text(key: Msgpack) -> Result<String, CodecError> {
    let key = match key {
        Msgpack::String(text) => return utf8(text),
        key => read(key, MAX_DEPTH)?,
    };
    super::value::key_text(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_cannot_hold_is_an_error() {
        for value in [Value::DateTime("2030-01-02T03:04:05".into()), Value::from(u128::MAX)] {
            assert_eq!(encode(&value).unwrap_err().kind(), CodecErrorKind::Value);
        }
        assert_eq!(decode(&encode(&Value::from(u64::MAX)).unwrap()).unwrap(), Value::from(u64::MAX));
    }

    #[test]
    fn broken_input_is_an_error() {
        let deep = [vec![0x91; 100_000], vec![0xC0]].concat();
        assert_eq!(decode(&deep).unwrap_err().kind(), CodecErrorKind::Depth);
        let just = [vec![0x91; MAX_DEPTH], vec![0xC0]].concat();
        assert!(decode(&just).is_ok());
        // A list and a text that claim four thousand million elements.
        for claim in [&[0xDD, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0xDB, 0xFF, 0xFF, 0xFF, 0xFF]] {
            assert_eq!(decode(claim).unwrap_err().kind(), CodecErrorKind::Syntax);
        }
        assert_eq!(decode(&[0xA1, 0xFF]).unwrap_err().kind(), CodecErrorKind::Syntax);
        assert_eq!(decode(&[0xC0, 0xC0]).unwrap_err().kind(), CodecErrorKind::Syntax);
        assert_eq!(decode(&[0xD4, 0x05, 0x00]).unwrap_err().kind(), CodecErrorKind::UnknownType);
        assert_eq!(decode(&[]).unwrap_err().kind(), CodecErrorKind::Syntax);
    }

    #[test]
    fn keys_become_texts() {
        let map = decode(&[0x82, 0x01, 0xC3, 0xC0, 0xC2]).unwrap();
        assert_eq!(map.get("1"), Some(&Value::Bool(true)));
        assert_eq!(map.get("null"), Some(&Value::Bool(false)));
    }
}
