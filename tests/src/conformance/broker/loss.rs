//! Nothing is lost, whoever goes away at whatever moment.

use std::{collections::BTreeMap, time::Duration};

use super::bench::{Bench, Held, SHORT, Taker, soon};

/// Dropping a delivery is giving it back.
pub async fn a_delivery_that_is_dropped_goes_back(bench: &Bench) {
    let queue = bench.queue("drop").await;
    bench.publish(&queue, 0..5).await;
    let mut taker = bench.consumer(&queue).await;
    let mut batch = Vec::new();
    while batch.len() < 5 {
        soon("a take", taker.consumer.next_batch(5 - batch.len(), &mut batch)).await.expect("next_batch");
    }
    drop(batch);
    let other = bench.another().await;
    let mut other = Taker::start(&other, &queue, |_| {}).await;
    let held = other.take(5).await;
    let mut numbers: Vec<_> = held.iter().map(Held::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(held.iter().all(|held| held.info.redelivered));
    other.ack(&held).await;
}

/// A process that dies between the take and the settlement leaves its messages to the others.
pub async fn a_consumer_that_dies_after_the_take_loses_nothing(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().lease, "leases") {
        return;
    }
    let queue = bench.queue("die").await;
    bench.publish(&queue, 0..50).await;
    let dying = bench.another().await;
    let mut taker = Taker::start(&dying, &queue, |spec| spec.lease = SHORT).await;
    let held = taker.take(30).await;
    taker.ack(&held[..10]).await;
    drop(held); // accepted, so nobody gives them back
    drop(taker);
    drop(dying);
    let mut survivor = bench.consumer(&queue).await;
    let mut numbers = survivor.numbers(40).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (10..50).collect::<Vec<_>>());
    survivor.nothing().await;
}

/// A take that is cancelled at any moment loses nothing and doubles nothing.
pub async fn a_cancelled_take_loses_nothing(bench: &Bench) {
    const COUNT: u32 = 600;
    let queue = bench.queue("cancel").await;
    let mut taker = bench.consumer(&queue).await;
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    let mut published = 0;
    let all = async {
        while seen.len() < COUNT as usize {
            if published < COUNT {
                bench.publish(&queue, published..published + 20).await;
                published += 20;
            }
            let mut batch = Vec::new();
            let patience = Duration::from_micros(fastrand::u64(0..3_000));
            let _ = tokio::time::timeout(patience, taker.consumer.next_batch(7, &mut batch)).await;
            let held: Vec<_> = batch.into_iter().map(Held::from).collect();
            taker.ack(&held).await;
            for held in held {
                *seen.entry(held.number()).or_default() += 1;
            }
        }
    };
    soon("all of them", all).await;
    assert!(seen.values().all(|times| *times == 1), "some came twice: {seen:?}");
    taker.nothing().await;
}

/// What was acknowledged does not come back with the next consumer.
pub async fn what_is_settled_stays_settled(bench: &Bench) {
    let queue = bench.queue("settled").await;
    bench.publish(&queue, 0..100).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.lease = SHORT).await;
    assert_eq!(taker.numbers(100).await.len(), 100);
    drop(taker);
    let mut next = bench.consumer(&queue).await;
    tokio::time::timeout(SHORT * 2, next.some(1)).await.expect_err("a settled message came back");
}

/// Stopping returns what was taken and not delivered, and what was delivered can still be settled.
pub async fn stop_fetching_gives_back_and_leaves_leases_alone(bench: &Bench) {
    let queue = bench.queue("stop").await;
    bench.publish(&queue, 0..10).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.prefetch = 10).await;
    let held = first.some(4).await;
    soon("the stop", first.consumer.stop_fetching()).await.expect("stop_fetching");
    let mut second = bench.consumer(&queue).await;
    let rest = second.numbers(10 - held.len()).await;
    assert!(rest.iter().all(|n| held.iter().all(|held| held.number() != *n)));
    first.ack(&held).await;
    second.nothing().await;
    assert_eq!(bench.stats(&queue).await.in_flight, 0);
}
