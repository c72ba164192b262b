//! Messages that wait for their time in the broker.

use std::time::Duration;

use taskq_core::{
    Timestamp,
    broker::{Outgoing, Settle},
};

use super::bench::{Bench, numbered};

fn due(queue: &str, n: u32, at: Timestamp) -> Outgoing {
    Outgoing { not_before: Some(at), ..Outgoing::to_queue(queue, numbered(n)) }
}

fn within(duration: Duration) -> Timestamp {
    Timestamp::now() + duration
}

fn cannot(bench: &Bench) -> bool {
    bench.lacks(bench.broker.capabilities().producer_delay, "delayed messages from producers")
}

/// A delayed message comes when it is due, not before.
pub async fn a_message_is_on_time_and_never_early(bench: &Bench) {
    if cannot(bench) {
        return;
    }
    let queue = bench.queue("due").await;
    let at = within(Duration::from_millis(1_500));
    bench.broker.publish(&[due(&queue, 0, at)]).await.expect("publish");
    if bench.broker.capabilities().delayed_by_queue {
        assert_eq!(bench.stats(&queue).await.delayed, 1);
    }
    assert_eq!(bench.stats(&queue).await.ready, 0);
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(1).await;
    let came = Timestamp::now();
    assert!(came >= at, "{:?} early", at.duration_since(came));
    assert!(came < at + Duration::from_secs(5), "{:?} late", came.duration_since(at));
    assert_eq!((held[0].deliveries, held[0].info.redelivered), (1, false));
    taker.ack(&held).await;
}

/// Messages become ready in the order of their times, not of their publication.
pub async fn due_times_decide_the_order(bench: &Bench) {
    if cannot(bench) {
        return;
    }
    let queue = bench.queue("due-order").await;
    let start = within(Duration::from_millis(700));
    let step = bench.broker.capabilities().delay_step.max(Duration::from_millis(100));
    let batch: Vec<_> = [4, 1, 3, 0, 2].into_iter().map(|n| due(&queue, n, start + step * n)).collect();
    bench.broker.publish(&batch).await.expect("publish");
    assert_eq!(bench.consumer(&queue).await.numbers(5).await, [0, 1, 2, 3, 4]);
}

/// Ready messages pass delayed ones, however many there are.
pub async fn what_is_delayed_does_not_hold_up_what_is_ready(bench: &Bench) {
    if cannot(bench) {
        return;
    }
    let queue = bench.queue("eta-flood").await;
    let later = within(Duration::from_secs(3_600));
    let flood: Vec<_> = (0..1_000).map(|n| due(&queue, n, later)).collect();
    bench.broker.publish(&flood).await.expect("publish");
    bench.publish(&queue, 5_000..5_003).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.prefetch = 4).await;
    assert_eq!(taker.numbers(3).await, [5_000, 5_001, 5_002]);
    taker.nothing().await;
    if bench.broker.capabilities().delayed_by_queue {
        assert_eq!(bench.stats(&queue).await.delayed, 1_000);
    }
}

/// What is sent back to wait comes back, also by a way that it has been before: on RabbitMQ the second wait here is in
/// the delay queue of the first one, and in another one above it.
pub async fn what_waits_a_second_time_and_for_longer_comes_back(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().native_delay, "delayed messages") {
        return;
    }
    let queue = bench.queue("requeue-longer").await;
    bench.publish(&queue, 0..1).await;
    let mut taker = bench.consumer(&queue).await;
    for wait in [900, 2_500] {
        let held = taker.take(1).await;
        let at = within(Duration::from_millis(wait));
        taker.end(&held, &Settle::Requeue { not_before: Some(at) }).await;
    }
    assert_eq!(taker.numbers(1).await, [0]);
}

/// `Requeue { not_before }` waits, marks as redelivered, and is no failed delivery.
pub async fn a_requeue_with_a_time_waits_and_does_not_count(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().native_delay, "delayed messages") {
        return;
    }
    let queue = bench.queue("requeue-due").await;
    bench.publish(&queue, 0..1).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.max_deliveries = 2).await;
    for time in 0..4 {
        let held = taker.take(1).await;
        assert_eq!((held[0].info.redelivered, held[0].deliveries), (time > 0, 1));
        let at = within(Duration::from_millis(300));
        taker.end(&held, &Settle::Requeue { not_before: Some(at) }).await;
        bench.stats_until(&queue, "the requeue", |stats| stats.in_flight == 0).await;
        let held = taker.take(1).await;
        assert!(Timestamp::now() >= at, "early");
        taker.end(&held, &Settle::Requeue { not_before: Some(Timestamp::now()) }).await;
    }
    assert_eq!(taker.numbers(1).await, [0]);
    assert_eq!(bench.stats(&queue).await.dead, 0);
}

/// A due time in the past is no delay.
pub async fn a_time_that_has_passed_is_now(bench: &Bench) {
    if cannot(bench) {
        return;
    }
    let queue = bench.queue("past").await;
    bench.broker.publish(&[due(&queue, 0, Timestamp::UNIX_EPOCH)]).await.expect("publish");
    assert_eq!(bench.consumer(&queue).await.numbers(1).await, [0]);
}
