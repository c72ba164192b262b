//! The codec on values and bytes that nobody thought of: what is written is read back equal, and no input does
//! worse than an error.

use bytes::Bytes;
use jiff::tz::TimeZone;
use proptest::{collection, prelude::*};
use serde::{Deserialize, Serialize};
use taskq_core::{
    codec::{Accept, CodecErrorKind, Map, Serializer, Value, compress, from_value, json, repr, to_value},
    protocol::{DeliveryInfo, Message, RawHeaders, Request},
};
use uuid::Uuid;

/// Values that every format holds.
fn common() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Value::from),
        Just(Value::Float(f64::INFINITY)),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
        collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
}

/// Values that YAML holds too.
fn dated() -> impl Strategy<Value = Value> {
    let date = (1000..9999_i16, 1..13_u8, 1..29_u8).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}"));
    let offset = prop_oneof![Just(""), Just("+00:00"), Just("-05:30")];
    let time = (0..24_u8, 0..60_u8, 1..1_000_000_u32, offset)
        .prop_map(|(hour, minute, micros, offset)| format!("{hour:02}:{minute:02}:59.{micros:06}{offset}"));
    prop_oneof![
        4 => common(),
        1 => any::<u128>().prop_map(Value::from),
        1 => any::<i128>().prop_map(Value::from),
        1 => date.clone().prop_map(Value::Date),
        1 => (date, time).prop_map(|(date, time)| Value::DateTime(format!("{date}T{time}"))),
    ]
}

/// Values that only JSON holds.
fn typed() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => dated(),
        1 => any::<u128>().prop_map(|bits| Value::Uuid(Uuid::from_u128(bits))),
        1 => "[0-9]{1,30}\\.[0-9]{1,30}".prop_map(Value::Decimal),
        1 => Just(Value::Time("03:04:05.000006".into())),
        1 => "-?[1-9][0-9]{60}".prop_map(|digits| Value::BigInt(digits.into())),
    ]
}

/// Lists and maps of them.
fn nested(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

fn again(format: Serializer, value: &Value) -> Value {
    let bytes = format.encode(value).unwrap();
    format.decode(&bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()))
}

/// What a task may take.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Args {
    count: i32,
    ratio: f64,
    large: u128,
    name: Option<String>,
    items: Vec<(u8, char)>,
    by_number: std::collections::BTreeMap<i16, bool>,
    kind: Kind,
    any: Value,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Kind {
    Unit,
    Newtype(u64),
    Tuple(String, i8),
    Struct { field: Option<bool> },
}

fn args() -> impl Strategy<Value = Args> {
    let kind = prop_oneof![
        Just(Kind::Unit),
        any::<u64>().prop_map(Kind::Newtype),
        any::<(String, i8)>().prop_map(|(text, number)| Kind::Tuple(text, number)),
        any::<Option<bool>>().prop_map(|field| Kind::Struct { field }),
    ];
    let plain = (
        any::<i32>(),
        -1e300..1e300_f64,
        any::<u128>(),
        any::<Option<String>>(),
        any::<Vec<(u8, char)>>(),
        any::<std::collections::BTreeMap<i16, bool>>(),
    );
    (plain, kind, nested(typed())).prop_map(|((count, ratio, large, name, items, by_number), kind, any)| {
        Args { count, ratio, large, name, items, by_number, kind, any }
    })
}

/// JSON that is nearly right.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    (nested(typed()), any::<(prop::sample::Index, u8, prop::sample::Index)>()).prop_map(
        |(value, (at, byte, end))| {
            let mut json = json::to_bytes(&vec![value.clone(), value]).unwrap().to_vec();
            let at = at.index(json.len());
            json[at] = byte;
            json.truncate(end.index(json.len() * 4).max(1));
            json
        },
    )
}

