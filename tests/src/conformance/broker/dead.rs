//! Dead letters: nothing is dropped, and everything can come back.

use taskq_core::broker::{DeadKind, DeadLetter, DeadReason, Payload, Settle};

use super::bench::{Bench, number};

async fn letters(bench: &Bench, queue: &str) -> Vec<DeadLetter> {
    bench.admin().dead(queue, 0, 100).await.expect("dead letters")
}

fn dead(detail: &str) -> Settle {
    Settle::DeadLetter { reason: DeadReason::new(DeadKind::UnknownTask, detail) }
}

/// Everything about a dead letter is kept, and it is not delivered again.
pub async fn a_dead_letter_keeps_reason_count_and_bytes(bench: &Bench) {
    let queue = bench.queue("dead").await;
    bench.publish(&queue, 5..6).await;
    let before = bench.admin().peek(&queue, 1).await.expect("peek").remove(0).original;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(1).await;
    taker.end(&held, &Settle::Requeue { not_before: None }).await;
    let held = taker.take(1).await;
    taker.end(&held, &dead("no task `ünknown` here")).await;
    taker.nothing().await;
    let letters = letters(bench, &queue).await;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter.reason, DeadReason::new(DeadKind::UnknownTask, "no task `ünknown` here"));
    // Two deliveries, and the look where it counts as one.
    let deliveries = if bench.broker.capabilities().in_place { 2 } else { 3 };
    assert_eq!((letter.queue.as_str(), letter.deliveries), (queue.as_str(), deliveries));
    assert_eq!(letter.original, before);
    assert_eq!(letter.message.as_ref().map(number), Some(5));
}

/// Replay puts the same bytes back; the count of deliveries starts anew.
pub async fn a_replayed_message_is_the_one_that_was_put_aside(bench: &Bench) {
    let queue = bench.queue("replay").await;
    bench.publish(&queue, 0..3).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.max_deliveries = 1).await;
    let held = taker.take(3).await;
    taker.end(&held, &dead("not yet")).await;
    let before = letters(bench, &queue).await;
    let ids: Vec<String> = before.iter().map(|letter| letter.id.clone()).collect();
    assert_eq!(bench.admin().replay(&queue, &ids[..2]).await.expect("replay"), 2);
    // Where a look is a delivery, it would be one too many here.
    if bench.broker.capabilities().in_place {
        let peeked = bench.admin().peek(&queue, 9).await.expect("peek");
        let mut originals: Vec<_> = peeked.into_iter().map(|peeked| peeked.original).collect();
        let mut expected: Vec<_> = before[..2].iter().map(|letter| letter.original.clone()).collect();
        originals.sort();
        expected.sort();
        assert_eq!(originals, expected);
    }
    let held = taker.take(2).await;
    assert!(held.iter().all(|held| held.deliveries == 1), "{held:?}");
    taker.ack(&held).await;
    assert_eq!(bench.admin().replay(&queue, &ids).await.expect("replay"), 1, "two were gone already");
    assert_eq!(taker.numbers(1).await.len(), 1);
    assert!(letters(bench, &queue).await.is_empty());
}

/// Bytes that are no message go to the dead letters and back unchanged.
pub async fn undecodable_bytes_survive_the_dead_letters(bench: &Bench) {
    let queue = bench.queue("dead-raw").await;
    let bytes: &[u8] = b"\xf0\x28\x8c\x28 garbage";
    bench.inject_raw(&queue, bytes).await;
    let mut taker = bench.consumer(&queue).await;
    for _ in 0..2 {
        let held = taker.take(1).await;
        match &held[0].payload {
            Payload::Undecodable(undecodable) => assert_eq!(undecodable.original, bytes),
            Payload::Message(message) => panic!("read as {message:?}"),
        }
        let reason = DeadReason::new(DeadKind::Undecodable, "garbage");
        taker.end(&held, &Settle::DeadLetter { reason }).await;
        let letters = letters(bench, &queue).await;
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((&letter.original[..], letter.message.is_none()), (bytes, true));
        assert_eq!(bench.admin().replay(&queue, std::slice::from_ref(&letter.id)).await.expect("replay"), 1);
    }
}

