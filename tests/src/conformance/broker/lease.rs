//! Leases: who holds a message, and what becomes of those who held it too long.

use std::time::{Duration, Instant};

use taskq_core::broker::{DeadKind, DeadReason, Settle, Settlement};

use super::bench::{Bench, SHORT};

fn without_leases(bench: &Bench) -> bool {
    bench.lacks(bench.broker.capabilities().lease, "leases")
}

/// A message that nobody settles or renews comes to another consumer, marked and counted.
pub async fn a_lapsed_lease_gives_the_message_to_somebody_else(bench: &Bench) {
    if without_leases(bench) {
        return;
    }
    let queue = bench.queue("lapse").await;
    bench.publish(&queue, 0..1).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.lease = SHORT).await;
    let taken = Instant::now();
    let held = first.one().await;
    let other = bench.another().await;
    let mut second = super::bench::Taker::start(&other, &queue, |_| {}).await;
    let again = second.take(1).await;
    assert!(taken.elapsed() >= SHORT - Duration::from_millis(50), "lapsed after {:?}", taken.elapsed());
    assert_eq!((again[0].number(), again[0].deliveries, again[0].info.redelivered), (0, 2, true));
    assert_ne!(again[0].tag, held.tag);
    second.ack(&again).await;
}

/// Whatever the late holder wants, the new holder's delivery is not touched, and the late one is told.
pub async fn a_late_settlement_changes_nothing_and_is_named(bench: &Bench) {
    if without_leases(bench) {
        return;
    }
    let queue = bench.queue("late").await;
    bench.publish(&queue, 0..3).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.lease = SHORT).await;
    let late = first.take(3).await;
    let mut second = bench.consumer(&queue).await;
    let held = second.take(3).await;
    let reason = DeadReason::new(DeadKind::Rejected, "late");
    let ends = [Settle::Ack, Settle::Requeue { not_before: None }, Settle::DeadLetter { reason }];
    let batch: Vec<_> = late.iter().zip(ends).map(|(late, how)| Settlement::new(late.tag, how)).collect();
    let lost: Vec<_> = late.iter().map(|late| late.tag).collect();
    assert_eq!(first.settle(&batch).await.lost, lost);
    let stats = bench.stats(&queue).await;
    assert_eq!((stats.ready, stats.in_flight, stats.dead), (0, 3, 0), "{stats:?}");
    second.ack(&held).await;
    assert_eq!(bench.stats(&queue).await.in_flight, 0);
}

/// A lease that is renewed in time holds for as long as that goes on.
pub async fn a_renewed_lease_does_not_lapse(bench: &Bench) {
    if without_leases(bench) {
        return;
    }
    let lease = Duration::from_secs(3);
    let queue = bench.queue("renew").await;
    bench.publish(&queue, 0..1).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.lease = lease).await;
    let held = first.take(1).await;
    let mut second = bench.consumer(&queue).await;
    let start = Instant::now();
    while start.elapsed() < lease + lease / 2 {
        second.nothing().await;
        assert_eq!(first.settler.extend(&[held[0].tag], lease).await.expect("extend").lost, []);
    }
    first.ack(&held).await;
    second.nothing().await;
}

/// Renewing a lease that somebody else has by now says so, and leaves theirs alone.
pub async fn a_lost_lease_cannot_be_renewed(bench: &Bench) {
    if without_leases(bench) {
        return;
    }
    let queue = bench.queue("too-late").await;
    bench.publish(&queue, 0..2).await;
    let mut first = bench.consumer_with(&queue, |spec| spec.lease = SHORT).await;
    let late = first.take(2).await;
    let mut second = bench.consumer(&queue).await;
    let held = second.take(2).await;
    let tags = [late[0].tag, late[1].tag];
    assert_eq!(first.settler.extend(&tags, SHORT).await.expect("extend").lost, tags);
    second.ack(&held).await;
    assert_eq!(first.settler.extend(&tags, SHORT).await.expect("extend").lost, tags);
}

/// The second settlement of a delivery finds it gone.
pub async fn a_settlement_counts_once(bench: &Bench) {
    if without_leases(bench) {
        return;
    }
    let queue = bench.queue("twice").await;
    bench.publish(&queue, 0..2).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(2).await;
    taker.ack(&held[..1]).await;
    let again = Settlement::new(held[0].tag, Settle::Requeue { not_before: None });
    let other = Settlement::new(held[1].tag, Settle::Ack);
    assert_eq!(taker.settle(&[again, other]).await.lost, [held[0].tag]);
    taker.nothing().await;
}
