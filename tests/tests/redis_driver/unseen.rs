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
