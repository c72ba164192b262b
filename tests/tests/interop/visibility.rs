//! Celery's `visibility_timeout` runs long and delayed tasks again; ours does not, next to Python or not.
//!
//! Both tests wait for most of their time, so they run beside the others.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use taskq::Error;
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;
use crate::client::app;

const STOPPING: Duration = Duration::from_secs(30);

/// Restores what is older than 10 s, and looks for it all the time.
fn impatient() -> Value {
    json!({
        "task_acks_late": true,
        "broker_transport_options": {"visibility_timeout": 10, "unacked_restore_interval": 1},
    })
}

fn send(node: &Node, call: &Value) {
    let mut client = python::script("send.py");
    let log = node.logs.join("send.log");
    python::run(node.configure(client.arg(call.to_string())), &log, Duration::from_secs(60));
}

fn list(redis: &RedisServer, key: &str) -> Vec<String> {
    redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut redis.connect(2)).expect("an answer from redis")
}

#[test]
fn a_task_of_ninety_seconds_runs_once_with_a_visibility_timeout_of_ten() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node =
        Node::new("one@long", &redis.url(0), &redis.url(1), &redis.url(2), logs.path()).conf(impatient());
    // Two of ours on the queue, and a Python worker that restores whatever looks forgotten.
    let _one = node.start_rust(WORKER);
    let _two = node.clone().named("two@long").start_rust(WORKER);
    let _python = node.clone().named("py@long").queues("other").start_python();

    send(&node, &json!({"task": "slow_record", "args": ["x", 90, "long"]}));

    eventually("the task ends", Duration::from_secs(120), || !list(&redis, "long").is_empty());
    // Another delivery would have started while the first one ran.
    assert_eq!(list(&redis, "long:start"), ["x"]);
    assert_eq!(list(&redis, "long"), ["x"]);
}

#[tokio::test]
async fn a_countdown_of_sixty_seconds_runs_once_and_on_time_although_its_worker_was_restarted()
-> Result<(), Error> {
    const COUNTDOWN: f64 = 60.0;
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node =
        Node::new("one@late", &redis.url(0), &redis.url(1), &redis.url(2), logs.path()).conf(impatient());
    let mut first = node.start_rust(WORKER);
    let _python = node.clone().named("py@late").queues("other").start_python();

    let sent = since_1970();
    send(&node, &json!({"task": "record_time", "args": ["x", "late"], "options": {"countdown": COUNTDOWN}}));
    // Long enough that the first worker has taken the message and Python's rule would have struck.
    let restart = Instant::now() + Duration::from_secs(15);
    eventually("the time of the restart", Duration::from_secs(20), || Instant::now() > restart);
    first.terminate();
    assert!(first.wait(STOPPING).success(), "{}", first.output());
    let mut second = node.named("two@late").start_rust(WORKER);

    eventually("the task runs", Duration::from_secs(90), || !list(&redis, "late").is_empty());
    second.terminate();
    assert!(second.wait(STOPPING).success(), "{}", second.output());
    // Nothing is left that could run again.
    let app = app(&redis, &[])?;
    let admin = app.broker().await?.admin().expect("a broker that can be looked into");
    let stats = admin.stats(&["celery".to_owned()]).await?;
    let left: Vec<_> = stats.iter().map(|queue| (queue.ready, queue.delayed, queue.in_flight)).collect();
    assert_eq!(left, [(0, 0, 0)], "ready, delayed, in flight");
    let runs = list(&redis, "late");
    let [run] = runs.as_slice() else { panic!("ran {} times: {runs:?}", runs.len()) };
    let at: f64 = run.strip_prefix("x ").and_then(|at| at.parse().ok()).expect("an id and a time");
    let late = at - sent - COUNTDOWN;
    assert!((0.0..3.0).contains(&late), "ran {late:.3} s after its time");
    app.close().await
}

fn since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}
