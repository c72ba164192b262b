//! YAML, the safe subset, over [`Value`].

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_norway::{Value as Node, value::TaggedValue};

use super::{CodecError, CodecErrorKind, MAX_DEPTH, Map, Value};

pub(super) fn encode(value: &Value) -> Result<Bytes, CodecError> {
    let text = serde_norway::to_string(&node(value)?).map_err(|error| wrong(&error))?;
    Ok(text.into())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Value, CodecError> {
    let node: Node = serde_norway::from_slice(bytes).map_err(|error| wrong(&error))?;
    value(node, 0)
}

fn wrong(error: &serde_norway::Error) -> CodecError {
    CodecError::new(CodecErrorKind::Syntax, format!("yaml: {error}"))
}

fn node(value: &Value) -> Result<Node, CodecError> {
    Ok(match value {
        Value::Null => Node::Null,
        Value::Bool(truth) => Node::Bool(*truth),
        Value::Int(number) => Node::Number((*number).into()),
        Value::BigInt(digits) => match digits.parse::<u64>() {
            Ok(number) => Node::Number(number.into()),
            Err(_) => Node::String(digits.to_string()),
        },
        Value::Float(number) => Node::Number((*number).into()),
        Value::Str(text)
        | Value::DateTime(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Decimal(text) => Node::String(text.clone()),
        Value::Uuid(uuid) => Node::String(uuid.to_string()),
        Value::List(items) => Node::Sequence(items.iter().map(node).collect::<Result<_, _>>()?),
        Value::Map(map) => Node::Mapping(
            map.iter()
                .map(|(key, value)| Ok((Node::String(key.clone()), node(value)?)))
                .collect::<Result<_, CodecError>>()?,
        ),
        Value::Bytes(_) => {
            return Err(CodecError::new(
                CodecErrorKind::Value,
                "yaml: bytes are not written: use json or msgpack",
            ));
        }
    })
}

fn value(node: Node, depth: usize) -> Result<Value, CodecError> {
    if depth > MAX_DEPTH {
        return Err(CodecError::new(
            CodecErrorKind::Depth,
            format!("yaml: nested deeper than {MAX_DEPTH} levels"),
        ));
    }
    Ok(match node {
        Node::Null => Value::Null,
        Node::Bool(truth) => Value::Bool(truth),
        Node::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::Int(number),
            (None, Some(number), _) => Value::from(number),
            (None, None, number) => Value::Float(number.unwrap_or(f64::NAN)),
        },
        Node::String(text) => Value::Str(text),
        Node::Sequence(items) => {
            Value::List(items.into_iter().map(|item| value(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Node::Mapping(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, item) in entries {
                let key = match value(key, depth + 1)? {
                    Value::Str(key) => key,
                    Value::Int(key) => key.to_string(),
                    Value::Bool(key) => key.to_string(),
                    _ => return Err(CodecError::new(CodecErrorKind::Syntax, "yaml: a key that is no text")),
                };
                map.insert(key, value(item, depth + 1)?);
            }
            Value::Map(map)
        }
        Node::Tagged(tagged) => tag(*tagged)?,
    })
}

fn tag(tagged: TaggedValue) -> Result<Value, CodecError> {
    let name = tagged.tag.to_string();
    let name = name.trim_start_matches('!').trim_start_matches("tag:yaml.org,2002:");
    match (name, tagged.value) {
        ("binary", Node::String(text)) => {
            let text: String = text.split_ascii_whitespace().collect();
            let bytes = BASE64_STANDARD.decode(text).map_err(|error| {
                CodecError::new(CodecErrorKind::Syntax, format!("yaml: a `!!binary` value: {error}"))
            })?;
            Ok(Value::Bytes(bytes.into()))
        }
        _ => Err(CodecError::new(CodecErrorKind::UnknownType, format!("yaml: the tag `{name}` is not read"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let value = Value::List(vec![
            Value::List(vec![Value::Int(2), Value::Float(0.5), Value::from("3"), Value::Null]),
            Value::Map([("k".to_owned(), Value::Bool(true))].into_iter().collect()),
        ]);
        assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(decode(b"[1, 2").is_err());
        assert!(decode("[".repeat(100_000).as_bytes()).is_err());
    }
}
