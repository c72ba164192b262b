//! `migrate`: every message arrives, whatever ends the move in between.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{demo::Demo, given, process::eventually, redis_server::RedisServer};

const SOON: Duration = Duration::from_secs(60);

fn demo() -> Demo {
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    // A run that was killed gives back what it held after this.
    std::fs::write(demo.dir().join("taskq.toml"), "lease = 3\n").expect("settings");
    demo
}

fn app(url: &str) -> App {
    App::builder().sources(Sources::none().set("broker_url", url)).build().expect("an app")
}

#[task(name = "demo.add", priority = 3)]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// How often each id waits there, ready or delayed.
async fn waiting(url: &str, queue: &str) -> HashMap<String, usize> {
    let app = app(url);
    let admin = app.broker().await.expect("a broker").admin().expect("an admin");
    let mut ids = HashMap::new();
    for peeked in admin.peek(queue, 100_000).await.expect("a look") {
        let id = peeked.message.expect("a message").properties.correlation_id.expect("an id");
        *ids.entry(id).or_default() += 1;
    }
    ids
}

fn total(document: &Value, name: &str) -> u64 {
    let queues = document["queues"].as_array().expect("queues");
    queues.iter().map(|queue| queue[name].as_u64().expect("a number")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_delayed_and_urgent_messages_arrive_as_they_were() {
    let (redis, demo) = (RedisServer::start(), demo());
    let source = app(&redis.url(0));
    let destination = format!("sqlite:{}/moved.db", demo.dir().display());
    let ready = add.with().app(&source).delay_many((0..700).map(|n| (n, 1))).await.expect("sent");
    let urgent = add.with().app(&source).priority(9).delay(1, 1).await.expect("sent");
    let later = add.with().app(&source).countdown(3_600.seconds()).delay(1, 1).await.expect("sent");
    let line = format!("migrate {} {destination}", redis.url(0));
    let counted = demo.run(&format!("{line} --dry-run --json")).json();
    assert_eq!((total(&counted, "moved"), total(&counted, "left")), (0, 702));
    let moved = demo.run(&format!("{line} --json")).json();
    assert_eq!((total(&moved, "moved"), total(&moved, "left")), (702, 0), "{moved}");
    assert_eq!(moved["complete"], true);

    let there = waiting(&destination, "celery").await;
    assert_eq!(there.len(), 702);
    assert!(there.values().all(|count| *count == 1));
    let app = app(&destination);
    let admin = app.broker().await.expect("a broker").admin().expect("an admin");
    let stats = admin.stats(&["celery".to_owned()]).await.expect("stats").remove(0);
    assert_eq!((stats.ready, stats.delayed), (701, 1));
    let peeked = admin.peek("celery", 1_000).await.expect("a look");
    let id = |at: usize| peeked[at].message.clone().expect("a message").properties.correlation_id;
    assert_eq!(id(0).as_deref(), Some(urgent.id().as_str()), "9 goes first here too");
    assert_eq!(id(1).as_deref(), Some(ready[0].id().as_str()), "the order stays");
    let due = peeked.last().expect("one").not_before.expect("delayed");
    assert!(due > jiff::Timestamp::now() + 3_500.seconds(), "{due} {}", later.id());
    // Nothing is left to go on with.
    let names =
        std::fs::read_dir(demo.dir()).expect("the folder").map(|file| file.expect("a file").file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains("migrate")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_is_gone_on_with_and_nothing_is_lost() {
    const MESSAGES: i64 = 30_000;
    let (redis, demo) = (RedisServer::start(), demo());
    let source = app(&redis.url(0));
    let sent = add.with().app(&source).delay_many((0..MESSAGES).map(|n| (n, 1))).await.expect("sent");
    let destination = format!("sqlite:{}/moved.db", demo.dir().display());
    let line = format!("migrate {} {destination}", redis.url(0));
    let mut killed = 0;
    for _ in 0..3 {
        let before = waiting(&destination, "celery").await.len();
        let mut run = demo.start(&line);
        let look = app(&destination);
        let admin = look.broker().await.expect("a broker").admin().expect("an admin");
        tokio::time::timeout(SOON, async {
            loop {
                let stats = admin.stats(&["celery".to_owned()]).await.expect("stats").remove(0);
                if stats.ready as usize > before + 1_000 || stats.ready as i64 >= MESSAGES {
                    break;
                }
            }
        })
        .await
        .expect("it moves");
        run.kill();
        killed += usize::from((waiting(&destination, "celery").await.len() as i64) < MESSAGES);
    }
    assert!(killed > 0, "it was faster than this test");
    let mut last = Value::Null;
    eventually("the rest", SOON, || {
        last = demo.run(&format!("{line} --json")).json();
        last["complete"] == true
    });
    let there = waiting(&destination, "celery").await;
    for result in &sent {
        assert!(there.contains_key(result.id().as_str()), "{} is lost", result.id());
    }
    // What was published and not removed was known by its id.
    let doubled = there.values().filter(|count| **count > 1).count();
    assert_eq!((there.len() as i64, doubled), (MESSAGES, 0), "{last}");
}

#[test]
fn what_is_no_message_is_put_aside_and_the_rest_moves() {
    let (redis, demo) = (RedisServer::start(), demo());
    let (from, to) = (redis.url(0), redis.url(1));
    demo.run(&format!("-b {from} call demo.add -a [1,1]")).ok();
    redis::cmd("LPUSH").arg("celery").arg("no message").exec(&mut redis.connect(0)).expect("a push");
    let moved = demo.run(&format!("migrate {from} {to} --json")).json();
    assert_eq!((total(&moved, "moved"), total(&moved, "unreadable")), (1, 1), "{moved}");
    assert_eq!(demo.run(&format!("-b {to} queues -Q celery --json")).json()[0]["ready"], 1);
    assert_eq!(demo.run(&format!("-b {from} queues -Q celery --json")).json()[0]["dead"], 1);
}

#[test]
fn to_rabbitmq_and_back() {
    let (redis, demo) = (RedisServer::start(), demo());
    let amqp = given("TASKQ_TEST_AMQP_URL");
    let queue = format!("migrate-{}", uuid::Uuid::now_v7().simple());
    for n in 0..20 {
        demo.run(&format!("-b {} call demo.add -a [{n},1] --queue {queue}", redis.url(0))).ok();
    }
    for (from, to) in [(redis.url(0), amqp.clone()), (amqp, redis.url(1))] {
        let moved = demo.run(&format!("migrate {from} {to} -Q {queue} --json")).json();
        assert_eq!(total(&moved, "moved"), 20, "{from} to {to}: {moved}");
    }
    assert_eq!(demo.run(&format!("-b {} queues -Q {queue} --json", redis.url(1))).json()[0]["ready"], 20);
}

#[test]
fn a_move_to_itself_or_from_nowhere_is_refused() {
    let demo = demo();
    assert!(demo.run("migrate sqlite:a.db sqlite:a.db").failed(2).contains("the same"));
    demo.run("migrate redis://127.0.0.1:9/0 sqlite:a.db").failed(69);
}
