//! What a killed Python worker left in `unacked`.

use std::time::{Duration, Instant};

use serde_json::json;
use taskq_core::{
    broker::{DeadKind, Outgoing},
    protocol::{Message, RawHeaders},
};
use taskq_redis::RedisOptions;
use taskq_tests::{
    conformance::broker::bench::{Held, Taker, numbered},
    node::Node,
    process::eventually,
    redis_server::RedisServer,
};

use super::{broker, broker_with};

const QUEUE: &str = "celery";
const MESSAGES: u32 = 3_000;
/// Entries that nobody can read, older than all messages.
const UNREADABLE: usize = 250;
/// Restoring a few thousand messages takes no longer.
const FAST: Duration = Duration::from_secs(10);

/// A call that a Python worker keeps until it is killed.
fn sleeper(number: u32) -> Outgoing {
    let headers = json!({
        "lang": "py", "task": "conf_tasks.slow_record", "id": format!("id-{number}"), "root_id": format!("id-{number}"),
        "parent_id": null, "group": null, "retries": 0, "eta": null, "expires": null, "timelimit": [null, null],
        "argsrepr": "()", "kwargsrepr": "{}", "origin": "test",
    });
    let body = json!([[number.to_string(), 600], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]);
    Outgoing::to_queue(
        QUEUE,
        Message {
            headers: RawHeaders(headers.to_string().into()),
            body: body.to_string().into(),
            ..numbered(number)
        },
    )
}

fn number(held: &Held) -> u32 {
    let body: serde_json::Value = serde_json::from_slice(&held.message().body).expect("a body");
    body[0][0].as_str().and_then(|text| text.parse().ok()).expect("a number")
}

/// Symptom: a hundred messages each ten seconds, and none at all behind a hundred entries that cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_a_killed_python_worker_held_is_back_in_seconds() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let near = broker(&redis).await;
    let batch: Vec<_> = (0..MESSAGES).map(sleeper).collect();
    near.publish(&batch).await.expect("publish");
    let mut python = Node::new("py@killed", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
        .conf(json!({"task_acks_late": true, "worker_prefetch_multiplier": MESSAGES}))
        .concurrency(1)
        .start_python();
    let mut look = redis.connect(0);
    eventually("it holds all", Duration::from_secs(60), || {
        redis::cmd("HLEN").arg("unacked").query::<u32>(&mut look).expect("HLEN") == MESSAGES
    });
    python.kill();

    // Older than all of them: what is no entry, what is no message, and tags with nothing behind them.
    for at in 0..UNREADABLE {
        let tag = format!("unreadable-{at}");
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZADD").arg("unacked_index").arg(at).arg(&tag);
        match at % 3 {
            0 => drop(pipeline.cmd("HSET").arg("unacked").arg(&tag).arg("[{\"body\"").ignore()),
            1 => drop(pipeline.cmd("HSET").arg("unacked").arg(&tag).arg("[5, \"\", \"celery\"]").ignore()),
            _ => {}
        }
        pipeline.exec(&mut look).expect("put");
    }
    let mut options = RedisOptions::default();
    options.visibility_timeout = Duration::from_secs(1);
    options.restore_interval = Duration::from_millis(500);
    let broker = broker_with(&redis, options).await;
    let mut taker = Taker::start(&broker, QUEUE, |_| {}).await;
    let began = Instant::now();
    eventually("nothing is left in `unacked`", FAST, || {
        let left: (u32, u32) = redis::pipe()
            .cmd("HLEN")
            .arg("unacked")
            .cmd("ZCARD")
            .arg("unacked_index")
            .query(&mut look)
            .expect("HLEN");
        left == (0, 0)
    });
    let mut numbers = Vec::new();
    while numbers.len() < MESSAGES as usize {
        let held = taker.some(500).await;
        assert!(held.iter().all(|held| held.info.redelivered));
        numbers.extend(held.iter().map(number));
        taker.ack(&held).await;
    }
    assert!(began.elapsed() < FAST, "{:?}", began.elapsed());
    taker.nothing().await;
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..MESSAGES), "each once");

    let admin = broker.admin().expect("admin");
    let dead = admin.dead(QUEUE, 0, UNREADABLE).await.expect("dead letters");
    assert_eq!(dead.len(), UNREADABLE / 3);
    assert!(
        dead.iter().all(|letter| letter.reason.kind == DeadKind::Undecodable && &letter.original[..] == b"5")
    );
    let aside: usize = redis::cmd("HLEN").arg("taskq:unreadable").query(&mut look).expect("HLEN");
    assert_eq!(aside, UNREADABLE.div_ceil(3));
}
