//! Every recorded canvas, built here and expanded: the same messages in the same order as Celery's, and the
//! same chord sizes told to the result backend between the same two of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use taskq_core::{
    BoxFuture, Error,
    app::{App, Drivers},
    args,
    backend::{DisabledBackend, ResultBackend},
    broker::{Broker, MemoryBroker},
    canvas::{Node, Signature, Step, expand},
    codec::{Value, json as codec},
    config::{Settings, Sources, Urls},
    testing::ManualClock,
};

use crate::recordings;

/// The clock of every recording.
const NOW: &str = "2030-01-02T03:04:05.678901Z";

/// Recordings under both transports have one canvas; further ones are named for what differs.
fn canvas(case: &str) -> Signature {
    let s = |task: &str, args: taskq_core::canvas::Args| Signature::by_name(format!("t.{task}"), args);
    let add = |a: i64, b: i64| s("add", args![a, b]);
    let two = || [add(1, 1), add(2, 2)];
    let body = || s("xsum", args![]);
    let rows = |rows: &[&[i64]]| -> Vec<Value> {
        rows.iter().map(|row| Value::List(row.iter().copied().map(Value::Int).collect())).collect()
    };
    match case {
        "chain" | "v1-chain" => Signature::chain([add(1, 2), s("mul", args![10]), s("add", args![5])]),
        "chain-links" => Signature::chain([add(1, 2), s("mul", args![10])])
            .link(s("echo", args![]))
            .link_error(s("errback_old", args![])),
        "chain-options" => Signature::chain([
            add(1, 2).queue("q1").priority(3),
            s("mul", args![10]).immutable().queue("q2").countdown(Duration::from_secs(5)),
        ]),
        "chain-args" => Signature::chain([s("add", args![2]), s("mul", args![10])])
            .prepend([Value::Int(1)])
            .task_id("aaaaaaaa-0000-4000-8000-000000000050"),
        "chain-immutable" => Signature::chain([add(1, 1), s("mul", args![2, 3]).immutable()]),
        "group" => Signature::group([add(0, 0), add(1, 1), add(2, 2)]),
        "group-nested" => Signature::group([add(0, 0), Signature::group([add(1, 1), add(2, 2)])]),
        "group-of-chains" => Signature::group([
            Signature::chain([add(1, 1), s("mul", args![2])]),
            Signature::chain([add(2, 2), s("mul", args![3])]),
        ]),
        "group-options" => Signature::group(two()).countdown(Duration::from_secs(30)).queue("slow"),
        "group-links" => {
            Signature::group(two()).link(s("echo", args![])).link_error(s("errback_old", args![]))
        }
        "chord" | "chord-unlock" => Signature::chord(two(), body()),
        "chord-single" => Signature::chord([add(1, 1)], body()),
        "chord-empty" => Signature::chord([] as [Signature; 0], body()),
        "chord-countdown" => Signature::chord(two(), body()).countdown(Duration::from_secs(7)),
        "chord-errback" => Signature::chord(two(), body().link_error(s("errback_old", args![]))),
        "chord-chain-header" => {
            Signature::chord([Signature::chain([add(1, 1), s("mul", args![2])]), add(3, 3)], body())
        }
        "chord-group-body" => Signature::chord(two(), Signature::group([body(), s("echo", args![])])),
        "chord-chain-body" => Signature::chord(two(), Signature::chain([body(), s("mul", args![3])])),
        "chord-nested" => Signature::chord([Signature::chord(two(), body()), add(3, 3)], body()),
        "group-task" => Signature::group(two()) | body(),
        "group-task-group" => {
            Signature::group(two()) | body() | Signature::group([s("add", args![10]), s("mul", args![10])])
        }
        "task-group-task" => add(1, 1) | Signature::group([s("add", args![1]), s("add", args![2])]) | body(),
        "task-group" => add(1, 1) | Signature::group([s("add", args![1]), s("add", args![2])]),
        "chunks" => Signature::chunks(s("add", args![]), rows(&[&[0, 0], &[1, 1], &[2, 2], &[3, 3]]), 2),
        "chunks-group" => Signature::chunks(s("add", args![]), rows(&[&[1, 1], &[2, 2], &[3, 3]]), 2),
        "map" => Signature::map(s("xsum", args![]), rows(&[&[1, 2], &[3, 4]])),
        "starmap" => Signature::starmap(s("add", args![]), rows(&[&[1, 2], &[3, 4]])),
        "stamped-group" => Signature::group(two().map(|one| one.stamp("tenant", "t1"))),
        "stamped-visitor" => {
            let visited = |one: Signature| one.stamp("visited", "yes");
            Signature::chain([
                visited(add(1, 1)),
                Signature::chord([s("add", args![2]), s("add", args![3])].map(visited), visited(body())),
            ])
        }
        "link-chain" => add(1, 1)
            .task_id("aaaaaaaa-0000-4000-8000-000000000001")
            .link(Signature::chain([s("mul", args![2]), s("add", args![3])])),
        "link-group" => add(1, 1)
            .task_id("aaaaaaaa-0000-4000-8000-000000000001")
            .link(Signature::group([s("mul", args![2]), s("add", args![3])])),
        "complex" => Signature::chain([
            add(1, 1),
            Signature::group([
                s("add", args![1]),
                Signature::chord([s("add", args![2]), s("add", args![3])], body()),
            ]),
            body(),
            s("mul", args![4]),
        ]),
        other => panic!("no canvas is built for the recording `{other}`"),
    }
}

