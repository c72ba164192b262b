//! MessagePack, over [`Value`].

use bytes::Bytes;
use rmpv::Value as Packed;

use super::{CodecError, CodecErrorKind, Map, Value, json::MAX_DEPTH};

pub(super) fn encode(value: &Value) -> Result<Bytes, CodecError> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, &pack(value)?)
        .map_err(|error| CodecError::new(CodecErrorKind::Value, format!("msgpack: {error}")))?;
    Ok(out.into())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Value, CodecError> {
    let mut rest = bytes;
    let packed = rmpv::decode::read_value_with_max_depth(&mut rest, MAX_DEPTH).map_err(|error| {
        let kind = match error {
            rmpv::decode::Error::DepthLimitExceeded => CodecErrorKind::Depth,
            _ => CodecErrorKind::Syntax,
        };
        CodecError::new(kind, format!("msgpack: {error}"))
    })?;
    if !rest.is_empty() {
        return Err(CodecError::new(
            CodecErrorKind::Syntax,
            format!("msgpack: {} bytes too many", rest.len()),
        ));
    }
    unpack(packed)
}

fn pack(value: &Value) -> Result<Packed, CodecError> {
    Ok(match value {
        Value::Null => Packed::Nil,
        Value::Bool(truth) => Packed::Boolean(*truth),
        Value::Int(number) => Packed::from(*number),
        Value::BigInt(digits) => {
            digits.parse::<u64>().map(Packed::from).map_err(|_| none("integers beyond 64 bits"))?
        }
        Value::Float(number) => Packed::F64(*number),
        Value::Str(text) => Packed::from(text.as_str()),
        Value::Bytes(bytes) => Packed::Binary(bytes.to_vec()),
        Value::List(items) => Packed::Array(items.iter().map(pack).collect::<Result<_, _>>()?),
        Value::Map(map) => Packed::Map(
            map.iter()
                .map(|(key, value)| Ok((Packed::from(key.as_str()), pack(value)?)))
                .collect::<Result<_, CodecError>>()?,
        ),
        Value::DateTime(_) | Value::Date(_) | Value::Time(_) => return Err(none("dates and times")),
        Value::Uuid(_) => return Err(none("uuids")),
        Value::Decimal(_) => return Err(none("decimals")),
    })
}

fn none(what: &str) -> CodecError {
    CodecError::new(
        CodecErrorKind::Value,
        format!("msgpack has no {what}: send them as text, or with the json serializer"),
    )
}

fn unpack(packed: Packed) -> Result<Value, CodecError> {
    Ok(match packed {
        Packed::Nil => Value::Null,
        Packed::Boolean(truth) => Value::Bool(truth),
        Packed::Integer(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::Null,
        },
        Packed::F32(number) => Value::Float(number.into()),
        Packed::F64(number) => Value::Float(number),
        Packed::String(text) => {
            Value::Str(text.into_str().ok_or_else(|| {
                CodecError::new(CodecErrorKind::Syntax, "msgpack: a text that is not UTF-8")
            })?)
        }
        Packed::Binary(bytes) => Value::Bytes(bytes.into()),
        Packed::Array(items) => Value::List(items.into_iter().map(unpack).collect::<Result<_, _>>()?),
        Packed::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                let key = match unpack(key)? {
                    Value::Str(key) => key,
                    Value::Int(key) => key.to_string(),
                    _ => {
                        return Err(CodecError::new(
                            CodecErrorKind::Syntax,
                            "msgpack: a key that is no text",
                        ));
                    }
                };
                map.insert(key, unpack(value)?);
            }
            Value::Map(map)
        }
        Packed::Ext(kind, _) => {
            return Err(CodecError::new(
                CodecErrorKind::UnknownType,
                format!("msgpack: extension type {kind} is not known"),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_what_it_has_not() {
        let value = Value::List(vec![
            Value::Null,
            Value::Int(-5),
            Value::from(u64::MAX),
            Value::Float(0.1),
            Value::from("ü"),
            Value::Bytes(Bytes::from_static(&[0, 255])),
            Value::Map([("k".to_owned(), Value::Bool(true))].into_iter().collect()),
        ]);
        assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
        assert!(encode(&Value::Date("2026-01-01".into())).is_err());
    }

    #[test]
    fn deep_nesting_and_rubbish_are_errors() {
        let mut deep = vec![0x91; 100_000];
        deep.push(0xc0);
        assert_eq!(decode(&deep).unwrap_err().kind(), CodecErrorKind::Depth);
        assert!(decode(b"\x01\x02").is_err());
        assert!(decode(b"").is_err());
    }
}
