//! Whatever comes from outside, read from bytes that nobody wrote: each target answers, or panics.
//!
//! `cargo +nightly fuzz run <target>` runs them for as long as it is let; `taskq/core/tests/fuzz.rs` runs the same
//! functions on the stable compiler, over mutations of the recordings of real Celery. What is found is kept in
//! `crashes/<target>/`, which that test runs first.

mod seeds;

use bytes::Bytes;
use jiff::tz::TimeZone;
use taskq_core::{
    backend::TaskMeta,
    broker::Envelope,
    canvas::Signature,
    codec::{Accept, Map, Serializer, Value, compress, from_value, json, repr, typed},
    control::{Command, Reply},
    event::{Cluster, Event},
    protocol::{DeliveryInfo, Headers, Message, Properties, RawHeaders, Request, TaskId},
    schedule::{Crontab, Schedule},
};

pub use seeds::seeds;

/// One target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("body", body),
    ("compression", compression),
    ("control", control),
    ("crontab", crontab),
    ("envelope", envelope),
    ("events", events),
    ("headers", headers),
    ("results", results),
    ("signatures", signatures),
    ("values", values),
];

/// The most that a body may inflate to here, in bytes.
const INFLATED: usize = 1 << 20;
/// What the first byte of some inputs chooses from.
const CONTENT_TYPES: [&str; 4] =
    ["application/json", "application/x-msgpack", "application/x-yaml", "application/data"];
const COMPRESSIONS: [&str; 5] = ["zlib", "bzip2", "lzma", "brotli", "zstd"];

/// What an embedded broker has stored: what is read is written and read again as the same.
pub fn envelope(data: &[u8]) {
    let Ok(read) = Envelope::decode(&Bytes::copy_from_slice(data)) else { return };
    if let Ok(again) = Envelope::encode(&read.message, &read.exchange, &read.routing_key) {
        let again = Envelope::decode(&again).expect("what was written is read");
        assert_eq!(format!("{again:?}"), format!("{read:?}"));
    }
}

/// The headers of a task, alone and as a part of a message.
pub fn headers(data: &[u8]) {
    let raw = RawHeaders(Bytes::copy_from_slice(data));
    if let Ok(headers) = Headers::parse(&raw)
        && let Ok(again) = headers.encode()
    {
        Headers::parse(&again).expect("what was written is read");
    }
    request(Message { headers: raw, ..message("application/json", b"[[1], {}, {}]") });
}

/// The body of a task: the first byte chooses the format, the compression, and the version of the protocol.
pub fn body(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let mut message = message(content_type(*choice), body);
    let compression = COMPRESSIONS.get(usize::from(choice >> 2) % 16);
    message.headers = RawHeaders(match (choice & 0x80 != 0, compression) {
        (true, _) => Bytes::from_static(b"{}"),
        (_, Some(name)) => {
            format!("{{\"task\": \"t.a\", \"id\": \"i\", \"compression\": \"{name}\"}}").into()
        }
        (_, None) => Bytes::from_static(b"{\"task\": \"t.a\", \"id\": \"i\", \"root_id\": \"r\"}"),
    });
    request(message);
}

fn request(message: Message) {
    let decoded = Request::decode(message, DeliveryInfo::default(), &Accept::all(), &TimeZone::UTC, INFLATED);
    let Ok(request) = decoded else { return };
    let _ = request.arguments.to_values();
    let _ = request.arguments.shown(&[]);
    let _ = request.embed.leads_to("i");
    let follow = [&request.embed.callbacks, &request.embed.errbacks, &request.embed.chain];
    for value in follow.into_iter().flatten().flatten().chain(&request.embed.chord) {
        let _ = Signature::from_value(value.clone());
    }
}

