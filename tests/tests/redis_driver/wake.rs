//! What an idle consumer does not watch itself starts at once all the same, and being idle costs little.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::{
    Timestamp,
    broker::{Broker, ConsumeSpec, Outgoing, Queue, Settle},
};
use taskq_tests::{
    conformance::broker::bench::{Taker, numbered},
    redis_server::RedisServer,
};
use tokio::time::sleep;

use super::broker;

const QUEUE: &str = "q";
const ROUNDS: usize = 9;
/// Far below the half of a tick, which is what finding by looking takes on average.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The median of the times from `due` until the message is there.
async fn median(
    taker: &mut Taker,
    broker: &Arc<dyn Broker>,
    mut message: impl FnMut() -> (Outgoing, Duration),
) -> Duration {
    taker.nothing().await;
    let mut late = Vec::new();
    for _ in 0..ROUNDS {
        let (message, due) = message();
        let due = Instant::now() + due;
        broker.publish(&[message]).await.expect("publish");
        taker.numbers(1).await;
        late.push(Instant::now().saturating_duration_since(due));
        // So that rounds begin at all points of a tick.
        sleep(Duration::from_millis(70)).await;
    }
    late.sort_unstable();
    late[ROUNDS / 2]
}

/// Symptom: a message of a low priority waited for half a second on an idle system.
#[tokio::test]
async fn a_low_priority_starts_at_once() {
    let server = RedisServer::start();
    let (near, far) = (broker(&server).await, broker(&server).await);
    let mut taker = Taker::start(&near, QUEUE, |_| {}).await;
    let mut urgent = numbered(1);
    urgent.properties.priority = Some(9);
    let late = median(&mut taker, &far, || (Outgoing::to_queue(QUEUE, urgent.clone()), Duration::ZERO)).await;
    assert!(late < AT_ONCE, "{late:?}");
}

/// Symptom: a delay that another process parked ended up to half a second late.
#[tokio::test]
async fn a_delay_of_another_process_ends_in_time() {
    let server = RedisServer::start();
    let (near, far) = (broker(&server).await, broker(&server).await);
    let mut taker = Taker::start(&near, QUEUE, |_| {}).await;
    let wait = Duration::from_millis(120);
    let late = median(&mut taker, &far, || {
        let mut out = Outgoing::to_queue(QUEUE, numbered(1));
        out.not_before = Some(Timestamp::now() + wait);
        (out, wait)
    })
    .await;
    assert!(late < AT_ONCE, "{late:?}");
}

/// The same, where it was parked with a settlement.
#[tokio::test]
async fn a_retry_of_another_process_ends_in_time() {
    let server = RedisServer::start();
    let (near, far) = (broker(&server).await, broker(&server).await);
    let wait = Duration::from_millis(120);
    let batch: Vec<_> = (0..9).map(|number| Outgoing::to_queue(QUEUE, numbered(number))).collect();
    far.publish(&batch).await.expect("publish");
    let mut other = Taker::start(&far, QUEUE, |_| {}).await;
    let held = other.take(ROUNDS).await;
    other.consumer.stop_fetching().await.expect("stop");
    // What the other one holds is retried, and only this one can take it.
    let mut taker = Taker::start(&near, QUEUE, |_| {}).await;
    taker.nothing().await;
    let mut late = Vec::new();
    for held in &held {
        let due = Instant::now() + wait;
        let how = Settle::Requeue { not_before: Some(Timestamp::now() + wait) };
        other.end(std::slice::from_ref(held), &how).await;
        taker.numbers(1).await;
        late.push(Instant::now().saturating_duration_since(due));
        sleep(Duration::from_millis(70)).await;
    }
    late.sort_unstable();
    assert!(late[ROUNDS / 2] < AT_ONCE, "{late:?}");
}

/// Symptom: only the first eight queues of a worker were woken for.
#[tokio::test]
async fn the_tenth_queue_starts_at_once() {
    let server = RedisServer::start();
    let (near, far) = (broker(&server).await, broker(&server).await);
    let mut taker = Taker::start(&near, QUEUE, |spec: &mut ConsumeSpec| {
        spec.queues.extend((2..=10).map(|number| Queue::named(format!("q{number}"))));
    })
    .await;
    let late = median(&mut taker, &far, || (Outgoing::to_queue("q10", numbered(1)), Duration::ZERO)).await;
    assert!(late < AT_ONCE, "{late:?}");
}

/// An idle consumer asks the server less than three times a second.
#[tokio::test]
async fn an_idle_consumer_is_quiet() {
    const LONG: Duration = Duration::from_secs(5);
    let server = RedisServer::start();
    let near = broker(&server).await;
    let mut taker = Taker::start(&near, QUEUE, |_| {}).await;
    let mut look = server.connect(0);
    // Commands as they are sent, not those that scripts call.
    let mut sent = move || -> BTreeMap<String, u64> {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut look).expect("INFO");
        ["evalsha", "blmove", "ping", "subscribe", "smembers", "zrevrangebyscore", "script|load"]
            .into_iter()
            .filter_map(|name| {
                let line =
                    info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")))?;
                Some((name.to_owned(), line.split(',').next()?.parse().ok()?))
            })
            .collect()
    };
    let waiting = async {
        sleep(Duration::from_secs(1)).await;
        let before = sent();
        sleep(LONG).await;
        (before, sent())
    };
    let mut batch = Vec::new();
    let (before, after) = tokio::select! {
        counts = waiting => counts,
        _ = taker.consumer.next_batch(1, &mut batch) => panic!("nothing is there: {batch:?}"),
    };
    let count = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let commands = count(&after) - count(&before);
    assert!(commands > 0 && commands < 3 * LONG.as_secs(), "{commands}: {before:?} {after:?}");
}
