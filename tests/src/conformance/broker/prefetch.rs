//! A consumer never holds more than it was allowed.

use std::{slice::from_ref, time::Duration};

use taskq_core::{
    Timestamp,
    broker::{Outgoing, Settle},
};

use super::bench::{Bench, Held, numbered};

const PREFETCH: u32 = 4;

/// What a worker with `PREFETCH` permits takes and is in flight never exceeds them.
pub async fn no_more_are_held_than_asked_for(bench: &Bench) {
    let queue = bench.queue("prefetch").await;
    bench.publish(&queue, 0..40).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.prefetch = PREFETCH).await;
    let (mut held, mut seen) = (Vec::new(), 0);
    while seen < 40 {
        let taken = taker.some(PREFETCH as usize - held.len()).await;
        seen += taken.len();
        held.extend(taken);
        let in_flight = bench.in_flight(from_ref(&queue), 40, seen - held.len()).await;
        assert!(in_flight <= PREFETCH as usize, "{in_flight} in flight, {PREFETCH} allowed");
        let done: Vec<_> = held.drain(..held.len().div_ceil(2)).collect();
        taker.ack(&done).await;
    }
    taker.ack(&held).await;
}

/// A window that changes holds back what goes beyond it, soon after it was set, and loses nothing on its way.
pub async fn a_window_that_changes_bounds_what_is_held(bench: &Bench) {
    const MESSAGES: usize = 400;
    let queue = bench.queue("window").await;
    bench.publish(&queue, 0..MESSAGES as u32).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.prefetch = 0).await;
    let mut seen = std::collections::BTreeSet::new();
    for window in [2, 8, 1, 4] {
        taker.consumer.set_window(Some(window));
        let mut within = 0;
        while within < 5 {
            let acked = seen.len();
            let held = taker.some(window).await;
            seen.extend(held.iter().map(Held::number));
            let in_flight = bench.in_flight(from_ref(&queue), MESSAGES, acked).await;
            taker.ack(&held).await;
            // What came under the window before is handed out, and then no more.
            assert!(within == 0 || in_flight <= window, "{in_flight} in flight, {window} allowed");
            within += u32::from(in_flight <= window);
            assert!(seen.len() < MESSAGES, "{window}: never within it");
        }
    }
    taker.consumer.set_window(None);
    while seen.len() < MESSAGES {
        let held = taker.some(8).await;
        seen.extend(held.iter().map(Held::number));
        taker.ack(&held).await;
    }
    bench.stats_until(&queue, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
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