/// Values in each format, and the types of Python that travel in them.
pub fn values(data: &[u8]) {
    for serializer in Serializer::ALL {
        let Ok(value) = serializer.decode(data) else { continue };
        let shown = repr::value(&value);
        // Not every format holds every value.
        if let Ok(written) = serializer.encode(&value) {
            let again = serializer.decode(&written).expect("what was written is read");
            assert_eq!(repr::value(&again), shown, "{serializer:?}");
        }
        let _ = from_value::<(typed::DateTime, typed::Date, typed::Time, typed::Uuid, typed::Decimal)>(value);
    }
    let _ = repr::raw_args(data);
    let _ = repr::raw_kwargs(data);
    let _ = json::from_slice::<Vec<typed::DateTime<jiff::civil::DateTime>>>(data);
}

/// A signature as JSON: what is read is written and read again as the same.
pub fn signatures(data: &[u8]) {
    let Ok(value) = json::from_slice::<Value>(data) else { return };
    let Ok(signature) = Signature::from_value(value) else { return };
    let written = signature.to_value();
    let again = Signature::from_value(written.clone()).expect("what was written is read");
    assert_eq!(repr::value(&again.to_value()), repr::value(&written));
    let _ = signature.prepend([Value::Int(1)]);
}

/// A line of a crontab: one that is accepted has a next time.
pub fn crontab(data: &[u8]) {
    let Some(line) = std::str::from_utf8(data).ok().filter(|line| line.len() < 200) else { return };
    let Ok(crontab) = line.parse::<Crontab>() else { return };
    let after = jiff::civil::date(2026, 3, 28).at(23, 59, 30, 0).to_zoned(TimeZone::UTC).expect("a time");
    let next = crontab.next(&after).unwrap_or_else(|| panic!("`{line}` is accepted and never due"));
    assert!(next > after, "{line}: {next}");
    let _ = crontab.describe();
}

/// Events: the first byte chooses the format.
pub fn events(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let (events, _) = Event::read(&message(content_type(*choice), body));
    let mut cluster = Cluster::new(10);
    for (event, now) in events.iter().zip(0_u32..) {
        cluster.take(event, f64::from(now));
        let map = event.to_map();
        assert_eq!(Event::from_map(map.clone()).map(|event| event.to_map().len()), Some(map.len()));
    }
    assert!(cluster.tasks().count() <= 10);
}

/// Remote control, both what is asked and what is replied: the first byte chooses the format.
pub fn control(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let message = message(content_type(*choice), body);
    let _ = Reply::read(&message);
    let Ok(command) = Command::read(&message) else { return };
    let _ = command.is_for("celery@web1");
    if let Ok(written) = command.to_message() {
        let again = Command::read(&written).expect("what was written is read");
        assert_eq!(again.method, command.method);
    }
}

/// Compressed bytes: the first byte chooses how.
pub fn compression(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let name = COMPRESSIONS[usize::from(*choice) % COMPRESSIONS.len()];
    if let Ok(inflated) = compress::decompress(name, body, INFLATED) {
        assert!(inflated.len() <= INFLATED, "{name}");
    }
    if let Ok(inflated) = compress::decompress_result(&Bytes::copy_from_slice(body), INFLATED) {
        assert!(inflated.len() <= INFLATED.max(body.len()));
    }
}

/// Stored results: the first byte chooses the format.
pub fn results(data: &[u8]) {
    let Some((choice, stored)) = data.split_first() else { return };
    let serializer = Serializer::ALL[usize::from(*choice) % Serializer::ALL.len()];
    let id = TaskId::from("aaaaaaaa-0000-4000-8000-000000000001");
    if let Ok(meta) = TaskMeta::decode(&id, stored, serializer)
        && let Ok(written) = meta.encode(serializer)
    {
        TaskMeta::decode(&id, &written, serializer).expect("what was written is read");
    }
}

fn content_type(choice: u8) -> &'static str {
    CONTENT_TYPES[usize::from(choice) % CONTENT_TYPES.len()]
}

fn message(content_type: &str, body: &[u8]) -> Message {
    Message {
        headers: RawHeaders(Bytes::from_static(b"{}")),
        properties: Properties { extra: Map::default(), ..Properties::default() },
        content_type: Some(content_type.to_owned()),
        content_encoding: Some("utf-8".to_owned()),
        body: Bytes::copy_from_slice(body),
    }
}