/// What Python wrote, key order and blanks of its own, comes back byte for byte, however often it is put aside.
pub async fn a_message_of_pythons_is_replayed_byte_for_byte(bench: &Bench) {
    let queue = bench.queue("dead-python").await;
    let bytes = python_message(&queue);
    bench.inject_raw(&queue, bytes.as_bytes()).await;
    let mut taker = bench.consumer(&queue).await;
    for _ in 0..2 {
        let held = taker.take(1).await;
        taker.end(&held, &dead("not here")).await;
        let letters = letters(bench, &queue).await;
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!(String::from_utf8_lossy(&letter.original), bytes);
        assert_eq!(bench.admin().replay(&queue, std::slice::from_ref(&letter.id)).await.expect("replay"), 1);
    }
    // Where a look is a delivery, it was seen as it is above.
    if bench.broker.capabilities().in_place {
        let peeked = bench.admin().peek(&queue, 9).await.expect("peek");
        let [peeked] = peeked.as_slice() else { panic!("{peeked:?}") };
        assert_eq!(String::from_utf8_lossy(&peeked.original), bytes);
    }
}

/// An envelope as kombu writes it to Redis.
fn python_message(queue: &str) -> String {
    format!(
        r#"{{"body": "W1sxXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {{"lang": "py", "task": "proj.t\u00e4sk", "id": "3d1f0b7c-7a4e-4f3a-9c3b-1e2d3c4b5a69", "shadow": null, "eta": null, "retries": 0, "origin": "gen1@h"}}, "properties": {{"correlation_id": "3d1f0b7c-7a4e-4f3a-9c3b-1e2d3c4b5a69", "reply_to": "x", "delivery_mode": 2, "delivery_info": {{"exchange": "", "routing_key": "{queue}"}}, "priority": 0, "body_encoding": "base64", "delivery_tag": "0b6e9a52-5a55-4a3e-8f0e-aaaaaaaaaaaa"}}}}"#
    )
}

/// The newest come first; offset and limit page through them.
pub async fn newest_come_first_and_in_pages(bench: &Bench) {
    let queue = bench.queue("pages").await;
    let mut taker = bench.consumer(&queue).await;
    for n in 0..5 {
        bench.publish(&queue, n..n + 1).await;
        let held = taker.take(1).await;
        taker.end(&held, &dead("paged")).await;
    }
    let mut seen = Vec::new();
    for offset in [0, 2, 4, 6] {
        let page = bench.admin().dead(&queue, offset, 2).await.expect("dead letters");
        assert!(page.len() <= 2);
        seen.extend(page.iter().filter_map(|letter| letter.message.as_ref().map(number)));
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
}

/// Forgetting counts what was there and leaves the others.
pub async fn forgotten_ones_are_gone(bench: &Bench) {
    let queue = bench.queue("forget").await;
    bench.publish(&queue, 0..3).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(3).await;
    taker.end(&held, &dead("forget me")).await;
    let ids: Vec<String> = letters(bench, &queue).await.into_iter().map(|letter| letter.id).collect();
    assert_eq!(bench.admin().forget_dead(&queue, &ids[..2]).await.expect("forget"), 2);
    assert_eq!(bench.admin().forget_dead(&queue, &ids).await.expect("forget"), 1);
    assert!(letters(bench, &queue).await.is_empty());
    assert_eq!(bench.stats(&queue).await.dead, 0);
}

/// A message that came back too often is put aside instead of being delivered again.
pub async fn too_many_deliveries_are_poison(bench: &Bench) {
    let queue = bench.queue("poison").await;
    bench.publish(&queue, 0..1).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.max_deliveries = 3).await;
    for time in 1..=3 {
        let held = taker.take(1).await;
        assert_eq!((held[0].deliveries, held[0].info.redelivered), (time, time > 1));
        taker.end(&held, &Settle::Requeue { not_before: None }).await;
    }
    bench.publish(&queue, 1..2).await;
    assert_eq!(taker.numbers(1).await, [1], "the next message comes at once");
    bench.stats_until(&queue, "the dead letter", |stats| stats.dead == 1 && stats.ready == 0).await;
    let letters = letters(bench, &queue).await;
    assert_eq!((letters[0].reason.kind, letters[0].deliveries), (DeadKind::Poison, 3));
    assert_eq!(letters[0].message.as_ref().map(number), Some(0));
}

/// A limit of 0 is none.
pub async fn without_a_limit_nothing_is_poison(bench: &Bench) {
    let queue = bench.queue("patient").await;
    bench.publish(&queue, 0..1).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.max_deliveries = 0).await;
    for time in 1..=12 {
        let held = taker.take(1).await;
        assert_eq!(held[0].deliveries, time);
        taker.end(&held, &Settle::Requeue { not_before: None }).await;
    }
    assert_eq!(taker.numbers(1).await, [0]);
}
