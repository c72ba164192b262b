//! What we send, against what Celery 5.7 was recorded to send for the same call.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;

use super::script::{Add, Script, drivers};
use crate::{
    Timestamp,
    app::App,
    args,
    broker::{ExchangeKind, Outgoing},
    canvas::Signature,
    codec::{Map, Serializer, Value, compress, json},
    config::{QueueSpec, Queues, Settings},
    kwargs,
    protocol::{DeliveryMode, Protocol},
    task::{Registry, TaskDef},
    time::Clock,
};

/// The time at which everything was recorded.
#[derive(Debug)]
struct Then;

fn then() -> Timestamp {
    "2030-01-02T03:04:05.678901Z".parse().unwrap()
}

impl Clock for Then {
    fn now(&self) -> Timestamp {
        then()
    }
}

struct Recorded {
    envelope: Value,
    body: Value,
}

fn recorded(case: &str) -> Recorded {
    let path = format!("{}/../../tests/fixtures/celery/redis.task.{case}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let messages = recording.get("messages").and_then(Value::as_list).unwrap();
    let raw = messages[0].get("raw").and_then(|raw| raw.get("text")).and_then(Value::as_str).unwrap();
    let envelope: Value = json::from_slice(raw.as_bytes()).unwrap();
    let body = messages[0].get("body_raw").and_then(|raw| raw.get("text")).and_then(Value::as_str);
    // Bodies in other formats are proven by the codec.
    let body = body.and_then(|body| json::from_slice(body.as_bytes()).ok()).unwrap_or_default();
    Recorded { envelope, body }
}

/// An app that knows the tasks of the recordings.
fn app(script: &Arc<Script>, change: impl FnOnce(&mut Settings)) -> App {
    let mut settings = Settings::default();
    settings.message_expiration = true;
    change(&mut settings);
    let mut registry = Registry::new();
    for name in ["t.add", "t.echo", "t.mul", "t.ignored"] {
        let mut def = TaskDef::of::<Add>().named(name);
        def.options.ignore_result = (name == "t.ignored").then_some(true);
        registry.add(def).unwrap();
    }
    App::builder()
        .settings(settings)
        .registry(registry)
        .clock(Arc::new(Then))
        .drivers(drivers(script))
        .build()
        .unwrap()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Map(map) => {
            let sorted: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Map(sorted.into_iter().collect())
        }
        Value::List(items) => Value::List(items.into_iter().map(sorted).collect()),
        // Python leaves out microseconds that are 0; readers take both.
        Value::Str(text) if text.ends_with(":00+00:00") => {
            Value::Str(text.replace("+00:00", ".000000+00:00"))
        }
        // Python writes whole seconds of a limit as it was given them.
        Value::Float(number) if number.fract() == 0.0 => Value::Int(number as i64),
        value => value,
    }
}

fn without(value: Option<&Value>, names: &[&str]) -> Value {
    let mut map: Map = value.and_then(Value::as_map).cloned().unwrap_or_default();
    map.retain(|name, _| !names.contains(&name.as_str()));
    sorted(Value::Map(map))
}

fn properties(out: &Outgoing) -> Value {
    let of = &out.message.properties;
    let mut map = of.extra.clone();
    map.insert("correlation_id".into(), Value::from(of.correlation_id.clone().unwrap()));
    map.insert("delivery_mode".into(), Value::Int(of.delivery_mode.as_u8().into()));
    map.insert("priority".into(), Value::Int(of.priority.unwrap_or(0)));
    if let Some(expiration) = &of.expiration {
        map.insert("expiration".into(), Value::from(expiration.clone()));
    }
    let info: Map = [
        ("exchange".to_owned(), Value::from(out.exchange.clone())),
        ("routing_key".to_owned(), Value::from(out.routing_key.clone())),
    ]
    .into_iter()
    .collect();
    map.insert("delivery_info".into(), Value::Map(info));
    sorted(Value::Map(map))
}

fn body(out: &Outgoing) -> Value {
    let headers = crate::protocol::Headers::parse(&out.message.headers);
    let compression = headers.ok().and_then(|headers| headers.compression);
    let plain: Bytes = match compression {
        Some(name) => compress::decompress(&name, &out.message.body, 1 << 20).unwrap(),
        None => out.message.body.clone(),
    };
    let name = out.message.content_type.as_deref().unwrap();
    Serializer::from_name(name).unwrap().decode(&plain).unwrap()
}

