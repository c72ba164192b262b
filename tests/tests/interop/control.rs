//! Celery's own control client and command line against a Rust worker, and ours against a Python worker.

use std::time::Duration;

use serde_json::{Value, json};
use taskq_tests::fixtures;
use taskq_tests::node::Node;
use taskq_tests::process::{Running, eventually};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;
use crate::client::app;

const PATIENCE: Duration = Duration::from_secs(120);

fn node(redis: &RedisServer, name: &str, logs: &std::path::Path) -> Node {
    Node::new(name, &redis.url(0), &redis.url(1), &redis.url(2), logs)
}

/// The answers of one worker to each call, asked by Celery's client; null where it gave none.
pub(crate) fn ask(node: &Node, calls: &[Value]) -> Vec<Value> {
    let mut script = python::script("control_calls.py");
    script.args(calls.iter().map(Value::to_string));
    let output = python::run(node.configure(&mut script), &node.logs.join("control.log"), PATIENCE);
    let replies: Vec<Value> = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(replies.len(), calls.len(), "{output}");
    replies.into_iter().map(|reply| reply[0][&node.name].clone()).collect()
}

fn send(node: &Node, call: &Value) -> String {
    let log = node.logs.join("send.log");
    let output = python::run(node.configure(python::script("send.py").arg(call.to_string())), &log, PATIENCE);
    output.trim().to_owned()
}

/// What differs in shape: names of maps, types of values; `null` goes with anything.
pub(crate) fn differences(ours: &Value, theirs: &Value, at: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Null, _) | (_, Value::Null) => {}
        // What a task is called with is not a matter of shape.
        _ if at.ends_with("kwargs") || at.ends_with("args") => {}
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in theirs {
                match ours.get(name) {
                    Some(own) => differences(own, value, &format!("{at}.{name}"), found),
                    None => found.push(format!("{at}.{name} is missing")),
                }
            }
            found.extend(
                ours.keys()
                    .filter(|name| !theirs.contains_key(*name))
                    .map(|name| format!("{at}.{name} is extra")),
            );
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(own), Some(their)) = (ours.first(), theirs.first()) {
                differences(own, their, &format!("{at}[0]"), found);
            }
        }
        (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        _ => found.push(format!("{at}: {ours} is not as {theirs}")),
    }
}

/// What a recorded Python worker answered.
fn recorded(case: &str) -> Value {
    let case = fixtures::celery(&format!("redis.pidbox.{case}"));
    let mut bodies = case["pidbox"].as_array().into_iter().flatten().map(|message| &message["body"]);
    let reply = bodies.rfind(|body| body.get("method").is_none()).expect("a reply");
    reply.as_object().and_then(|nodes| nodes.values().next()).cloned().expect("an answer")
}

