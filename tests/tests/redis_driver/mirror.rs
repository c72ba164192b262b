//! `redis_mirror_unacked`: what a taskq worker holds is in kombu's `unacked` too, so that Python workers alone
//! can restore it; whoever removes the entry has the message.

use std::{collections::HashSet, time::Duration};

use redis::Connection;
use serde_json::{Value, json};
use taskq_core::broker::{Outgoing, Settle, Settlement};
use taskq_redis::RedisOptions;
use taskq_tests::{
    conformance::broker::bench::{SHORT, Taker, numbered},
    node::Node,
    process::eventually,
    python,
    redis_server::RedisServer,
};

use super::{WORKER, broker_with};

const QUEUE: &str = "q";
/// Restoring takes a lease, a look, and a loaded machine.
const RESTORED: Duration = Duration::from_secs(60);

fn mirroring() -> RedisOptions {
    let mut options = RedisOptions::default();
    options.mirror_unacked = true;
    options
}

/// Mirrors, on the Rust side; restores at once what looks forgotten, on Python's.
fn conf() -> Value {
    json!({
        "redis_mirror_unacked": true,
        "lease": 3,
        "task_acks_late": true,
        "worker_prefetch_multiplier": 4,
    })
}

/// A Python worker whose patience is `visibility_timeout` seconds.
fn impatient(visibility_timeout: f64) -> Value {
    json!({
        "task_acks_late": true,
        "broker_transport_options": {
            "visibility_timeout": visibility_timeout,
            "unacked_restore_interval": 0.2,
            "unacked_restore_throttle": 1,
        },
    })
}

fn node(name: &str, redis: &RedisServer, logs: &tempfile::TempDir) -> Node {
    Node::new(name, &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
}

fn send(node: &Node, call: &Value) {
    let mut client = python::script("send.py");
    let log = node.logs.join("send.log");
    python::run(node.configure(client.arg(call.to_string())), &log, Duration::from_secs(60));
}

fn list(redis: &RedisServer, key: &str) -> Vec<String> {
    redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut redis.connect(2)).expect("an answer from redis")
}

fn count(look: &mut Connection, command: &str, key: &str) -> usize {
    redis::cmd(command).arg(key).query(look).expect("an answer from redis")
}

#[test]
fn python_alone_restores_what_a_killed_worker_held() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let rust = node("rust@mirror", &redis, &logs).conf(conf()).concurrency(2);
    for name in ["a", "b", "c", "d", "e", "f"] {
        send(&rust, &json!({"task": "slow_record", "args": [name, 4, "runs"]}));
    }
    let mut killed = rust.start_rust(WORKER);
    eventually("two run", RESTORED, || list(&redis, "runs:start").len() == 2);
    let mut look = redis.connect(0);
    eventually("all are held", RESTORED, || count(&mut look, "HLEN", "unacked") == 6);
    assert_eq!(count(&mut look, "ZCARD", "unacked_index"), 6);
    killed.kill();
    assert!(list(&redis, "runs").is_empty(), "killed too late");

    // From here on there is no process of taskq. Python must be patient enough for what it runs itself.
    let _python = node("py@mirror", &redis, &logs).conf(impatient(12.0)).start_python();
    eventually("all run", RESTORED, || list(&redis, "runs").len() >= 6);
    let names = |key: &str| {
        let mut names = list(&redis, key);
        names.sort();
        names.concat()
    };
    assert_eq!(names("runs"), "abcdef");
    assert_eq!(list(&redis, "runs:start").len(), 8, "only what ran at the kill starts again");

    // A worker of taskq that comes back finds what the dead one held, and that it is settled.
    let _again = rust.clone().named("again@mirror").start_rust(WORKER);
    let in_flight = |look: &mut Connection| -> Vec<String> {
        redis::cmd("KEYS").arg("taskq:inflight:rust@mirror*").query(look).expect("KEYS")
    };
    eventually("it clears up", RESTORED, || {
        in_flight(&mut look).is_empty() && count(&mut look, "SCARD", "taskq:leaving") == 0
    });
    send(&rust, &json!({"task": "slow_record", "args": ["g", 0, "runs"]}));
    eventually("the next runs", RESTORED, || list(&redis, "runs").len() >= 7);
    assert_eq!(names("runs"), "abcdefg");
    eventually("nothing is left", RESTORED, || count(&mut look, "HLEN", "unacked") == 0);
}

