//! Celery's own event receiver watches a Rust worker.

use std::time::Duration;

use serde_json::{Map, Value, json};
use taskq_tests::fixtures;
use taskq_tests::node::Node;
use taskq_tests::process::{Running, eventually};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the receiver and waits until it listens.
fn monitor(node: &Node) -> Running {
    let mut script = python::script("receive_events.py");
    let mut monitor = Running::start(node.configure(&mut script), node.logs.join("events.log"));
    monitor.wait_for_output("listening", PATIENCE);
    monitor
}

/// What it has received so far.
fn seen(monitor: &Running) -> Vec<Value> {
    monitor.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn send(node: &Node, call: &Value) {
    let log = node.logs.join("send.log");
    python::run(node.configure(python::script("send.py").arg(call.to_string())), &log, PATIENCE);
}

/// Names and types of the fields, sorted by name: what has to be as Celery's.
fn shape(event: &Map<String, Value>) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    };
    event.iter().map(|(name, value)| (name.clone(), kind(value))).collect()
}

/// The first event of each type that real workers sent, from the recordings.
fn recorded() -> Vec<(String, Map<String, Value>)> {
    let mut all: Vec<(String, Map<String, Value>)> = Vec::new();
    for (_, case) in fixtures::celery_cases("redis.") {
        for message in ["events", "fanout"].iter().filter_map(|list| case[list].as_array()).flatten() {
            let events = message["body"].as_array().cloned().unwrap_or_else(|| vec![message["body"].clone()]);
            for event in events.iter().filter_map(Value::as_object) {
                let Some(kind) = event.get("type").and_then(Value::as_str) else { continue };
                if !all.iter().any(|(known, _)| known == kind) {
                    all.push((kind.to_owned(), event.clone()));
                }
            }
        }
    }
    all
}

#[test]
fn a_python_monitor_sees_a_rust_worker_and_its_tasks_through_all_states() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("rs@events", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
        .conf(json!({"worker_send_task_events": true, "task_send_sent_event": true}));
    let monitor = monitor(&node);
    let mut worker = node.start_rust(WORKER);
    for call in [
        json!({"task": "add", "args": [2, 3]}),
        json!({"task": "raise_error"}),
        json!({"task": "retry_once"}),
        json!({"task": "reject_without_requeue"}),
        json!({"task": "add", "args": [1, 1], "options": {"expires": -1}}),
        json!({"task": "nobody.knows"}),
    ] {
        send(&node, &call);
    }
    let has = |kind: &str, count: usize| {
        seen(&monitor).iter().filter(|line| line["event"]["type"] == kind).count() >= count
    };
    for (kind, count) in [
        ("worker-online", 1),
        ("worker-heartbeat", 2),
        ("task-sent", 6),
        ("task-received", 5),
        ("task-started", 5),
        ("task-succeeded", 2),
        ("task-failed", 3),
        ("task-retried", 1),
        ("task-rejected", 1),
        ("task-revoked", 1),
    ] {
        eventually(&format!("{count} {kind}"), PATIENCE, || has(kind, count));
    }
    worker.terminate();
    assert!(worker.wait(PATIENCE).success(), "{}", worker.output());
    eventually("a goodbye", PATIENCE, || has("worker-offline", 1));

    let lines = seen(&monitor);
    let last = |name: &str| {
        let of_task = |line: &&Value| line["task"]["name"] == format!("conf_tasks.{name}");
        lines.iter().rev().find(of_task).map(|line| line["task"].clone()).unwrap_or_default()
    };
    let states = ["raise_error", "retry_once"].map(|name| last(name)["state"].clone());
    assert_eq!(states, [json!("FAILURE"), json!("SUCCESS")], "{lines:#?}");
    assert_eq!(last("raise_error")["exception"], "ValueError('deliberate error')");
    let sum = lines.iter().find(|line| line["event"]["type"] == "task-succeeded").expect("one");
    let sum = &sum["task"];
    let shown = [&sum["name"], &sum["args"], &sum["result"], &sum["worker"]];
    assert_eq!(shown, ["conf_tasks.add", "[2, 3]", "5", "rs@events"]);
    let alive = |kind: &str| {
        lines.iter().rev().find(|line| line["event"]["type"] == kind).map(|line| line["alive"].clone())
    };
    assert_eq!((alive("worker-heartbeat"), alive("worker-offline")), (Some(json!(true)), Some(json!(false))));

    // Each type as a real worker sent it.
    let ours = |kind: &str| lines.iter().map(|line| &line["event"]).find(|event| event["type"] == kind);
    let mut compared = 0;
    for (kind, theirs) in recorded() {
        let Some(ours) = ours(&kind).and_then(Value::as_object) else { continue };
        let (ours, theirs) = (shape(ours), shape(&theirs));
        let same = |((name, kind), (their_name, their_kind)): (&(String, &str), &(String, &str))| {
            // What is not known is null on either side.
            name == their_name && (kind == their_kind || [*kind, *their_kind].contains(&"null"))
        };
        let alike = ours.len() == theirs.len() && ours.iter().zip(&theirs).all(same);
        assert!(alike, "{kind}: {ours:?} is not as {theirs:?}");
        compared += 1;
    }
    assert!(compared >= 8, "only {compared} types were compared");
}
