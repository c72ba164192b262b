//! What is published with a settlement: a retry, the next step of a chain.

use std::time::Duration;

use taskq_core::{
    Timestamp,
    broker::{Outgoing, Settle, Settlement},
};

use super::bench::{Bench, SHORT, numbered};

/// Follow-ups to several queues arrive; the settled message does not come again.
pub async fn what_a_settlement_publishes_arrives(bench: &Bench) {
    let (queue, next) = (bench.queue("step-one").await, bench.queue("step-two").await);
    bench.publish(&queue, 0..2).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(2).await;
    let batch: Vec<_> = held
        .iter()
        .map(|held| {
            let follow = |queue: &String, n| Outgoing::to_queue(queue, numbered(n));
            let publish = vec![follow(&next, held.number() + 10), follow(&queue, held.number() + 20)];
            Settlement { tag: held.tag, how: Settle::Ack, publish }
        })
        .collect();
    assert_eq!(taker.settle(&batch).await.lost, []);
    assert_eq!(taker.numbers(2).await, [20, 21]);
    assert_eq!(bench.consumer(&next).await.numbers(2).await, [10, 11]);
    assert_eq!(bench.stats(&queue).await.in_flight, 0);
}

/// Under a lost lease nothing is published: the next holder does it.
pub async fn a_lost_settlement_publishes_nothing(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().lease, "leases") {
        return;
    }
    let (queue, next) = (bench.queue("lost-step").await, bench.queue("lost-next").await);
    bench.publish(&queue, 0..1).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.lease = SHORT).await;
    let held = first.one().await;
    let mut second = bench.consumer(&queue).await;
    let again = second.take(1).await;
    let publish = vec![Outgoing::to_queue(&next, numbered(1))];
    let late = Settlement { tag: held.tag, how: Settle::Ack, publish: publish.clone() };
    assert_eq!(first.settle(&[late]).await.lost, [held.tag]);
    bench.consumer(&next).await.nothing().await;
    let in_time = Settlement { tag: again[0].tag, how: Settle::Ack, publish };
    assert_eq!(second.settle(&[in_time]).await.lost, []);
    assert_eq!(bench.consumer(&next).await.numbers(1).await, [1]);
}

/// A follow-up with a due time waits, as a retry does.
pub async fn a_follow_up_may_be_delayed(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().native_delay, "delayed messages") {
        return;
    }
    let queue = bench.queue("retry").await;
    bench.publish(&queue, 0..1).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.one().await;
    let at = Timestamp::now() + Duration::from_millis(800);
    let retry = Outgoing { not_before: Some(at), ..Outgoing::to_queue(&queue, numbered(1)) };
    let settlement = Settlement { tag: held.tag, how: Settle::Ack, publish: vec![retry] };
    assert_eq!(taker.settle(&[settlement]).await.lost, []);
    assert_eq!(taker.numbers(1).await, [1]);
    assert!(Timestamp::now() >= at, "early");
}
