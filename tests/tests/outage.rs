//! A worker under load whose broker goes away for a while: `/ready` says so and why, and says when it is over;
//! the worker goes on by itself, and nothing that was confirmed to its sender is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use taskq::{core::config::Sources, core::protocol::TaskId, prelude::*, task};
use taskq_tests::{
    demo::Demo,
    health::{address, get, metric},
    process::eventually,
    rabbit_server::RabbitServer,
    redis_server::RedisServer,
};
use tokio::{task::block_in_place, time::sleep};

/// How long Redis stands still.
const PAUSED: Duration = Duration::from_secs(20);
/// Between two looks while the broker is away.
const LOOK: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(60);
/// All of it, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Sent by one call, and the pause before the next.
const BATCH: i64 = 5;
const PAUSE: Duration = Duration::from_millis(40);
/// Tasks that end before the outage begins, and after it.
const SOME: f64 = 100.0;
const SUCCEEDED: &str = r#"taskq_tasks_total{task="demo.add",outcome="succeeded"}"#;

#[task(name = "demo.add")]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_after_redis_stood_still_for_twenty_seconds() {
    let redis = RedisServer::start();
    survives(&redis.url(0), &redis.url(1), |away| {
        redis.pause();
        let paused = Instant::now();
        away();
        while paused.elapsed() < PAUSED {
            thread::sleep(LOOK);
            away();
        }
        redis.resume();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_after_rabbitmq_was_restarted() {
    let (mut rabbit, redis) = (RabbitServer::start(), RedisServer::start());
    survives(&rabbit.url(), &redis.url(1), |away| {
        rabbit.kill();
        away();
        rabbit.restart();
    })
    .await;
}

/// `outage` takes the broker away and brings it back; what it is given waits until `/ready` says so.
async fn survives(broker: &str, results: &str, outage: impl FnOnce(&dyn Fn())) {
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let mut worker =
        demo.start(&format!("-b {broker} --result-backend {results} worker -c 4 --http 127.0.0.1:0"));
    let address = address(&mut worker);
    let ready = || get(&address, "/ready");
    let away = || {
        eventually("not ready", SOON, || ready().0 == 503);
        let (_, why) = ready();
        assert!(why.trim().len() > 10, "the reason is told: {why:?}");
        assert_eq!(get(&address, "/live").0, 200, "a restart would not help");
    };
    let sources = Sources::none().set("broker_url", broker).set("result_backend", results);
    let app = App::builder().sources(sources).build().expect("an app");
    let enough = Arc::new(AtomicBool::new(false));
    let sender = tokio::spawn(send(app.clone(), Arc::clone(&enough)));

    block_in_place(|| {
        eventually("under load", SOON, || metric(&address, SUCCEEDED) >= SOME && ready().0 == 200);
        outage(&away);
        let before = metric(&address, SUCCEEDED);
        eventually("ready again", SOON, || ready().0 == 200);
        eventually("it consumes again", SOON, || metric(&address, SUCCEEDED) >= before + SOME);
        assert!(metric(&address, "taskq_worker_interruptions_total") >= 1.0);
    });
    enough.store(true, Ordering::Release);
    let (sent, again) = sender.await.expect("the sender does not panic");
    println!("{} sent, {again} of them again", sent.len());
    for (number, result) in sent {
        assert_eq!(result.get().timeout(PATIENCE).await.expect("a result"), number + 1);
    }
    worker.terminate();
    assert!(block_in_place(|| worker.wait(SOON)).success(), "{}", worker.output());
}

/// Sends all the time, also during the outage, each until it is confirmed; answers how many had to be sent again.
async fn send(app: App, enough: Arc<AtomicBool>) -> (Vec<(i64, AsyncResult<i64>)>, i64) {
    let (mut sent, mut again) = (Vec::new(), 0);
    while !enough.load(Ordering::Acquire) {
        let first = sent.len() as i64;
        let ids: Vec<TaskId> = (0..BATCH).map(|_| TaskId::new()).collect();
        loop {
            let mut calls = Vec::with_capacity(ids.len());
            for (id, number) in ids.iter().zip(first..) {
                calls.push(add.with().task_id(id.clone()).delay(number, 1));
            }
            match app.delay_many(calls).await {
                Ok(results) => {
                    sent.extend((first..).zip(results));
                    break;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    again += BATCH;
                }
            }
            sleep(PAUSE).await;
        }
        sleep(PAUSE).await;
    }
    (sent, again)
}
