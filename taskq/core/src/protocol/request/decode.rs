//! From a [`Message`] to a [`Request`], by Celery's rule: `task` in the headers makes it version 2; else
//! `task` in the body makes it version 1; else it is no task.

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::{Malformed, MalformedKind, Request};
use crate::{
    Timestamp,
    codec::{Accept, CodecError, Map, Serializer, Value, compress, json, signed},
    protocol::{
        Arguments, Body, DeliveryInfo, Embed, Headers, Message, Protocol, TaskId,
        headers::wire::{self, Loose},
        time,
    },
};

pub(super) fn decode(
    message: Message,
    delivery: DeliveryInfo,
    accept: &Accept,
    zone: &TimeZone,
    inflate_limit: usize,
) -> Result<Request, Box<Malformed>> {
    if message.body.len() <= inflate_limit
        && let Some(usual) = Usual::read(&message, accept, zone)
    {
        return Ok(usual.with(message, delivery));
    }
    // What is known of the message, for the caller who waits, grows as decoding goes on.
    let mut known = Malformed {
        kind: MalformedKind::Undecodable,
        detail: String::new(),
        id: None,
        task: None,
        reply_to: message.properties.reply_to.clone(),
    };
    match steps(message, delivery, accept, zone, inflate_limit, &mut known) {
        Ok(request) => Ok(request),
        Err(detail) => Err(Box::new(Malformed { detail, ..known })),
    }
}

/// What nearly every message is: version 2, in JSON that is not compressed, with headers of the usual types. Anything
/// else, and whatever is wrong with it, is found out step by step.
struct Usual {
    headers: Headers,
    body: Body,
    eta: Option<Timestamp>,
    expires: Option<Timestamp>,
}

impl Usual {
    fn read(message: &Message, accept: &Accept, zone: &TimeZone) -> Option<Self> {
        if accept.check(message.content_type.as_deref()?).ok()? != Serializer::Json {
            return None;
        }
        let headers = Headers::plain(&message.headers).filter(|headers| headers.compression.is_none())?;
        let body = split(&message.body).ok()?;
        let instant = |text: &Option<String>| match text {
            Some(text) => time::parse_timestamp(text, zone).ok().map(Some),
            None => Some(None),
        };
        Some(Self { eta: instant(&headers.eta)?, expires: instant(&headers.expires)?, headers, body })
    }

    fn with(self, message: Message, delivery: DeliveryInfo) -> Request {
        let Self { headers, body, eta, expires } = self;
        Request {
            headers,
            properties: message.properties,
            delivery,
            arguments: body.arguments,
            embed: body.embed,
            protocol: Protocol::V2,
            content_type: message.content_type.unwrap_or_default(),
            eta,
            expires,
        }
    }
}

fn steps(
    message: Message,
    delivery: DeliveryInfo,
    accept: &Accept,
    zone: &TimeZone,
    inflate_limit: usize,
    known: &mut Malformed,
) -> Result<Request, String> {
    let loose = Loose::parse(&message.headers).map_err(|error| format!("headers: {error}"))?;
    known.id = loose.id.as_ref().and_then(Value::as_str).map(TaskId::from);
    known.task = loose.task.as_ref().and_then(Value::as_str).map(str::to_owned);
    let compression = loose.compression().map(str::to_owned);
    let has_task = loose.has_task();

    let Some(content_type) = message.content_type.as_deref() else {
        return Err("the message has no content type".to_owned());
    };
    let serializer = accept.check(content_type).map_err(|error| {
        known.kind = MalformedKind::RefusedContentType;
        error.to_string()
    })?;
    let content_type = content_type.to_owned();
    let body = match &compression {
        None if message.body.len() > inflate_limit => {
            let length = message.body.len();
            return Err(format!("body: {length} bytes, beyond the {inflate_limit} of `max_body_size`"));
        }
        None => message.body,
        Some(name) => compress::decompress(name, &message.body, inflate_limit)
            .map_err(|error| format!("body: {error}"))?,
    };

    let (serializer, body) = match serializer {
        Serializer::Auth => signed::unseal(&body).map_err(|error| {
            known.kind = MalformedKind::RefusedContentType;
            format!("body: {error}")
        })?,
        plain => (plain, body),
    };

    let (protocol, headers, body) = if has_task {
        let headers = loose.into_headers()?;
        version_2(headers, serializer, &body)?
    } else {
        version_1(loose.into_extra(), serializer, &body, known)?
    };
    let instant = |name: &str, text: &Option<String>| -> Result<Option<Timestamp>, String> {
        text.as_deref()
            .map(|text| {
                time::parse_timestamp(text, zone).map_err(|error| format!("header `{name}`: {error}"))
            })
            .transpose()
    };
    let eta = instant("eta", &headers.eta)?;
    let expires = instant("expires", &headers.expires)?;
    Ok(Request {
        headers,
        properties: message.properties,
        delivery,
        arguments: body.arguments,
        embed: body.embed,
        protocol,
        content_type,
        eta,
        expires,
    })
}

fn version_2(
    headers: Headers,
    serializer: Serializer,
    body: &Bytes,
) -> Result<(Protocol, Headers, Body), String> {
    if serializer == Serializer::Json && body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Ok((Protocol::V2, headers, split(body)?));
    }
    match decode_value(serializer, body)? {
        Value::List(items) => {
            let [args, kwargs, embed]: [Value; 3] =
                items.try_into().map_err(|items: Vec<Value>| wrong_length(items.len()))?;
            let body = Body { arguments: values(args, kwargs)?, embed: embed_from(embed)? };
            Ok((Protocol::V2, headers, body))
        }
        // A version 1 body under version 2 headers. A retry is version 2, which keeps the headers.
        Value::Map(map) if map.contains_key("args") => {
            let (headers, body) = from_map(map, headers)?;
            Ok((Protocol::V2, headers, body))
        }
        _ => Err("the body is neither a list of three nor a map with `args`".to_owned()),
    }
}

