//! Broken messages: each is a task, or an error that says what is wrong and whom to tell.

use bytes::Bytes;
use taskq_core::{
    codec::{Value, json},
    config::Settings,
    protocol::{MalformedKind, Message, Protocol, RawHeaders},
};

use crate::{
    messages::{decode, decode_within},
    recordings,
};

/// What a recording is for us.
enum Expect {
    /// A task.
    Task,
    /// Malformed, with this in the detail; the id and the name can still be read.
    Named(&'static str),
    /// Malformed, and nobody can be told.
    Nameless(&'static str),
    /// No message at all: the driver keeps it.
    NoEnvelope,
}

/// Every `redis.poison.*` recording. Python ends, loops or drops silently on most of them (WIRE.md 1.5).
const EXPECTED: [(&str, Expect); 40] = {
    use Expect::{Named, Nameless, NoEnvelope, Task};
    [
        ("args-not-list", Named("`args` is not a list")),
        ("args-null", Named("`args` is not a list")),
        ("bad-base64", Named("body: ")),
        ("body-empty", Named("body: ")),
        ("body-four", Named("this one has 4 elements")),
        ("body-hybrid", Task),
        ("body-map", Named("neither a list of three nor a map with `args`")),
        ("body-not-json", Named("body: ")),
        ("body-null", Named("neither a list of three nor a map with `args`")),
        ("body-two", Named("this one has 2 elements")),
        ("callbacks-bad", Named("`callbacks` is not a list of signatures")),
        ("chain-bad", Named("`chain` is not a list of signatures")),
        ("compression-unknown", Named("compression `application/x-nope` is unknown")),
        ("content-type-null", Named("no content type")),
        ("content-type-unknown", Named("is unknown")),
        ("delivery-info-empty", Task),
        ("embed-empty", Task),
        ("embed-null", Task),
        ("eta-bad", Named("header `eta`")),
        ("eta-far", Task),
        ("eta-number", Named("header `eta`")),
        ("expires-bad", Named("header `expires`")),
        ("good", Task),
        ("headers-missing", Nameless("header `task` is missing")),
        ("headers-null", Nameless("header `task` is missing")),
        ("kwargs-list", Named("`kwargs` is not a map")),
        ("kwargs-null", Named("`kwargs` is not a map")),
        ("no-body-encoding", Task),
        ("no-delivery-info", Task),
        ("no-delivery-tag", Task),
        ("no-id", Nameless("header `id` is missing")),
        // Nothing says that the body is base64.
        ("no-properties", Nameless("body: ")),
        ("no-reprs", Task),
        ("no-task", Nameless("header `task` is missing")),
        ("not-json", NoEnvelope),
        ("not-object", NoEnvelope),
        ("retries-text", Task),
        ("stamps-no-list", Task),
        ("timelimit-number", Named("header `timelimit`")),
        ("timelimit-one", Named("header `timelimit`")),
    ]
};

#[test]
fn every_poison_is_told_apart() {
    let recordings = recordings::cases("redis.poison.");
    assert_eq!(recordings.len(), EXPECTED.len());
    for ((name, recording), (short, expected)) in recordings.iter().zip(&EXPECTED) {
        assert_eq!(name.strip_prefix("redis.poison.").unwrap(), *short);
        let raw = recordings::raw(&recording["raw"]);
        if matches!(expected, Expect::NoEnvelope) {
            assert!(json::split_map(&raw).is_err(), "{name}");
            continue;
        }
        let decoded = decode(recordings::envelope(&raw));
        match (expected, decoded) {
            (Expect::Task, Ok(request)) => assert_eq!(request.headers.task, "t.add", "{name}"),
            (Expect::Named(detail), Err(malformed)) => {
                assert!(malformed.detail.contains(detail), "{name}: {}", malformed.detail);
                assert_eq!(malformed.task.as_deref(), Some("t.add"), "{name}");
                assert!(malformed.id.is_some(), "{name}");
                assert!(malformed.reply_to.is_some(), "{name}");
            }
            (Expect::Nameless(detail), Err(malformed)) => {
                assert!(malformed.detail.contains(detail), "{name}: {}", malformed.detail);
            }
            (_, decoded) => panic!("{name}: {decoded:?}"),
        }
    }
}

#[test]
fn a_version_1_body_under_version_2_headers_gives_the_arguments() {
    let recording = recordings::case("redis.poison.body-hybrid");
    let request = decode(recordings::envelope(&recordings::raw(&recording["raw"]))).unwrap();
    let (args, kwargs) = request.arguments.to_values().unwrap();
    assert_eq!(args, [Value::from(1), Value::from(2)]);
    assert!(kwargs.is_empty());
    assert_eq!(request.protocol, Protocol::V2);
    assert!(request.headers.argsrepr.is_some());
}

fn good() -> Message {
    recordings::envelope(&recordings::raw(&recordings::case("redis.poison.good")["raw"]))
}

/// The good message with another body.
fn with_body(body: impl Into<Bytes>) -> Message {
    Message { body: body.into(), ..good() }
}

fn detail(message: Message) -> String {
    let malformed = decode(message).unwrap_err();
    assert!(malformed.id.is_some());
    malformed.detail
}

#[test]
fn hostile_bodies_are_errors() {
    let deep = |open: &str, close: &str| {
        format!("[[{}{}], {{}}, null]", open.repeat(100_000), close.repeat(100_000))
    };
    assert!(detail(with_body(deep("[", "]"))).contains("nested deeper than 128 levels"));
    assert!(detail(with_body(deep("{\"a\":", "}"))).contains("nested deeper than 128 levels"));
    assert!(detail(with_body(b"[[\"\xff\"], {}, null]".as_slice())).contains("not UTF-8"));
    assert!(detail(with_body("[[1}, {}, null]")).contains("brackets do not match"));
    assert!(detail(with_body("[[1], {}, null] [")).contains("followed by something else"));
    assert!(detail(with_body("[[1], {}, {\"chord\": 3}]")).contains("`chord` is not a signature"));
    for format in ["application/x-msgpack", "application/x-yaml"] {
        for body in ["[".repeat(100_000).into_bytes(), vec![0x91; 100_000], vec![0xff; 9], Vec::new()] {
            detail(Message { content_type: Some(format.to_owned()), ..with_body(body) });
        }
    }
}

#[test]
fn a_body_of_fifty_megabytes_is_a_task() {
    let body = format!("[[\"{}\"], {{}}, null]", "x".repeat(50 << 20));
    let limit = usize::try_from(Settings::default().max_body_size).unwrap();
    let request = decode_within(limit, with_body(body)).unwrap();
    let (args, _) = request.arguments.to_values().unwrap();
    assert_eq!(args[0].as_str().map(str::len), Some(50 << 20));
}

#[test]
fn a_bomb_does_not_inflate() {
    let (name, bomb) = taskq_core::codec::compress::compress("zlib", &vec![b' '; 64 << 20]).unwrap();
    let headers = String::from_utf8(good().headers.0.into()).unwrap();
    let headers = headers.replacen('{', &format!("{{\"compression\": \"{name}\", "), 1);
    let message = Message { headers: RawHeaders(headers.into()), ..with_body(bomb) };
    assert!(detail(message).contains("inflates to more than"));
}

#[test]
fn headers_of_wrong_types_are_read_or_named() {
    let with = |name: &str, value: &str| {
        let headers = format!(r#"{{"task": "t.add", "id": "an id", "{name}": {value}}}"#);
        decode(Message { headers: RawHeaders(headers.into()), ..good() })
    };
    for (name, value) in [
        ("eta", "[]"),
        ("expires", "{}"),
        ("timelimit", "[1, \"x\"]"),
        ("retries", "-1"),
        ("retries", "{}"),
        ("task", "null"),
        ("id", "7"),
    ] {
        let malformed = with(name, value).unwrap_err();
        assert!(malformed.detail.contains(&format!("`{name}`")), "{name}: {}", malformed.detail);
    }
    // What decides nothing is no reason to lose a task.
    for name in ["shadow", "argsrepr", "origin", "group", "stamps", "stamped_headers", "root_id", "x"] {
        for value in ["7", "[]", "{}", "null", "\"text\""] {
            with(name, value).unwrap_or_else(|error| panic!("{name} {value}: {error:?}"));
        }
    }
    for headers in ["[]", "7", "\"task\"", "{", "{\"task\": NaN, \"id\": 1}", "\u{0}"] {
        let message = Message { headers: RawHeaders(headers.into()), ..good() };
        let malformed = decode(message).unwrap_err();
        assert_eq!(malformed.kind, MalformedKind::Undecodable);
    }
}

#[test]
fn version_1_is_as_strict() {
    let with = |field: &str| {
        let body = format!(r#"{{"task": "t.add", "id": "an id", "args": [1], "kwargs": {{}}, {field}}}"#);
        decode(Message { headers: RawHeaders::default(), ..with_body(body) })
    };
    let request = with(r#""retries": "2", "eta": null, "timelimit": [3, null]"#).unwrap();
    assert_eq!((request.headers.retries, request.headers.timelimit), (2, (Some(3.0), None)));
    for field in
        [r#""eta": 7"#, r#""expires": "soon""#, r#""timelimit": 3"#, r#""retries": -1"#, r#""chord": 1"#]
    {
        let malformed = with(field).unwrap_err();
        assert!(malformed.id.is_some() && malformed.task.is_some(), "{field}");
        let name = field.split('"').nth(1).unwrap();
        assert!(malformed.detail.contains(&format!("`{name}`")), "{field}: {}", malformed.detail);
    }
}

#[test]
fn a_refused_content_type_keeps_the_address() {
    let message = Message { content_type: Some("application/x-python-serialize".into()), ..good() };
    let malformed = decode(message).unwrap_err();
    assert_eq!(malformed.kind, MalformedKind::RefusedContentType);
    assert!(malformed.detail.contains("`accept_content`"), "{}", malformed.detail);
    assert!(malformed.id.is_some() && malformed.task.is_some() && malformed.reply_to.is_some());
}