#[test]
fn a_live_long_task_is_not_restored_by_an_impatient_python_worker() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let rust = node("rust@live", &redis, &logs).conf(conf());
    let _rust = rust.start_rust(WORKER);
    let _python = node("py@live", &redis, &logs).conf(impatient(0.0)).queues("other").start_python();
    send(&rust, &json!({"task": "slow_record", "args": ["x", 12, "live"]}));
    eventually("it runs", RESTORED, || list(&redis, "live:start").len() == 1);
    assert_eq!(count(&mut redis.connect(0), "HLEN", "unacked"), 1);
    eventually("it ends", RESTORED, || !list(&redis, "live").is_empty());
    assert_eq!((list(&redis, "live:start"), list(&redis, "live")), (vec!["x".into()], vec!["x".into()]));
    let mut look = redis.connect(0);
    eventually("its entry goes", RESTORED, || count(&mut look, "HLEN", "unacked") == 0);
    assert_eq!(count(&mut look, "ZCARD", "unacked_index"), 0);
}

/// Both give back what the dead one held, at the same moment: each message comes once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_python_and_taskq_restore_at_once_comes_once() {
    const MESSAGES: u32 = 500;
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let _python = node("py@race", &redis, &logs).conf(impatient(0.0)).queues("other").start_python();
    let broker = broker_with(&redis, mirroring()).await;
    let batch: Vec<_> = (0..MESSAGES).map(|number| Outgoing::to_queue(QUEUE, numbered(number))).collect();
    broker.publish(&batch).await.expect("publish");
    let mut dead = Taker::start(&broker, QUEUE, |spec| spec.lease = SHORT).await;
    let held = dead.take(MESSAGES as usize).await;
    dead.consumer.stop_fetching().await.expect("stop");
    // Its lease is not renewed any more; this one clears up behind it.
    let mut live = Taker::start(&broker, QUEUE, |spec| spec.lease = SHORT).await;
    let mut numbers = HashSet::new();
    while numbers.len() < held.len() {
        for held in live.some(50).await {
            assert!(numbers.insert(held.number()), "{} came twice", held.number());
            live.ack(&[held]).await;
        }
    }
    live.nothing().await;
    let mut look = redis.connect(0);
    eventually("nothing is left", RESTORED, || {
        count(&mut look, "HLEN", "unacked") + count(&mut look, "ZCARD", "unacked_index") == 0
    });
}

/// A holder that was away for so long that Python restored its messages learns that it lost them.
#[tokio::test]
async fn what_python_restored_cannot_be_settled_any_more() {
    let redis = RedisServer::start();
    let broker = broker_with(&redis, mirroring()).await;
    let mut taker = Taker::start(&broker, QUEUE, |_| {}).await;
    let batch: Vec<_> = (0..3).map(|number| Outgoing::to_queue(QUEUE, numbered(number))).collect();
    broker.publish(&batch).await.expect("publish");
    let held = taker.take(3).await;
    let mut look = redis.connect(0);
    let entries: Vec<String> = redis::cmd("HVALS").arg("unacked").query(&mut look).expect("HVALS");
    for entry in &entries {
        let entry: Value = serde_json::from_str(entry).expect("kombu can read it");
        assert_eq!((entry[1].as_str(), entry[2].as_str()), (Some(""), Some(QUEUE)), "{entry}");
        assert!(entry[0]["properties"]["delivery_tag"].is_string(), "{entry}");
    }
    // What kombu's transaction does to the tables.
    let names: Vec<String> =
        redis::cmd("ZRANGE").arg("unacked_index").arg(0).arg(1).query(&mut look).expect("ZRANGE");
    redis::cmd("HDEL").arg("unacked").arg(&names).exec(&mut look).expect("HDEL");
    redis::cmd("ZREM").arg("unacked_index").arg(&names).exec(&mut look).expect("ZREM");

    let tags: Vec<_> = held.iter().map(|held| held.tag).collect();
    let batch: Vec<_> = tags
        .iter()
        .map(|tag| Settlement {
            publish: vec![Outgoing::to_queue("next", numbered(9))],
            ..Settlement::new(*tag, Settle::Ack)
        })
        .collect();
    // One learns it when it settles, the other when it renews.
    let lost = taker.settle(&batch[..1]).await.lost.len();
    let renewed = taker.settler.extend(&tags, SHORT * 10).await.expect("extend").lost;
    assert!(renewed.len() >= 2 && lost <= 1, "{lost} {renewed:?}");
    let rest = taker.settle(&batch[1..]).await.lost.len();
    assert_eq!(lost + rest, 2, "one is ours still");
    assert_eq!(count(&mut look, "LLEN", "next"), 1, "only what is ours is followed by something");
    let stats = broker.admin().expect("admin").stats(&[QUEUE.to_owned()]).await.expect("stats");
    assert_eq!(stats[0].ready, 0, "{stats:?}");
}