/// A backend that counts no chords.
#[derive(Debug)]
struct NoChords;

impl Drivers for NoChords {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async { Ok(Arc::new(MemoryBroker::new()) as _) })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async { Ok(Arc::new(DisabledBackend) as _) })
    }
}

async fn app(case: &str) -> App {
    let protocol = if case == "v1-chain" { 1 } else { 2 };
    let app = App::builder()
        .sources(Sources::none())
        .set("broker_url", "memory://")
        .set("result_backend", "none://")
        .set("task_protocol", protocol)
        .clock(Arc::new(ManualClock::new(NOW.parse().unwrap())))
        .drivers(Arc::new(NoChords))
        .build()
        .unwrap();
    if case == "chord-unlock" {
        app.backend().await.unwrap();
    }
    app
}

/// What both sides are brought to: no nulls, no order of keys, one callback as a list of one, ids by their
/// first appearance.
#[derive(Default)]
struct Plain(BTreeMap<String, String>);

impl Plain {
    fn of(&mut self, value: &Json) -> Json {
        match value {
            Json::String(text) => {
                let mut text = text.clone();
                if text.len() == 36 && text.matches('-').count() == 4 {
                    let next = format!("id-{}", self.0.len() + 1);
                    text.clone_from(self.0.entry(text.clone()).or_insert(next));
                }
                text.into()
            }
            Json::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Json::Object(map) => {
                let mut sorted: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
                sorted.sort_by_key(|(key, _)| *key);
                let item = |(key, value): (&String, &Json)| {
                    let value = match value {
                        Json::Object(_) if key == "link" || key == "link_error" => json!([value]),
                        other => other.clone(),
                    };
                    (key.clone(), self.of(&value))
                };
                sorted.into_iter().map(item).collect()
            }
            other => other.clone(),
        }
    }
}

/// Headers and body without what names the sender, and where it goes.
fn sent(message: &taskq_core::protocol::Message, to: &str) -> Json {
    let mut headers: Json = serde_json::from_slice(&message.headers.0).unwrap_or(json!({}));
    if let Some(headers) = headers.as_object_mut() {
        for name in ["lang", "origin", "argsrepr", "kwargsrepr"] {
            headers.remove(name);
        }
        headers.retain(|name, value| !(name == "ignore_result" && value == false));
    }
    let body: Json = serde_json::from_slice(&message.body).unwrap();
    json!({
        "to": to,
        "headers": headers,
        "body": body,
        "reply_to": message.properties.reply_to,
        "priority": message.properties.priority.unwrap_or(0),
    })
}

