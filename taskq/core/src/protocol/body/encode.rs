//! Writes messages: version 2, and version 1 for consumers that know no other.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Embed, Message, Protocol, TaskMessage};
use crate::codec::{CodecError, Map, Serializer, Value, compress, json, repr, signed};

pub(super) fn encode(
    mut task: TaskMessage,
    protocol: Protocol,
    serializer: Serializer,
    compression: Option<&str>,
) -> Result<Message, CodecError> {
    if task.properties.correlation_id.is_none() {
        task.properties.correlation_id = Some(task.headers.id.to_string());
    }
    if protocol == Protocol::V1 {
        return encode_v1(task, serializer, compression);
    }
    if task.headers.argsrepr.is_none() {
        task.headers.argsrepr = Some(repr::raw_args(&task.args));
    }
    if task.headers.kwargsrepr.is_none() {
        task.headers.kwargsrepr = Some(repr::raw_kwargs(&task.kwargs));
    }
    let body = match serializer {
        // The arguments are JSON already.
        Serializer::Json => join(&task.args, &task.kwargs, &embed_json(std::mem::take(&mut task.embed))?),
        Serializer::Auth => {
            let body = join(&task.args, &task.kwargs, &embed_json(std::mem::take(&mut task.embed))?);
            signed::seal(&body, Serializer::Json)?
        }
        other => {
            let args: Value = json::from_slice(&task.args)?;
            let kwargs: Value = json::from_slice(&task.kwargs)?;
            other.encode(&Value::List(vec![args, kwargs, embed_value(task.embed)]))?
        }
    };
    let body = compressed(body, compression, &mut task.headers.compression)?;
    Ok(Message {
        headers: task.headers.encode()?,
        properties: task.properties,
        content_type: Some(serializer.content_type().to_owned()),
        content_encoding: Some(serializer.content_encoding().to_owned()),
        body,
    })
}

/// `[args, kwargs, embed]`
fn join(args: &[u8], kwargs: &[u8], embed: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(args.len() + kwargs.len() + embed.len() + 6);
    body.put_u8(b'[');
    body.put_slice(args);
    body.put_slice(b", ");
    body.put_slice(kwargs);
    body.put_slice(b", ");
    body.put_slice(embed);
    body.put_u8(b']');
    body.freeze()
}

const NO_EMBED: &[u8] = br#"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}"#;

fn embed_json(embed: Embed) -> Result<Bytes, CodecError> {
    if embed == Embed::default() {
        return Ok(Bytes::from_static(NO_EMBED));
    }
    json::to_bytes(&embed_value(embed))
}

fn embed_value(embed: Embed) -> Value {
    let list = |signatures: Option<Vec<Value>>| signatures.map_or(Value::Null, Value::List);
    let mut map = Map::default();
    map.insert("callbacks".into(), list(embed.callbacks));
    map.insert("errbacks".into(), list(embed.errbacks));
    map.insert("chain".into(), list(embed.chain));
    map.insert("chord".into(), embed.chord.unwrap_or(Value::Null));
    Value::Map(map)
}

fn compressed(
    body: Bytes,
    compression: Option<&str>,
    header: &mut Option<String>,
) -> Result<Bytes, CodecError> {
    let Some(name) = compression else {
        *header = None;
        return Ok(body);
    };
    let (content_type, body) = compress::compress(name, &body)?;
    *header = Some(content_type.to_owned());
    Ok(body)
}

fn encode_v1(
    task: TaskMessage,
    serializer: Serializer,
    compression: Option<&str>,
) -> Result<Message, CodecError> {
    let TaskMessage { headers, properties, args, kwargs, embed } = task;
    let text = |text: Option<String>| text.map_or(Value::Null, Value::Str);
    let list = |signatures: Option<Vec<Value>>| signatures.map_or(Value::Null, Value::List);
    let seconds = |seconds: Option<f64>| match seconds {
        None => Value::Null,
        // Whole ones as Python writes its integers.
        #[allow(clippy::cast_possible_truncation)] // checked to be whole and small
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => Value::Int(whole as i64),
        Some(part) => Value::Float(part),
    };
    let mut map = Map::default();
    map.insert("task".into(), Value::Str(headers.task));
    map.insert("id".into(), Value::Str(headers.id.to_string()));
    map.insert("args".into(), json::from_slice(&args)?);
    map.insert("kwargs".into(), json::from_slice(&kwargs)?);
    map.insert("group".into(), text(headers.group.clone()));
    map.insert("group_index".into(), headers.group_index.map_or(Value::Null, Value::Int));
    map.insert("retries".into(), Value::Int(headers.retries.into()));
    map.insert("eta".into(), text(headers.eta));
    map.insert("expires".into(), text(headers.expires));
    map.insert("utc".into(), Value::Bool(true));
    let mut callbacks = embed.callbacks;
    if let Some(next) = chain_as_link(embed.chain.unwrap_or_default()) {
        callbacks.get_or_insert_default().push(next);
    }
    map.insert("callbacks".into(), list(callbacks));
    map.insert("errbacks".into(), list(embed.errbacks));
    map.insert(
        "timelimit".into(),
        Value::List(vec![seconds(headers.timelimit.0), seconds(headers.timelimit.1)]),
    );
    map.insert("taskset".into(), text(headers.group));
    map.insert("chord".into(), embed.chord.unwrap_or(Value::Null));
    let mut only: Map = headers.extra;
    let mut header = None;
    let body = compressed(serializer.encode(&Value::Map(map))?, compression, &mut header)?;
    if let Some(content_type) = header {
        only.insert("compression".into(), Value::Str(content_type));
    }
    Ok(Message {
        headers: super::super::RawHeaders(json::to_bytes(&Value::Map(only))?),
        properties,
        content_type: Some(serializer.content_type().to_owned()),
        content_encoding: Some(serializer.content_encoding().to_owned()),
        body,
    })
}

/// Version 1 has no field for the rest of a chain: every step is a link of the one before it. `chain` is in reverse
/// order, as in version 2.
fn chain_as_link(chain: Vec<Value>) -> Option<Value> {
    chain.into_iter().reduce(|after, mut step| {
        if let Value::Map(fields) = &mut step {
            let options = fields.entry("options".into()).or_insert_with(|| Value::Map(Map::default()));
            if let Value::Map(options) = options {
                match options.entry("link".into()).or_insert_with(|| Value::List(Vec::new())) {
                    Value::List(links) => links.push(after),
                    other => *other = Value::List(vec![after]),
                }
            }
        }
        step
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_version_1_is_links_in_links() {
        let chain: Value = json::from_slice(
            br#"[{"task": "c", "options": {}}, {"task": "b", "options": {"link": null}}, {"task": "a"}]"#,
        )
        .unwrap();
        let link = chain_as_link(chain.as_list().unwrap().to_vec()).unwrap();
        assert_eq!(
            json::to_string(&link).unwrap(),
            r#"{"task":"a","options":{"link":[{"task":"b","options":{"link":[{"task":"c","options":{}}]}}]}}"#
        );
        assert_eq!(chain_as_link(Vec::new()), None);
    }
}