fn read_everything(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    for format in Serializer::ALL {
        _ = format.decode(input);
        for headers in [&b"{\"task\": \"t\", \"id\": \"i\"}"[..], input] {
            let message = Message {
                headers: RawHeaders(Bytes::copy_from_slice(headers)),
                content_type: Some(format.content_type().to_owned()),
                body: bytes.clone(),
                ..Message::default()
            };
            let decoded =
                Request::decode(message, DeliveryInfo::default(), &Accept::all(), &TimeZone::UTC, 1 << 16);
            if let Ok(request) = decoded {
                _ = request.arguments.to_values();
            }
        }
    }
    _ = json::split_list(&bytes);
    _ = json::split_map(&bytes);
    _ = (repr::raw_args(input), repr::raw_kwargs(input));
    for name in ["zlib", "bzip2", "lzma", "brotli", "zstd"] {
        _ = compress::decompress(name, input, 1 << 16);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_keeps_every_value(value in nested(typed())) {
        prop_assert_eq!(again(Serializer::Json, &value), value);
    }

    #[test]
    fn msgpack_keeps_what_it_holds(value in nested(common())) {
        prop_assert_eq!(again(Serializer::Msgpack, &value), value);
    }

    #[test]
    fn yaml_keeps_what_it_holds(value in nested(dated())) {
        prop_assert_eq!(again(Serializer::Yaml, &value), value);
    }

    #[test]
    fn structs_go_there_and_back_by_every_road(args in args()) {
        let bytes = json::to_bytes(&args).unwrap();
        prop_assert_eq!(&json::from_slice::<Args>(&bytes).unwrap(), &args);
        let value = to_value(&args).unwrap();
        prop_assert_eq!(&from_value::<Args>(value.clone()).unwrap(), &args);
        // By position, as a body carries them.
        let Value::Map(fields) = value else { panic!("a struct is a map") };
        let list: Value = fields.into_values().collect();
        prop_assert_eq!(from_value::<Args>(list).unwrap(), args);
    }

    #[test]
    fn a_split_list_is_the_list(items in collection::vec(nested(typed()), 0..5)) {
        let bytes = json::to_bytes(&items).unwrap();
        let parts = json::split_list(&bytes).unwrap();
        let parts: Vec<Value> = parts.iter().map(|part| json::from_slice(part).unwrap()).collect();
        prop_assert_eq!(&parts, &items);
        let map: Map = items.into_iter().enumerate().map(|(n, item)| (format!("\"{n}\n"), item)).collect();
        let entries = json::split_map(&json::to_bytes(&map).unwrap()).unwrap();
        let entries: Map = entries
            .iter()
            .map(|(key, value)| (json::from_slice(key).unwrap(), json::from_slice(value).unwrap()))
            .collect();
        prop_assert_eq!(entries, map);
    }

    #[test]
    fn arguments_look_the_same_decoded_or_not(items in collection::vec(nested(typed()), 0..5)) {
        let bytes = json::to_bytes(&items).unwrap();
        prop_assert_eq!(repr::raw_args(&bytes), repr::args(&items));
    }

    #[test]
    fn plain_json_reads_as_serde_json_does(value in nested(common())) {
        let text = json::to_string(&value).unwrap();
        if let Ok(theirs) = serde_json::from_str::<serde_json::Value>(&text) {
            let ours: serde_json::Value = json::from_slice(text.as_bytes()).unwrap();
            if !text.contains("__type__") {
                prop_assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn random_bytes_are_at_worst_an_error(input in collection::vec(any::<u8>(), 0..200)) {
        read_everything(&input);
    }

    #[test]
    fn random_text_is_at_worst_an_error(input in "[\\[\\]{}\"',:&*!|>%@?~# \n\ta-e0-9._+-]{0,80}") {
        read_everything(input.as_bytes());
    }

    #[test]
    fn nearly_json_is_at_worst_an_error(input in mangled()) {
        read_everything(&input);
    }
}

/// Ten kilobytes that inflate to a gigabyte are refused before they do, whatever the setting allows.
#[test]
fn a_bomb_is_refused_by_what_it_came_in() {
    let zeros = vec![0_u8; 96 << 20];
    let (_, bomb) = compress::compress("zstd", &zeros).expect("compressed");
    let error = compress::decompress("zstd", &bomb, usize::MAX - 1).expect_err("a bomb");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge, "{error}");
    assert!(error.to_string().contains("inflates to more than"), "{error}");
    // What stays small is none.
    let (_, small) = compress::compress("zstd", &zeros[..32 << 20]).expect("compressed");
    assert_eq!(compress::decompress("zstd", &small, usize::MAX - 1).expect("inflated").len(), 32 << 20);
}

/// `max_body_size` is for every body, compressed or not.
#[test]
fn a_body_beyond_the_limit_is_refused_as_it_came() {
    let message = |length: usize| Message {
        headers: RawHeaders(Bytes::from_static(br#"{"task": "t", "id": "i"}"#)),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from(format!("[[\"{}\"], {{}}, {{}}]", "a".repeat(length))),
        ..Message::default()
    };
    let decode = |length| {
        Request::decode(message(length), DeliveryInfo::default(), &Accept::all(), &TimeZone::UTC, 1_024)
    };
    let error = decode(1_024).expect_err("too large");
    assert!(error.detail.contains("1024") && error.detail.contains("`max_body_size`"), "{error:?}");
    assert_eq!(error.id, Some("i".into()));
    assert!(decode(100).is_ok());
}

/// Nesting beyond the limit is an error in every format, and in whatever stands in a message.
#[test]
fn what_is_nested_too_deep_is_an_error_everywhere() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for serializer in [Serializer::Json, Serializer::Yaml] {
        assert_eq!(serializer.decode(deep.as_bytes()).expect_err("too deep").kind(), CodecErrorKind::Depth);
    }
    let packed = [vec![0x91; 10_000], vec![0xc0]].concat();
    assert_eq!(Serializer::Msgpack.decode(&packed).expect_err("too deep").kind(), CodecErrorKind::Depth);
    let headers = format!("{{\"task\": \"t\", \"id\": \"i\", \"x\": {deep}}}");
    for (headers, body) in
        [(headers.as_str(), "[[], {}, {}]"), (r#"{"task": "t", "id": "i"}"#, deep.as_str())]
    {
        let message = Message {
            headers: RawHeaders(Bytes::copy_from_slice(headers.as_bytes())),
            content_type: Some("application/json".to_owned()),
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..Message::default()
        };
        let delivery = DeliveryInfo::default();
        assert!(
            Request::decode(message, delivery, &Accept::all(), &TimeZone::UTC, 1 << 20).is_err(),
            "{headers}"
        );
    }
}
