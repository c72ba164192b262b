//! What one beat sends, the other's worker runs.

use std::time::Duration;

use serde_json::{Value, json};
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

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
