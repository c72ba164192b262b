use std::path::Path;

use super::*;

fn headers(message: &Message) -> Value {
    json::from_slice(&message.headers.0).unwrap()
}

fn message(headers: &'static [u8]) -> Message {
    Message {
        headers: RawHeaders(Bytes::from_static(headers)),
        content_type: Some("application/json".into()),
        ..Message::default()
    }
}

fn back(properties: &BasicProperties) -> (Message, Mark) {
    match read(properties, &Bytes::new()) {
        Read { payload: Payload::Message(message), mark } => (message, mark),
        other => panic!("{other:?}"),
    }
}

/// Every message that Celery was seen to send comes out of our writer with the same properties and fields.
#[test]
fn recorded_messages_come_out_as_they_went_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/celery");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("amqp.task.") {
            continue;
        }
        let case: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for recorded in case["messages"].as_array().into_iter().flatten() {
            use base64::{Engine, prelude::BASE64_STANDARD};
            let Some(raw) = recorded["properties_raw_base64"].as_str() else { continue };
            let raw = BASE64_STANDARD.decode(raw).unwrap();
            let (_, sent) = lapin::protocol::basic::parse_properties(&raw[..]).unwrap();
            let (read, mark) = back(&sent);
            assert_eq!(mark, Mark::default(), "{name}");
            let expected: Value =
                json::from_slice(serde_json::to_string(&recorded["headers"]).unwrap().as_bytes()).unwrap();
            assert_eq!(headers(&read), expected, "{name}");
            assert_eq!(write(&read, &mark, "guest").unwrap(), sent, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen} messages were compared");
}

#[test]
fn what_a_table_cannot_hold_arrives_all_the_same() {
    let sent = message(
        br#"{"big": 123456789012345678901234567890, "l": [1, {"when": {"__type__": "datetime",
            "__value__": "2030-01-02T03:04:05.000006+00:00"}}], "d": {"__type__": "decimal", "__value__": "-1.50"},
            "u": {"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000001"}},
            "f": 0.1, "n": null, "i": 3000000000, "t": "\u00e4"}"#,
    );
    let properties = write(&sent, &Mark::default(), "guest").unwrap();
    let (came, mark) = back(&properties);
    assert_eq!(headers(&came), headers(&sent));
    // And again after it was sent on.
    let onward = Mark { failed: 2, ..Mark::default() }.replace(properties.headers().as_ref().unwrap());
    let (came, onward) = back(&properties.with_headers(onward));
    assert_eq!((headers(&came), onward.failed), (headers(&sent), 2));
    assert_eq!(onward.exact, mark.exact);
}

/// A Python worker may send the message on with other headers and our mark in it.
#[test]
fn an_exact_value_does_not_hide_a_changed_one() {
    let sent = message(br#"{"big": 123456789012345678901234567890}"#);
    let properties = write(&sent, &Mark::default(), "guest").unwrap();
    let mut table = properties.headers().clone().unwrap();
    table.insert("big".into(), lapin::types::AMQPValue::LongInt(7));
    let (came, _) = back(&properties.with_headers(table));
    assert_eq!(headers(&came).get("big"), Some(&Value::Int(7)));
}

#[test]
fn whatever_type_a_field_has_it_is_read() {
    use lapin::types::{AMQPValue as A, DecimalValue};
    for (field, value) in [
        (A::ShortShortInt(-1), Value::Int(-1)),
        (A::ShortShortUInt(255), Value::Int(255)),
        (A::ShortInt(-2), Value::Int(-2)),
        (A::ShortUInt(65535), Value::Int(65535)),
        (A::LongUInt(u32::MAX), Value::Int(4_294_967_295)),
        (A::LongLongInt(i64::MIN), Value::Int(i64::MIN)),
        (A::Float(0.5), Value::Float(0.5)),
        (A::DecimalValue(DecimalValue { scale: 2, value: 5 }), Value::Decimal("0.05".into())),
        (A::Timestamp(1), Value::DateTime("1970-01-01T00:00:01+00:00".into())),
        (A::ByteArray(vec![255].into()), Value::Bytes(Bytes::from_static(&[255]))),
        (A::LongString(vec![255].into()), Value::Bytes(Bytes::from_static(&[255]))),
        (A::Void, Value::Null),
    ] {
        assert_eq!(table::to_value(&field), value, "{field:?}");
    }
}

#[test]
fn names_that_are_too_long_are_refused() {
    let long = "x".repeat(256);
    let sent = Message { headers: RawHeaders(format!("{{\"{long}\": 1}}").into()), ..Message::default() };
    assert!(write(&sent, &Mark::default(), "").unwrap_err().to_string().contains("255 bytes"));
    let mut sent = message(b"{}");
    sent.properties.correlation_id = Some(long);
    assert!(write(&sent, &Mark::default(), "").unwrap_err().to_string().contains("`correlation_id`"));
}

#[test]
fn bytes_without_anything_are_no_message() {
    let body = Bytes::from_static(b"[]");
    let Payload::Undecodable(kept) = read(&BasicProperties::default(), &body).payload else { panic!() };
    assert_eq!(kept.original, body);
}
