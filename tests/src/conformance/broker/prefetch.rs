//! A consumer never holds more than it was allowed.

use std::time::Duration;

use taskq_core::{
    Timestamp,
    broker::{Outgoing, Settle},
};

use super::bench::{Bench, numbered};

const PREFETCH: u32 = 4;

/// What a worker with `PREFETCH` permits takes and the broker counts as in flight never exceeds them.
pub async fn no_more_are_held_than_asked_for(bench: &Bench) {
    let queue = bench.queue("prefetch").await;
    bench.publish(&queue, 0..40).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.prefetch = PREFETCH).await;
    let (mut held, mut seen) = (Vec::new(), 0);
    while seen < 40 {
        let taken = taker.some(PREFETCH as usize - held.len()).await;
        seen += taken.len();
        held.extend(taken);
        let in_flight = bench.stats(&queue).await.in_flight;
        assert!(in_flight <= u64::from(PREFETCH), "{in_flight} in flight, {PREFETCH} allowed");
        let done: Vec<_> = held.drain(..held.len().div_ceil(2)).collect();
        taker.ack(&done).await;
    }
    taker.ack(&held).await;
}

/// Delayed messages, published or requeued, are not counted against the room for ready ones.
pub async fn delayed_messages_take_no_room(bench: &Bench) {
    if bench.lacks(bench.broker.capabilities().native_delay, "delayed messages") {
        return;
    }
    let queue = bench.queue("prefetch-eta").await;
    bench.publish(&queue, 0..30).await;
    if bench.broker.capabilities().producer_delay {
        let later = Timestamp::now() + Duration::from_secs(3_600);
        let eta: Vec<_> = (100..160)
            .map(|n| Outgoing { not_before: Some(later), ..Outgoing::to_queue(&queue, numbered(n)) })
            .collect();
        bench.broker.publish(&eta).await.expect("publish");
    }
    let mut taker = bench.consumer_with(&queue, |spec| spec.prefetch = PREFETCH).await;
    let mut seen = 0;
    while seen < 30 {
        let held = taker.some(PREFETCH as usize).await;
        seen += held.len();
        assert!(bench.stats(&queue).await.in_flight <= u64::from(PREFETCH));
        // A worker that finds an ETA puts the message back until then, and has room again.
        let later = Some(Timestamp::now() + Duration::from_secs(3_600));
        taker.end(&held, &Settle::Requeue { not_before: later }).await;
    }
    bench.stats_until(&queue, "nothing held", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
    let stats = bench.stats(&queue).await;
    if bench.broker.capabilities().delayed_by_queue {
        assert!(stats.delayed >= 30, "{stats:?}");
    }
}
