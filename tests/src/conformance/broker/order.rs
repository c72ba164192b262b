//! Who is next.

use taskq_core::broker::{Outgoing, PriorityOrder, Queue, Settle};

use super::bench::{Bench, Held, numbered};

/// Without priorities the order of publication is the order of delivery, across calls.
pub async fn first_in_first_out(bench: &Bench) {
    let queue = bench.queue("fifo").await;
    for start in [0, 40, 41, 90] {
        let end = [40, 41, 90, 100][[0, 40, 41, 90].iter().position(|s| *s == start).expect("listed")];
        bench.publish(&queue, start..end).await;
    }
    assert_eq!(bench.consumer(&queue).await.numbers(100).await, (0..100).collect::<Vec<_>>());
}

/// More urgent ones first, in the direction the driver declares; within one priority as published.
pub async fn priorities_go_in_the_declared_direction(bench: &Bench) {
    let Some(direction) = bench.broker.capabilities().priorities else {
        bench.lacks(false, "priorities");
        return;
    };
    let queue = bench.queue("priority").await;
    // Kombu's steps, which every broker tells apart.
    let published: Vec<(u32, i64)> = (0..40).map(|n| (n, [3, 9, 0, 6][n as usize % 4])).collect();
    let batch: Vec<_> = published
        .iter()
        .map(|(n, priority)| {
            let mut message = numbered(*n);
            message.properties.priority = Some(*priority);
            Outgoing::to_queue(&queue, message)
        })
        .collect();
    bench.broker.publish(&batch).await.expect("publish");
    let mut expected = published;
    expected.sort_by_key(|(n, priority)| match direction {
        PriorityOrder::HigherFirst => (-priority, *n),
        PriorityOrder::LowerFirst => (*priority, *n),
    });
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(40).await;
    let came: Vec<_> =
        held.iter().map(|held| (held.number(), held.info.priority.unwrap_or_default())).collect();
    assert_eq!(came, expected);
    taker.ack(&held).await;
}

/// A message that is requeued at once comes again before those behind it, or with them where the broker says so.
pub async fn a_requeued_message_is_the_next_one(bench: &Bench) {
    let queue = bench.queue("front").await;
    bench.publish(&queue, 0..5).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(1).await;
    assert_eq!((held[0].number(), held[0].info.redelivered), (0, false));
    taker.end(&held, &Settle::Requeue { not_before: None }).await;
    let held = taker.take(5).await;
    let mut numbers: Vec<_> = held.iter().map(Held::number).collect();
    if !bench.broker.capabilities().in_place {
        numbers.sort_unstable();
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(held.iter().all(|held| held.info.redelivered == (held.number() == 0)));
    taker.ack(&held).await;
}

/// A long queue does not starve a short one.
pub async fn queues_take_turns(bench: &Bench) {
    let (long, short) = (bench.queue("long").await, bench.queue("short").await);
    bench.publish(&long, 0..200).await;
    bench.publish(&short, 1_000..1_005).await;
    let both = vec![Queue::named(&long), Queue::named(&short)];
    let mut taker = bench.consumer_with(&long, |spec| spec.queues = both).await;
    let mut early = Vec::new();
    for _ in 0..20 {
        early.extend(taker.numbers(2).await);
    }
    let served = early.iter().filter(|n| **n >= 1_000).count();
    assert_eq!(served, 5, "40 takes brought {served} of 5 from the short queue: {early:?}");
    let in_order: Vec<_> = early.iter().copied().filter(|n| *n < 1_000).collect();
    assert!(in_order.is_sorted(), "{in_order:?}");
    assert_eq!(taker.numbers(165).await.len(), 165);
}
