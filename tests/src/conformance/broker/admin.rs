//! Looking into queues, and emptying them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use taskq_core::{
    Timestamp,
    broker::{DeadKind, DeadReason, Outgoing, QueueStats, Settle},
};

use super::bench::{Bench, number, numbered};

/// Ready, delayed, in flight and dead are told apart.
pub async fn depth_counts_what_waits_runs_and_is_put_aside(bench: &Bench) {
    let queue = bench.queue("depth").await;
    bench.publish(&queue, 0..7).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(3).await;
    taker.end(&held[..1], &Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, "no") }).await;
    let mut expected = (4, 0, 2, 1);
    if bench.broker.capabilities().native_delay {
        let later = Some(Timestamp::now() + Duration::from_secs(3_600));
        taker.end(&held[1..2], &Settle::Requeue { not_before: later }).await;
        expected = (4, u64::from(bench.broker.capabilities().delayed_by_queue), 1, 1);
    }
    let counts = |stats: &QueueStats| (stats.ready, stats.delayed, stats.in_flight, stats.dead);
    // A broker may count some seconds late.
    bench.stats_until(&queue, "the counts", |stats| counts(stats) == expected).await;
    let stats = bench.stats(&queue).await;
    assert!(stats.oldest.is_none_or(|age| age < Duration::from_secs(60)), "{stats:?}");
    assert!(bench.admin().queues().await.expect("queues").contains(&queue));
    assert!(bench.admin().queues().await.expect("queues").is_sorted());
}

/// Peeking answers in the order of delivery, up to the limit, and changes nothing; where looking leaves its traces,
/// at least nothing is missing afterwards.
pub async fn peek_shows_the_next_ones_and_takes_none(bench: &Bench) {
    let queue = bench.queue("peek").await;
    bench.publish(&queue, 0..5).await;
    for _ in 0..2 {
        let peeked = bench.admin().peek(&queue, 3).await.expect("peek");
        let numbers: Vec<_> =
            peeked.iter().map(|peeked| number(peeked.message.as_ref().expect("a message"))).collect();
        assert_eq!(numbers.len(), 3);
        assert!(numbers == [0, 1, 2] || !bench.broker.capabilities().in_place, "{numbers:?}");
        assert!(peeked.iter().all(|peeked| !peeked.original.is_empty() && peeked.not_before.is_none()));
    }
    let mut numbers = bench.consumer(&queue).await.numbers(5).await;
    if !bench.broker.capabilities().in_place {
        numbers.sort_unstable();
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

/// Purging removes ready and delayed ones, leaves what runs and what is dead, and reports on its way.
pub async fn purge_removes_what_waits_and_tells_its_progress(bench: &Bench) {
    let queue = bench.queue("purge").await;
    bench.publish(&queue, 0..3_002).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(2).await;
    taker.end(&held[..1], &Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, "no") }).await;
    let mut waiting = 3_000;
    let capabilities = bench.broker.capabilities();
    if capabilities.producer_delay && capabilities.delayed_by_queue {
        let mut later = Outgoing::to_queue(&queue, numbered(9_999));
        later.not_before = Some(Timestamp::now() + Duration::from_secs(3_600));
        bench.broker.publish(&[later]).await.expect("publish");
        waiting += 1;
    }
    let (last, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let progress = |removed: u64| {
        assert!(removed >= last.swap(removed, Ordering::SeqCst), "progress went back");
        calls.fetch_add(1, Ordering::SeqCst);
    };
    assert_eq!(bench.admin().purge(&queue, &progress).await.expect("purge"), waiting);
    assert_eq!(last.load(Ordering::SeqCst), waiting);
    assert!(calls.load(Ordering::SeqCst) > 1, "3,000 messages were removed in one step");
    let counts = |stats: &QueueStats| (stats.ready, stats.delayed, stats.in_flight, stats.dead);
    bench.stats_until(&queue, "the counts", |stats| counts(stats) == (0, 0, 1, 1)).await;
    taker.ack(&held[1..]).await;
}

/// A queue that nobody declared is empty, not an error.
pub async fn an_unknown_queue_counts_as_empty(bench: &Bench) {
    let unknown = format!("unknown-{}", uuid::Uuid::now_v7().simple());
    let stats = bench.stats(&unknown).await;
    assert_eq!((stats.ready, stats.delayed, stats.in_flight, stats.dead), (0, 0, 0, 0));
    assert!(bench.admin().peek(&unknown, 5).await.expect("peek").is_empty());
    assert!(bench.admin().dead(&unknown, 0, 5).await.expect("dead").is_empty());
    assert_eq!(bench.admin().purge(&unknown, &|_| {}).await.expect("purge"), 0);
}

/// A message that is picked by its bytes goes, or goes elsewhere; one that was taken meanwhile is said to be gone, and
/// the others stay.
pub async fn single_messages_are_picked_out_and_moved(bench: &Bench) {
    let (queue, other) = (bench.queue("pick").await, bench.queue("picked").await);
    bench.publish(&queue, 0..6).await;
    let mut peeked = bench.admin().peek(&queue, 6).await.expect("peek");
    peeked.sort_by_key(|peeked| number(peeked.message.as_ref().expect("a message")));
    let [removed, moved, twice] = [&peeked[1..2], &peeked[2..4], &peeked[1..3]];
    assert_eq!(bench.admin().pick(&queue, removed, None).await.expect("pick"), [true]);
    assert_eq!(bench.admin().pick(&queue, moved, Some(&other)).await.expect("pick"), [true, true]);
    assert_eq!(bench.admin().pick(&queue, twice, Some(&other)).await.expect("pick"), [false, false]);
    let mut left = bench.consumer(&queue).await.numbers(3).await;
    left.sort_unstable();
    assert_eq!(left, [0, 4, 5]);
    let mut there = bench.consumer(&other).await.numbers(2).await;
    there.sort_unstable();
    assert_eq!(there, [2, 3]);
    let capabilities = bench.broker.capabilities();
    if capabilities.producer_delay && capabilities.delayed_by_queue {
        let mut later = Outgoing::to_queue(&queue, numbered(9));
        later.not_before = Some(Timestamp::now() + Duration::from_secs(3_600));
        bench.broker.publish(&[later]).await.expect("publish");
        let delayed = bench.admin().peek(&queue, 9).await.expect("peek");
        assert_eq!(bench.admin().pick(&queue, &delayed, Some(&other)).await.expect("pick"), [true]);
        assert_eq!(bench.admin().pick(&queue, &delayed, None).await.expect("pick"), [false]);
        let delayed = bench.admin().peek(&other, 9).await.expect("peek");
        assert!(delayed[0].not_before.is_some());
        assert_eq!(bench.admin().pick(&other, &delayed, None).await.expect("pick"), [true]);
    }
}