fn version_1(
    extra: Map,
    serializer: Serializer,
    body: &Bytes,
    known: &mut Malformed,
) -> Result<(Protocol, Headers, Body), String> {
    let Ok(Value::Map(map)) = decode_value(serializer, body) else {
        return Err("header `task` is missing, and the body is no version 1 task".to_owned());
    };
    known.id = map.get("id").and_then(Value::as_str).map(TaskId::from);
    known.task = map.get("task").and_then(Value::as_str).map(str::to_owned);
    let Some(task) = known.task.clone() else {
        return Err("neither the headers nor the body name a `task`".to_owned());
    };
    let Some(id) = known.id.clone() else {
        return Err("the version 1 body has no `id`".to_owned());
    };
    let mut headers = Headers::new(task, id);
    headers.lang.clear();
    headers.extra = extra;
    let (headers, body) = from_map(map, headers)?;
    Ok((Protocol::V1, headers, body))
}

fn decode_value(serializer: Serializer, body: &[u8]) -> Result<Value, String> {
    serializer.decode(body).map_err(|error| format!("body: {error}"))
}

/// The body as JSON: three raw elements, of which only the links are decoded now.
fn split(body: &Bytes) -> Result<Body, String> {
    let named = |error: CodecError| format!("body: {error}");
    let items = json::split_list(body).map_err(named)?;
    let [args, kwargs, embed]: [Bytes; 3] =
        items.try_into().map_err(|items: Vec<Bytes>| wrong_length(items.len()))?;
    if args.first() != Some(&b'[') {
        return Err("body: `args` is not a list".to_owned());
    }
    if kwargs.first() != Some(&b'{') {
        return Err("body: `kwargs` is not a map".to_owned());
    }
    let embed = match embed.as_ref() {
        // What Celery and we write for a task with nothing to follow.
        br#"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}"# | b"null" | b"{}" => {
            Embed::default()
        }
        embed => embed_from(json::from_slice(embed).map_err(named)?)?,
    };
    Ok(Body { arguments: Arguments::Raw { args, kwargs }, embed })
}

fn wrong_length(len: usize) -> String {
    format!("body: a list of `[args, kwargs, embed]` is expected, this one has {len} elements")
}

fn values(args: Value, kwargs: Value) -> Result<Arguments, String> {
    let Value::List(args) = args else { return Err("body: `args` is not a list".to_owned()) };
    let Value::Map(kwargs) = kwargs else { return Err("body: `kwargs` is not a map".to_owned()) };
    Ok(Arguments::Values { args, kwargs })
}

fn embed_from(value: Value) -> Result<Embed, String> {
    let mut map = match value {
        Value::Null => return Ok(Embed::default()),
        Value::Map(map) => map,
        _ => return Err("body: the third element is no map".to_owned()),
    };
    Ok(Embed {
        callbacks: signatures("callbacks", map.shift_remove("callbacks"))?,
        errbacks: signatures("errbacks", map.shift_remove("errbacks"))?,
        chain: signatures("chain", map.shift_remove("chain"))?,
        chord: signature("chord", map.shift_remove("chord"))?,
    })
}

fn signatures(name: &str, value: Option<Value>) -> Result<Option<Vec<Value>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::List(items)) if items.iter().all(is_signature) => Ok(Some(items)),
        // One signature without a list around it is read as a list of one.
        Some(one) if is_signature(&one) => Ok(Some(vec![one])),
        Some(_) => Err(format!("body: `{name}` is not a list of signatures")),
    }
}

fn signature(name: &str, value: Option<Value>) -> Result<Option<Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(one) if is_signature(&one) => Ok(Some(one)),
        Some(_) => Err(format!("body: `{name}` is not a signature")),
    }
}

fn is_signature(value: &Value) -> bool {
    matches!(value, Value::Map(map) if matches!(map.get("task"), Some(Value::Str(_))))
}

/// Fields of a version 1 body over `headers`.
fn from_map(mut map: Map, mut headers: Headers) -> Result<(Headers, Body), String> {
    let mut take = |name: &str| map.shift_remove(name).filter(|value| *value != Value::Null);
    let text = |value: Option<Value>| match value {
        Some(Value::Str(text) | Value::DateTime(text)) => Some(text),
        _ => None,
    };
    let arguments = values(
        take("args").unwrap_or_else(|| Value::List(Vec::new())),
        take("kwargs").unwrap_or_else(|| Value::Map(Map::default())),
    )?;
    let embed = Embed {
        callbacks: signatures("callbacks", take("callbacks"))?,
        errbacks: signatures("errbacks", take("errbacks"))?,
        chain: signatures("chain", take("chain"))?,
        chord: signature("chord", take("chord"))?,
    };
    if let Some(group) = text(take("group").or_else(|| take("taskset"))) {
        headers.group = Some(group);
    }
    if let Some(index) = take("group_index").and_then(|value| value.as_i64()) {
        headers.group_index = Some(index);
    }
    if let Some(count) = take("retries") {
        headers.retries = wire::retries(&count)?;
    }
    if let Some(eta) = take("eta") {
        headers.eta = wire::time_text("eta", eta)?;
    }
    if let Some(expires) = take("expires") {
        headers.expires = wire::time_text("expires", expires)?;
    }
    if let Some(limits) = take("timelimit") {
        headers.timelimit = wire::time_limit(&limits)?;
    }
    Ok((headers, Body { arguments, embed }))
}