async fn check(case: &str, signature: Signature, change: impl FnOnce(&mut Settings)) {
    let script = Script::new();
    let app = app(&script, change);
    let recorded = recorded(case);
    let id =
        recorded.envelope.get("properties").and_then(|p| p.get("correlation_id")).and_then(Value::as_str);
    app.send_signature(signature.task_id(id.unwrap())).await.unwrap();
    let out = &script.batches()[0][0];
    let headers: Value = json::from_slice(&out.message.headers.0).unwrap();
    let volatile = ["lang", "origin"];
    assert_eq!(
        without(Some(&headers), &volatile),
        without(recorded.envelope.get("headers"), &volatile),
        "headers of {case}"
    );
    // Celery lets these two slip into the properties; the rest is the transport's.
    let transports = ["delivery_tag", "body_encoding", "reply_to", "argsrepr", "kwargsrepr"];
    assert_eq!(
        properties(out),
        without(recorded.envelope.get("properties"), &transports),
        "properties of {case}"
    );
    let content_type = recorded.envelope.get("content-type").and_then(Value::as_str);
    assert_eq!(out.message.content_type.as_deref(), content_type, "{case}");
    let encoding = recorded.envelope.get("content-encoding").and_then(Value::as_str);
    assert_eq!(out.message.content_encoding.as_deref(), encoding, "{case}");
    if recorded.body != Value::Null && content_type == Some("application/json") {
        assert_eq!(sorted(body(out)), sorted(recorded.body), "body of {case}");
    }
}

fn add() -> Signature {
    Signature::by_name("t.add", args![2, 3])
}

fn nothing(_: &mut Settings) {}

#[tokio::test]
async fn plain_calls() {
    check("simple", add(), nothing).await;
    check(
        "kwargs",
        Signature::by_name("t.echo", args![1]).with_kwargs(kwargs! { "b" => 2, "c" => () }),
        nothing,
    )
    .await;
    check("no-args", Signature::by_name("t.echo", args![]), nothing).await;
    check("unicode", Signature::by_name("t.echo", args!["héllo", "世界", "😀"]), nothing).await;
    check("send-task", Signature::by_name("other.task", args![1]), nothing).await;
    check("task-ignore-result", Signature::by_name("t.ignored", args![1]), nothing).await;
}

#[tokio::test]
async fn options_that_are_headers() {
    check("ignore-result", add().ignore_result(true), nothing).await;
    check("shadow", add().shadow("shown.as"), nothing).await;
    check("argsrepr-given", add().argsrepr("(<hidden>)"), nothing).await;
    check(
        "timelimits",
        add().time_limit(Duration::from_secs(30)).soft_time_limit(Duration::from_secs(20)),
        nothing,
    )
    .await;
    let list = Value::List(vec![Value::Int(1), Value::Str("a".into())]);
    let map: Map = [("a".to_owned(), Value::Int(1))].into_iter().collect();
    let headers = add()
        .header("x-mine", "v")
        .header("n", 5)
        .header("big", 1_099_511_627_776_i64)
        .header("f", 1.5)
        .header("none", ())
        .header("list", list)
        .header("map", map);
    check("headers", headers, nothing).await;
    let batch = Value::List(vec![Value::Int(1), Value::Int(2)]);
    check("stamped", add().stamp("customer", "acme").stamp("batch", batch), nothing).await;
}

#[tokio::test]
async fn times() {
    check("countdown", add().countdown(Duration::from_secs(10)), nothing).await;
    check("eta", add().eta("2030-01-02T04:00:00Z".parse().unwrap()), nothing).await;
    check("expires-seconds", add().expires(Duration::from_secs(60)), nothing).await;
}

#[tokio::test]
async fn places_in_a_workflow() {
    let mut grouped = add();
    grouped.options.flow_mut().group_id = Some("gggggggg-0000-4000-8000-000000000001".into());
    grouped.options.flow_mut().group_index = Some(3);
    check("group-fields", grouped, nothing).await;
    let mut retried = add();
    retried.options.flow_mut().retries = 2;
    check("retries", retried, nothing).await;
    let mut replaced = add();
    replaced.options.flow_mut().replaced_task_nesting = 2;
    check("replaced-nesting", replaced, nothing).await;
    check("link", add().link(Signature::by_name("t.mul", args![10])), nothing).await;
}

#[tokio::test]
async fn ways_and_properties() {
    check("priority-3", add().priority(3), nothing).await;
    check("max-priority", add(), |settings| {
        settings.task_queue_max_priority = Some(10);
        settings.task_default_priority = Some(5);
    })
    .await;
    check("queue", add().queue("other"), nothing).await;
    check("transient", add().delivery_mode(DeliveryMode::Transient), nothing).await;
    let properties = add().property("message_id", "m-1").property("app_id", "app").property("type", "kind");
    check("property", properties, nothing).await;
    check("topic", add().queue("video").routing_key("video.encode"), |settings| {
        let mut video = QueueSpec::named("video");
        video.exchange = Some("tasks".into());
        video.exchange_type = Some(ExchangeKind::Topic);
        video.routing_key = Some("video.#".into());
        settings.task_queues = Some(Queues(vec![video]));
    })
    .await;
}

#[tokio::test]
async fn formats() {
    let text = "compress me ".repeat(20);
    check("compression-zstd", Signature::by_name("t.echo", args![text]).compression("zstd"), nothing).await;
    let yaml = Signature::by_name("t.echo", args![Value::List(vec![1.into(), "a".into(), Value::Null])])
        .with_kwargs(kwargs! { "d" => BTreeMap::from([("k", true)]) })
        .serializer(Serializer::Yaml);
    check("serializer-yaml", yaml, nothing).await;
    check("v1-simple", add(), |settings| settings.task_protocol = Protocol::V1).await;
}
