//! Every recorded task message is read, and what was read is written as Celery wrote it.

use jiff::tz::TimeZone;
use serde_json::Value as Json;
use taskq_core::{
    codec::{Accept, CodecError, Map, Serializer, Value, compress, json, repr},
    protocol::{Arguments, DeliveryInfo, Malformed, MalformedKind, Message, Protocol, Request, TaskMessage},
};

use crate::recordings::{self, shown};

const LIMIT: usize = 1 << 20;

pub(crate) fn decode(message: Message) -> Result<Request, Box<Malformed>> {
    decode_within(LIMIT, message)
}

pub(crate) fn decode_within(limit: usize, message: Message) -> Result<Request, Box<Malformed>> {
    Request::decode(message, DeliveryInfo::default(), &Accept::all(), &TimeZone::UTC, limit)
}

fn headers(message: &Message) -> Map {
    json::from_slice(&message.headers.0).unwrap_or_default()
}

fn body(message: &Message) -> Value {
    let headers = headers(message);
    let serializer = Accept::all().check(message.content_type.as_deref().unwrap()).unwrap();
    match headers.get("compression").and_then(Value::as_str) {
        Some(name) => serializer.decode(&compress::decompress(name, &message.body, LIMIT).unwrap()),
        None => serializer.decode(&message.body),
    }
    .unwrap()
}

/// The request as a message again, in the same version, format and compression.
fn encode(request: Request) -> Result<Message, CodecError> {
    let serializer = Serializer::from_name(&request.content_type)?;
    let compression = request.headers.compression.clone();
    let (args, kwargs) = match request.arguments {
        Arguments::Raw { args, kwargs } => (args, kwargs),
        Arguments::Values { args, kwargs } => (json::to_bytes(&args)?, json::to_bytes(&kwargs)?),
    };
    TaskMessage {
        headers: request.headers,
        properties: request.properties,
        args,
        kwargs,
        embed: request.embed,
    }
    .encode(request.protocol, serializer, compression.as_deref())
}

/// Every message of every recording that a worker takes as a task.
fn tasks() -> Vec<(String, Json, Message)> {
    let mut tasks = Vec::new();
    for (name, recording) in recordings::cases("") {
        for recorded in recording["messages"].as_array().into_iter().flatten() {
            let message = recordings::message(recorded);
            let is_task = headers(&message).contains_key("task")
                || recorded["body"].get("task").is_some_and(Json::is_string);
            if is_task {
                tasks.push((name.clone(), recorded.clone(), message));
            }
        }
    }
    assert!(tasks.len() > 300, "only {} messages", tasks.len());
    tasks
}

#[test]
fn every_task_message_is_read() {
    let (mut read, mut refused) = (0, 0);
    for (name, recorded, message) in tasks() {
        let original = headers(&message);
        let content_type = message.content_type.clone().unwrap_or_default();
        let request = match decode(message.clone()) {
            Ok(request) => request,
            Err(malformed) if malformed.kind == MalformedKind::RefusedContentType => {
                assert!(
                    matches!(content_type.as_str(), "application/data" | "application/x-python-serialize"),
                    "{name}: `{content_type}` is refused"
                );
                assert_eq!(malformed.id.as_ref().map(AsRef::as_ref), original["id"].as_str(), "{name}");
                refused += 1;
                continue;
            }
            // Sent on purpose.
            Err(_) if name.ends_with(".bad-json") => continue,
            Err(malformed) => panic!("{name}: {malformed:?}"),
        };
        let value = body(&message);
        let fields = match &value {
            Value::List(fields) => fields.clone(),
            map => vec![map.get("args").unwrap().clone(), map.get("kwargs").unwrap().clone()],
        };
        let (args, kwargs) = request.arguments.to_values().unwrap();
        assert_eq!(fields[0], Value::List(args), "{name}");
        assert_eq!(fields[1], Value::Map(kwargs), "{name}");
        if !json::to_string(&value).unwrap().contains("__type__") {
            assert_eq!(shown(&value), recorded["body"], "{name}");
        }
        let source = if request.protocol == Protocol::V2 { &original } else { value.as_map().unwrap() };
        assert_eq!(source["task"].as_str(), Some(request.headers.task.as_str()), "{name}");
        assert_eq!(source["id"].as_str(), Some(request.id().as_str()), "{name}");
        for (header, instant) in [("eta", request.eta), ("expires", request.expires)] {
            let is_set = source.get(header).is_some_and(|value| !value.is_null());
            assert_eq!(instant.is_some(), is_set, "{name}: {header}");
        }
        read += 1;
    }
    assert!(read > 300 && refused >= 4, "{read} read, {refused} refused");
}

#[test]
fn what_was_read_is_written_as_it_was() {
    for (name, _, message) in tasks() {
        let Ok(request) = decode(message.clone()) else { continue };
        // Others are made by hand and lack what we always write.
        let is_celerys = !name.contains(".worker.");
        let again = encode(request).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (before, after) = (headers(&message), headers(&again));
        for (header, value) in &before {
            assert_eq!(after.get(header), Some(value), "{name}: header `{header}`");
        }
        if is_celerys {
            // Recordings of AMQP give no order.
            let names = |map: &Map| {
                let mut names: Vec<_> = map.keys().cloned().collect();
                if name.starts_with("amqp.") {
                    names.sort();
                }
                names
            };
            assert_eq!(names(&after), names(&before), "{name}");
        }
        assert_eq!(again.properties, message.properties, "{name}");
        assert_eq!(again.content_type, message.content_type, "{name}");
        assert_eq!(again.content_encoding, message.content_encoding, "{name}");
        let (before, after) = (body(&message), body(&again));
        if is_celerys {
            assert_eq!(after, before, "{name}");
        } else if let (Some(before), Some(after)) = (before.as_list(), after.as_list()) {
            assert_eq!(after[..2], before[..2], "{name}");
        }
    }
}

#[test]
fn a_naive_time_is_in_the_zone_of_the_worker() {
    let recording = recordings::case("redis.task.eta-naive");
    let message = recordings::message(&recording["messages"][0]);
    let rome = TimeZone::get("Europe/Rome").unwrap();
    let request =
        Request::decode(message, DeliveryInfo::default(), &Accept::default(), &rome, LIMIT).unwrap();
    assert_eq!(request.headers.eta.as_deref(), Some("2030-01-02T04:00:00"));
    assert_eq!(request.eta.unwrap().to_string(), "2030-01-02T03:00:00Z");
}

#[test]
fn arguments_are_shown_as_celery_shows_them() {
    let mut same = 0;
    for (name, _, message) in tasks() {
        let Ok(request) = decode(message) else { continue };
        let (Some(args), Some(kwargs)) = (&request.headers.argsrepr, &request.headers.kwargsrepr) else {
            continue;
        };
        let (ours, by_name) = match &request.arguments {
            Arguments::Raw { args, kwargs } => (repr::raw_args(args), repr::raw_kwargs(kwargs)),
            Arguments::Values { args, kwargs } => (repr::args(args), repr::kwargs(kwargs)),
        };
        // A caller may give texts of their own.
        if name.ends_with("argsrepr-given") {
            continue;
        }
        assert_eq!(as_lists(&ours), as_lists(args), "{name}");
        assert_eq!(as_lists(&by_name), as_lists(kwargs), "{name}");
        same += usize::from(ours == *args && by_name == *kwargs);
    }
    assert!(same > 200, "only {same} compared");
}

/// Tuples and lists of Python are the same thing once sent.
fn as_lists(repr: &str) -> String {
    repr.replace(",)", "]").replace('(', "[").replace(')', "]")
}