#[test]
fn every_command_is_answered_in_celerys_shape() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    // It takes one more than it can run.
    let conf = json!({"worker_prefetch_multiplier": 2});
    let node = node(&redis, "rs@control", logs.path()).concurrency(1).conf(conf);
    let _worker = node.start_rust(WORKER);
    let running = send(&node, &json!({"task": "sleeping", "args": [60]}));
    let waiting = send(&node, &json!({"task": "sleeping", "args": [61]}));
    let call = |method: &str, arguments: Value| json!({"method": method, "arguments": arguments});
    eventually("one runs and one waits", PATIENCE, || {
        let states = ask(&node, &[call("query_task", json!({"ids": [running, waiting]}))]);
        states[0][&running][0] == "active" && states[0][&waiting][0] == "reserved"
    });

    // Exactly these words.
    let exact = [
        ("ping", json!({}), json!({"ok": "pong"})),
        ("heartbeat", json!({}), json!(null)),
        ("nonsense", json!({}), recorded("unknown-command")),
        ("enable_events", json!({"nope": 1}), recorded("bad-arguments")),
        ("enable_events", json!({}), recorded("enable-events")),
        ("enable_events", json!({}), json!({"ok": "task events already enabled"})),
        ("disable_events", json!({}), recorded("disable-events")),
        ("disable_events", json!({}), recorded("disable-events-again")),
        ("add_consumer", json!({"queue": "extra"}), recorded("add-consumer")),
        ("cancel_consumer", json!({"queue": "extra"}), recorded("cancel-consumer")),
        ("pool_restart", json!({}), recorded("pool-restart-off")),
        ("autoscale", json!({"max": 3, "min": 1}), recorded("autoscale-off")),
        ("rate_limit", json!({"task_name": "conf_tasks.add", "rate_limit": "100/m"}), recorded("rate-limit")),
        ("rate_limit", json!({"task_name": "conf_tasks.add", "rate_limit": 0}), recorded("rate-limit-off")),
        ("rate_limit", json!({"task_name": "no.task", "rate_limit": "1/s"}), recorded("rate-limit-unknown")),
        (
            "rate_limit",
            json!({"task_name": "conf_tasks.add", "rate_limit": "x/y"}),
            recorded("rate-limit-bad"),
        ),
        (
            "time_limit",
            json!({"task_name": "conf_tasks.sleeping", "soft": 20, "hard": 30}),
            recorded("time-limit"),
        ),
        ("time_limit", json!({"task_name": "no.task", "soft": 1, "hard": 2}), recorded("time-limit-unknown")),
        ("hello", json!({"from_node": "rs@control", "revoked": null}), recorded("hello-self")),
        (
            "revoke_by_stamped_headers",
            json!({"headers": {"tenant": ["t5"]}, "terminate": false, "signal": "SIGTERM"}),
            recorded("revoke-by-stamped-headers"),
        ),
        (
            "revoke_by_stamped_headers",
            json!({"headers": {"tenant": ["t6"]}, "terminate": true, "signal": "SIGTERM"}),
            recorded("revoke-by-stamped-headers-terminate"),
        ),
        (
            "revoke",
            json!({"task_id": "aaaaaaaa-0000-4000-8000-000000070010", "terminate": false, "signal": "SIGTERM"}),
            recorded("revoke"),
        ),
        (
            "revoke",
            json!({"task_id": "aaaaaaaa-0000-4000-8000-000000070013", "terminate": true, "signal": "SIGTERM"}),
            recorded("revoke-terminate-unknown"),
        ),
        (
            "terminate",
            json!({"task_id": ["aaaaaaaa-0000-4000-8000-000000070014"], "signal": "SIGTERM"}),
            recorded("terminate"),
        ),
        ("objgraph", json!({}), json!({"error": "ImportError('Requires the objgraph library')"})),
        ("election", json!({"id": "e1", "topic": "nothing", "action": null}), json!(null)),
    ];
    let calls: Vec<Value> =
        exact.iter().map(|(method, arguments, _)| call(method, arguments.clone())).collect();
    for (answer, (method, arguments, expected)) in ask(&node, &calls).iter().zip(&exact) {
        assert_eq!(answer, expected, "{method} {arguments}");
    }

    // The same names and types.
    let alike = [
        ("active", json!({}), "active"),
        ("active", json!({"safe": true}), "active-safe"),
        ("reserved", json!({}), "reserved"),
        ("query_task", json!({"ids": running}), "query-task-one"),
        ("active_queues", json!({}), "active-queues"),
        ("clock", json!({}), "clock"),
        ("stats", json!({}), "stats-after"),
        ("registered", json!({}), "registered"),
        ("revoked", json!({}), "revoked"),
        (
            "hello",
            json!({"from_node": "py@other", "revoked": {"aaaaaaaa-0000-4000-8000-000000070003": 1.5}}),
            "hello-dict",
        ),
        ("report", json!({}), "report"),
        ("memsample", json!({}), "memsample"),
        ("memdump", json!({"samples": 3}), "memdump"),
    ];
    let calls: Vec<Value> =
        alike.iter().map(|(method, arguments, _)| call(method, arguments.clone())).collect();
    let answers = ask(&node, &calls);
    let mut found = Vec::new();
    for (answer, (method, _, case)) in answers.iter().zip(&alike) {
        assert!(!answer.is_null(), "{method} was not answered");
        let theirs = match *method {
            // Maps by task name or id: only what is in them can be compared.
            "query_task" => json!({running.clone(): recorded(case).as_object().unwrap().values().next()}),
            "stats" => {
                let mut theirs = recorded(case);
                theirs["total"] = answer["total"].clone();
                theirs["broker"]["transport_options"] = answer["broker"]["transport_options"].clone();
                theirs
            }
            _ => recorded(case),
        };
        differences(answer, &theirs, method, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(answers[0][0]["args"], json!([60]));
    assert_eq!(answers[1][0]["args"], "[60]");
    assert_eq!(answers[2][0]["id"], waiting.as_str());
    assert_eq!(answers[6]["total"], json!({"conf_tasks.sleeping": 1}));
    assert!(answers[8].as_array().unwrap().len() >= 3, "{}", answers[8]);

    // Terminating what runs lets the next one run.
    let terminated = ask(&node, &[call("revoke", json!({"task_id": running, "terminate": true}))]);
    assert_eq!(terminated[0], json!({"ok": format!("terminate: {running}")}));
    eventually("the next one runs", PATIENCE, || {
        ask(&node, &[call("query_task", json!({"ids": [waiting]}))])[0][&waiting][0] == "active"
    });
    let resized = ask(&node, &[call("pool_grow", json!({"n": 1})), call("pool_shrink", json!({"n": 1}))]);
    assert_eq!(resized, [recorded("pool-grow"), recorded("pool-shrink")]);
}

/// Runs the `celery` command line.
fn celery(node: &Node, line: &str) -> String {
    let mut command = python::command();
    command.args(["-m", "celery", "-b", &node.broker]).args(line.split(' '));
    python::run(node.configure(&mut command), &node.logs.join("celery.log"), PATIENCE)
}

#[test]
fn celerys_command_line_works_with_a_rust_worker() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = node(&redis, "rs@cli", logs.path());
    let mut worker = node.start_rust(WORKER);
    assert!(celery(&node, "status").contains("rs@cli: OK"));
    assert!(celery(&node, "inspect ping -d rs@cli").contains("pong"));
    assert!(celery(&node, "inspect stats -j").contains("max-concurrency"));
    assert!(celery(&node, "inspect registered").contains("conf_tasks.add"));
    assert!(celery(&node, "control pool_grow 2").contains("pool will grow"));
    assert!(celery(&node, "inspect stats -j").contains("\"max-concurrency\": 6"));
    assert!(celery(&node, "control enable_events").contains("task events enabled"));
    let mut dump = python::command();
    dump.args(["-m", "celery", "-b", &node.broker, "events", "--dump"]);
    let dump = Running::start(node.configure(&mut dump), node.logs.join("dump.log"));
    eventually("a heartbeat", PATIENCE, || dump.output().contains("rs@cli"));
    send(&node, &json!({"task": "add", "args": [1, 2]}));
    eventually("the task in the dump", PATIENCE, || dump.output().contains("task succeeded"));
    let mut shutdown = python::script("control_calls.py");
    shutdown.arg(json!({"method": "shutdown", "timeout": 0.5}).to_string());
    python::run(node.configure(&mut shutdown), &node.logs.join("shutdown.log"), PATIENCE);
    assert!(worker.wait(PATIENCE).success(), "{}", worker.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_works_with_python_and_rust_workers() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let _python = node(&redis, "py@both", logs.path()).start_python();
    let _rust = node(&redis, "rs@both", logs.path()).start_rust(WORKER);
    let app = app(&redis, &[]).expect("an app");
    let control = app.control();
    let ask = |method: &str| control.ask(method).timeout(Duration::from_secs(20)).limit(2);
    let nodes = |replies: &taskq::core::control::Replies| replies.keys().cloned().collect::<Vec<_>>();
    let pongs = ask("ping").await.expect("replies");
    assert_eq!(nodes(&pongs), ["py@both", "rs@both"]);
    for method in ["active", "reserved", "scheduled", "stats", "conf", "registered", "active_queues", "clock"]
    {
        let replies = ask(method).await.expect("replies");
        assert_eq!(nodes(&replies), ["py@both", "rs@both"], "{method}");
    }
    let one = ask("ping").destination(["py@both"]).await.expect("replies");
    assert_eq!(nodes(&one), ["py@both"]);
    let glob = taskq::core::control::Matcher::Glob("rs@*".to_owned());
    let one =
        control.ask("ping").matching(glob).limit(1).timeout(Duration::from_secs(20)).await.expect("replies");
    assert_eq!(nodes(&one), ["rs@both"]);
    // Nothing of the questions is left.
    let left: Vec<String> =
        redis::cmd("KEYS").arg("*reply.celery.pidbox").query(&mut redis.connect(0)).expect("an answer");
    assert!(left.iter().all(|key| key.starts_with("_kombu.binding")), "{left:?}");
    app.close().await.expect("closed");
}
