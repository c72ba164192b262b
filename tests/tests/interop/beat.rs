//! What one beat sends, the other's worker runs.

use std::time::Duration;

use serde_json::{Value, json};
use taskq_tests::demo::Demo;
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;
use crate::control::ask;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two entries: one every second, one by a crontab that is due every minute; the second is not waited for.
fn schedule() -> Value {
    json!({"beat_schedule": {
        "often": {"task": "conf_tasks.record", "schedule": {"every": 1.0}, "args": ["often", "beat"],
                  "kwargs": {}, "options": {"queue": "periodic", "expires": 60}},
        "seldom": {"task": "conf_tasks.record", "schedule": {"crontab": {"minute": "0", "hour": "3"}},
                   "args": ["seldom", "beat"], "kwargs": {}, "options": {"queue": "periodic"}},
    }})
}

fn node(name: &str, redis: &RedisServer, logs: &tempfile::TempDir) -> Node {
    Node::new(name, &redis.url(0), &redis.url(1), &redis.url(2), logs.path()).queues("periodic")
}

/// Waits until the task has run three times, and nothing else has.
fn ran_three_times(redis: &RedisServer) {
    let mut account = redis.connect(2);
    let mut ran = || -> Vec<String> {
        redis::cmd("LRANGE").arg("beat").arg(0).arg(-1).query(&mut account).expect("the account")
    };
    eventually("three runs", PATIENCE, || ran().len() >= 3);
    assert!(ran().iter().all(|id| id == "often"), "{:?}", ran());
}

#[test]
fn a_python_worker_runs_what_our_beat_sends() {
    let (redis, logs) = (RedisServer::start(), tempfile::tempdir().expect("a folder for logs"));
    let _worker = node("py@beat", &redis, &logs).start_python();
    let beats =
        ["beat@1", "beat@2"].map(|name| node(name, &redis, &logs).conf(schedule()).start_rust_beat(WORKER));
    ran_three_times(&redis);
    drop(beats);
}

#[test]
fn our_worker_runs_what_celery_s_beat_sends() {
    let (redis, logs) = (RedisServer::start(), tempfile::tempdir().expect("a folder for logs"));
    let _worker = node("rust@beat", &redis, &logs).start_rust(WORKER);
    let _beat = node("beat@py", &redis, &logs).conf(schedule()).start_python_beat();
    ran_three_times(&redis);
}

/// Both beats: what ours does is what Celery's does.
#[test]
fn a_beat_answers_ping_and_nothing_else() {
    let (redis, logs) = (RedisServer::start(), tempfile::tempdir().expect("a folder for logs"));
    let asked = node(&format!("celerybeat@{}", taskq_core::app::hostname()), &redis, &logs);
    let calls = [
        json!({"method": "ping"}),
        json!({"method": "ping", "destination": [asked.name]}),
        json!({"method": "ping", "destination": ["celerybeat@elsewhere"], "timeout": 1.0}),
        json!({"method": "stats", "timeout": 1.0}),
    ];
    let conf = json!({"beat_enable_remote_control": true});
    for start in [|node: &Node| node.start_rust_beat(WORKER), Node::start_python_beat] {
        let beat = start(&node("beat@ping", &redis, &logs).conf(conf.clone()));
        eventually("an answer", PATIENCE, || !ask(&asked, &calls[..1])[0].is_null());
        let pong = json!({"ok": "pong"});
        assert_eq!(ask(&asked, &calls), [pong.clone(), pong, Value::Null, Value::Null]);
        drop(beat);
    }
}

#[test]
fn redbeat_s_entries_are_imported_and_left_alone() {
    let (redis, logs) = (RedisServer::start(), tempfile::tempdir().expect("a folder for logs"));
    let mut script = python::script("redbeat_entries.py");
    python::run(script.arg(redis.url(0)), &logs.path().join("redbeat.log"), PATIENCE);
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let import = demo.run(&format!("schedule import {}", redis.url(0)));
    import.ok();
    assert!(import.stderr.contains("`yearly`") && import.stderr.contains("`rrule`"), "{}", import.stderr);
    let list = demo.run("schedule list --json").json();
    let entries: Vec<(&str, &str)> = (0..2)
        .map(|n| {
            (list[n]["name"].as_str().expect("a name"), list[n]["schedule"].as_str().expect("a schedule"))
        })
        .collect();
    assert_eq!(entries, [("nightly", "at 02:30"), ("often", "every 1 second")]);
    let mut redbeat = redis.connect(0);
    let kept: Vec<String> =
        redis::cmd("ZRANGE").arg("redbeat::schedule").arg(0).arg(-1).query(&mut redbeat).expect("redbeat");
    assert_eq!(kept.len(), 3);
}