/// What Celery did, in its order.
fn recorded(recording: &Json) -> Vec<Json> {
    let mut messages = recording["messages"].as_array().unwrap().iter();
    let message = |one: &Json| {
        let place = &one["where"];
        let key = place["key"].as_str().or(place["routing_key"].as_str()).unwrap();
        sent(&recordings::message(one), key.split('\u{6}').next().unwrap())
    };
    let Some(commands) = recording["commands"].as_array() else { return messages.map(message).collect() };
    let mut all = Vec::new();
    for command in commands {
        let argv: Vec<&str> = command["argv"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        match argv.as_slice() {
            ["LPUSH", ..] => all.push(message(messages.next().unwrap())),
            ["SET", key, size, ..] if key.ends_with(".s") => {
                let group = key.trim_start_matches("celery-taskset-meta-").trim_end_matches(".s");
                all.push(json!({"start": group, "size": size.parse::<u32>().unwrap()}));
            }
            _ => {}
        }
    }
    assert!(messages.next().is_none());
    all
}

fn emitted(app: &App, signature: Signature, counts: bool) -> Vec<Json> {
    let step = |step: &Step| match step {
        Step::Publish(draft) => Some(sent(&draft.encode().unwrap().message, draft.route.destination())),
        Step::StartChord(start) => counts.then(|| json!({"start": start.group, "size": start.size})),
    };
    expand(app, signature, None).unwrap().steps.iter().filter_map(step).collect()
}

#[tokio::test]
async fn what_is_sent_is_what_celery_sends() {
    let mut compared = 0;
    for prefix in ["redis.canvas.", "amqp.canvas."] {
        for (name, recording) in recordings::cases(prefix) {
            let case = name.strip_prefix(prefix).unwrap();
            let app = app(case).await;
            let (mut ours, mut theirs) = (Plain::default(), Plain::default());
            let emitted: Vec<Json> = emitted(&app, canvas(case), prefix == "redis.canvas.")
                .iter()
                .map(|one| ours.of(one))
                .collect();
            let recorded: Vec<Json> = recorded(&recording).iter().map(|one| theirs.of(one)).collect();
            assert_eq!(emitted.len(), recorded.len(), "{name}: {emitted:#?}");
            for (ours, theirs) in emitted.iter().zip(&recorded) {
                assert_eq!(
                    serde_json::to_string_pretty(ours).unwrap(),
                    serde_json::to_string_pretty(theirs).unwrap(),
                    "{name}"
                );
            }
            compared += 1;
        }
    }
    assert!(compared >= 41, "{compared} canvases were compared");
}

/// Every signature in every recorded message, and those recorded by themselves.
#[test]
fn what_celery_wrote_is_read_and_written_as_it_was() {
    fn collect(value: &Value, into: &mut Vec<Value>) {
        match value {
            Value::Map(map) => {
                if map.contains_key("subtask_type") && map.contains_key("task") {
                    into.push(value.clone());
                }
                map.values().for_each(|value| collect(value, into));
            }
            Value::List(items) => items.iter().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for prefix in ["redis.canvas.", "amqp.canvas."] {
        for (_, recording) in recordings::cases(prefix) {
            for recorded in recording["messages"].as_array().unwrap() {
                collect(&codec::from_slice(&recordings::message(recorded).body).unwrap(), &mut all);
            }
        }
    }
    for (_, one) in recordings::case("none.signatures")["signatures"].as_object().unwrap() {
        all.push(codec::from_slice(one["raw"].as_str().unwrap().as_bytes()).unwrap());
    }
    assert!(all.len() > 100, "{}", all.len());
    let plain = |value: &Value| Plain::default().of(&recordings::shown(value));
    for value in all {
        let node = Node::read(Signature::from_value(value.clone()).unwrap()).unwrap();
        assert_eq!(plain(&node.into_value()), plain(&value));
    }
}
