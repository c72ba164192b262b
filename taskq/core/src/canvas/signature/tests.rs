//! Signatures as Python writes them.

use super::*;
use crate::{args, codec::json, kwargs};

fn recorded() -> Vec<(String, Value)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/celery/none.signatures.json");
    let text = std::fs::read(path).unwrap();
    let recording: Value = json::from_slice(&text).unwrap();
    let Some(Value::Map(signatures)) = recording.get("signatures").cloned() else {
        panic!("no signatures in {path}")
    };
    assert!(signatures.len() > 5);
    signatures
        .into_iter()
        .map(|(name, one)| {
            let raw = one.get("raw").and_then(Value::as_str).unwrap();
            (name, json::from_slice(raw.as_bytes()).unwrap())
        })
        .collect()
}

/// One callback and a list of one are the same to every reader; we write lists.
fn with_lists(mut value: Value) -> Value {
    if let Value::Map(map) = &mut value
        && let Some(Value::Map(options)) = map.get_mut("options")
    {
        for key in ["link", "link_error"] {
            match options.get_mut(key) {
                Some(link @ Value::Map(_)) => *link = Value::List(vec![with_lists(std::mem::take(link))]),
                Some(Value::List(links)) => {
                    *links = std::mem::take(links).into_iter().map(with_lists).collect();
                }
                _ => {}
            }
        }
    }
    value
}

/// Order of keys is no part of the meaning.
fn sorted(value: Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(entries.into_iter().collect())
        }
        Value::List(items) => Value::List(items.into_iter().map(sorted).collect()),
        value => value,
    }
}

#[test]
fn what_python_wrote_comes_out_as_it_came_in() {
    for (name, value) in recorded() {
        let signature =
            Signature::from_value(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(sorted(signature.to_value()), sorted(with_lists(value)), "{name}");
    }
}

#[test]
fn keys_that_are_not_known_are_kept() {
    let mut map = Map::default();
    map.insert("task".into(), Value::Str("t.add".into()));
    map.insert("chord_size".into(), Value::Int(3));
    map.insert("args".into(), Value::Null);
    let options: Map = [
        ("tenant".to_owned(), Value::Str("acme".into())),
        ("stamped_headers".to_owned(), Value::List(vec![Value::Str("tenant".into())])),
        ("made_up".to_owned(), Value::Int(1)),
    ]
    .into_iter()
    .collect();
    map.insert("options".into(), Value::Map(options));
    let signature = Signature::from_value(Value::Map(map)).unwrap();
    assert_eq!(signature.options.stamps["tenant"], Value::Str("acme".into()));
    assert_eq!(signature.options.properties["made_up"], Value::Int(1));
    let again = signature.to_value();
    assert_eq!(again.get("chord_size"), Some(&Value::Int(3)));
    assert_eq!(Signature::from_value(again).unwrap(), signature);
}

#[test]
fn every_option_survives_the_map() {
    let signature = Signature::by_name("proj.add", args![1, "x"])
        .with_kwargs(kwargs! { "z" => 2.5 })
        .countdown(std::time::Duration::from_millis(1500))
        .eta("2030-01-02T03:04:05Z".parse().unwrap())
        .expires(std::time::Duration::from_secs(60))
        .task_id("id")
        .link(Signature::by_name("proj.done", args![]).queue("q"))
        .link_error(Signature::by_name("proj.failed", args![]).immutable())
        .shadow("s")
        .argsrepr("a")
        .kwargsrepr("k")
        .queue("q")
        .exchange("e")
        .exchange_type(crate::broker::ExchangeKind::Topic)
        .routing_key("k")
        .priority(3)
        .serializer(crate::codec::Serializer::Yaml)
        .compression("zstd")
        .header("h", 1)
        .stamp("t", "v")
        .property("p", true)
        .retry(false)
        .time_limit(std::time::Duration::from_secs(2))
        .soft_time_limit(std::time::Duration::from_secs(1))
        .ignore_result(true)
        .add_to_parent(false)
        .delivery_mode(crate::protocol::DeliveryMode::Transient)
        .timeout(std::time::Duration::from_secs(9))
        .reply_to("r");
    assert_eq!(Signature::from_value(signature.to_value()).unwrap(), signature);
}

#[test]
fn what_is_no_signature_says_why() {
    let error = |value| Signature::from_value(value).unwrap_err().to_string();
    assert!(error(Value::Int(1)).contains("a map is expected"));
    assert!(error(Value::Map(Map::default())).contains("`task` is missing"));
    let args: Map = [("task".to_owned(), Value::Str("t".into())), ("args".to_owned(), Value::Int(1))]
        .into_iter()
        .collect();
    assert!(error(Value::Map(args)).contains("`args`"));
    let options: Map = [("countdown".to_owned(), Value::Str("soon".into()))].into_iter().collect();
    let map: Map = [("task".to_owned(), Value::Str("t".into())), ("options".to_owned(), Value::Map(options))]
        .into_iter()
        .collect();
    assert!(error(Value::Map(map)).contains("`countdown` is not a number of seconds"));
}

#[test]
fn callbacks_take_the_result_first_unless_immutable() {
    let add = Signature::by_name("t", args![2]);
    assert_eq!(add.clone().prepend([Value::Int(1)]).args, [Value::Int(1), Value::Int(2)]);
    assert_eq!(add.immutable().prepend([Value::Int(1)]).args, [Value::Int(2)]);
}
