//! What is counted as a delivery, and what is not.

use std::{future::poll_fn, time::Duration};

use taskq_core::{
    Timestamp,
    broker::{Outgoing, Settle},
};
use taskq_tests::{
    conformance::broker::{
        Bench,
        bench::{Taker, numbered},
    },
    redis_server::RedisServer,
};

use super::Redis;

const QUEUE: &str = "q";

/// Symptom: a message that worker after worker fetched and gave back unstarted, while they were restarted, was
/// put aside as poison although it had never run.
#[tokio::test]
async fn what_was_fetched_and_never_started_is_not_counted() {
    let bench = Bench::new(Redis(RedisServer::start())).await;
    let broker = &bench.broker;
    broker.publish(&[Outgoing::to_queue(QUEUE, numbered(1))]).await.expect("publish");
    for round in 0..6 {
        let mut taker = Taker::start(broker, QUEUE, |spec| spec.max_deliveries = 2).await;
        {
            // Asked once and given up: what is fetched has nobody who waits for it.
            let mut batch = Vec::new();
            let mut next = taker.consumer.next_batch(1, &mut batch);
            poll_fn(|cx| {
                let _ = next.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
        }
        bench.stats_until(QUEUE, "it is fetched", |stats| stats.in_flight == 1).await;
        if round % 2 == 0 {
            taker.consumer.stop_fetching().await.expect("stop");
        }
        drop(taker);
        bench.stats_until(QUEUE, "it is back", |stats| (stats.ready, stats.in_flight) == (1, 0)).await;
    }
    let mut taker = Taker::start(broker, QUEUE, |spec| spec.max_deliveries = 2).await;
    let held = taker.one().await;
    assert_eq!((held.number(), held.deliveries), (1, 1));
    taker.ack(&[held]).await;
    assert_eq!(bench.stats(QUEUE).await.dead, 0);
}

/// Symptom: of two messages that were alike and had no delivery tag, one was lost when both were delayed.
#[tokio::test]
async fn messages_that_are_alike_stay_two_when_they_are_delayed() {
    let bench = Bench::new(Redis(RedisServer::start())).await;
    let bare = br#"{"body": "1", "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": "t", "id": "x"}, "properties": {}}"#;
    bench.inject_raw(QUEUE, bare).await;
    bench.inject_raw(QUEUE, bare).await;
    let mut taker = Taker::start(&bench.broker, QUEUE, |_| {}).await;
    let held = taker.take(2).await;
    let soon = Timestamp::now() + Duration::from_millis(200);
    taker.end(&held, &Settle::Requeue { not_before: Some(soon) }).await;
    assert_eq!(bench.stats(QUEUE).await.delayed, 2);
    assert_eq!(taker.numbers(2).await, [1, 1]);
    taker.nothing().await;
}

/// Symptom: the count of a message that was delivered twice stayed for ever when a Python worker ended it.
#[tokio::test]
async fn counts_of_deliveries_are_added_up_and_do_not_stay() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    let bench = Bench::new(Redis(server)).await;
    bench.publish(QUEUE, 1..2).await;
    let mut taker = Taker::start(&bench.broker, QUEUE, |_| {}).await;
    let held = taker.one().await;
    taker.end(&[held], &Settle::Requeue { not_before: None }).await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("taskq:deliveries*").query(&mut look).expect("KEYS");
    assert_eq!(keys.len(), 1);
    let expires: i64 = redis::cmd("TTL").arg(&keys[0]).query(&mut look).expect("TTL");
    assert!(expires > 7 * 24 * 3600, "{expires}");
    // A week later.
    let (name, week) = keys[0].rsplit_once(':').expect("a week");
    let before = format!("{name}:{}", week.parse::<i64>().expect("a number") - 1);
    redis::cmd("RENAME").arg(&keys[0]).arg(&before).exec(&mut look).expect("RENAME");
    let held = taker.one().await;
    assert_eq!(held.deliveries, 2);
    taker.end(&[held], &Settle::Requeue { not_before: None }).await;
    let held = taker.one().await;
    assert_eq!(held.deliveries, 3);
    taker.ack(&[held]).await;
    let left: Vec<String> = redis::cmd("KEYS").arg("taskq:deliveries*").query(&mut look).expect("KEYS");
    assert!(left.is_empty(), "{left:?}");
}
