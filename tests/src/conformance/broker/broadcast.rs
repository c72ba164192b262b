//! Fan-out: everybody who listens hears.

use super::bench::{Bench, QUIET, number, numbered, soon};

/// Two clients listen with different patterns; each hears what matches, in order, and nothing else.
pub async fn every_listener_hears_what_matches(bench: &Bench) {
    let Some(broadcast) = bench.broker.broadcast() else {
        bench.lacks(bench.broker.capabilities().broadcast, "broadcast");
        return;
    };
    let exchange = format!("cast-{}", uuid::Uuid::now_v7().simple());
    let elsewhere = format!("{exchange}-other");
    let other = bench.another().await.broadcast().expect("the same capabilities");
    let mut all = soon("subscribing", broadcast.subscribe(&exchange, "#")).await.expect("subscribe");
    let mut some = soon("subscribing", other.subscribe(&exchange, "task.*")).await.expect("subscribe");
    for (n, key) in [(0, "worker.online"), (1, "task.sent"), (2, "task.failed")] {
        broadcast.publish(&exchange, key, &numbered(n)).await.expect("publish");
        broadcast.publish(&elsewhere, key, &numbered(100)).await.expect("publish");
    }
    for n in 0..3 {
        assert_eq!(number(&soon("an event", all.next()).await.expect("next")), n);
    }
    for n in 1..3 {
        assert_eq!(number(&soon("an event", some.next()).await.expect("next")), n);
    }
    assert!(tokio::time::timeout(QUIET, some.next()).await.is_err(), "heard more than matches");
}

/// A listener that went away does not disturb the others, and a new one hears only what comes later.
pub async fn a_dropped_listener_does_not_disturb(bench: &Bench) {
    let Some(broadcast) = bench.broker.broadcast() else {
        bench.lacks(bench.broker.capabilities().broadcast, "broadcast");
        return;
    };
    let exchange = format!("cast-{}", uuid::Uuid::now_v7().simple());
    broadcast.publish(&exchange, "a", &numbered(0)).await.expect("publishing to nobody");
    let gone = soon("subscribing", broadcast.subscribe(&exchange, "#")).await.expect("subscribe");
    let mut stays = soon("subscribing", broadcast.subscribe(&exchange, "#")).await.expect("subscribe");
    drop(gone);
    broadcast.publish(&exchange, "a", &numbered(1)).await.expect("publish");
    assert_eq!(number(&soon("an event", stays.next()).await.expect("next")), 1);
}
