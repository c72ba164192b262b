//! What is published arrives, whole, once.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use taskq_core::{
    broker::{Outgoing, Payload},
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

use super::bench::{Bench, Taker, numbered, soon};

fn whole() -> Message {
    Message {
        headers: RawHeaders(Bytes::from_static(
            br#"{"lang": "rs", "task": "t", "id": "1", "big": 123456789012345678901234567890, "x": [null, 1.5]}"#,
        )),
        properties: Properties {
            correlation_id: Some("c-1".into()),
            reply_to: Some("replies".into()),
            delivery_mode: DeliveryMode::Transient,
            priority: Some(6),
            expiration: None,
            extra: Map::from_iter([("app_id".to_owned(), Value::from("me"))]),
        },
        content_type: Some("application/x-test".into()),
        content_encoding: Some("binary".into()),
        body: Bytes::from((0..=255).collect::<Vec<u8>>()),
    }
}

fn headers(message: &Message) -> Value {
    json::from_slice(&message.headers.0).expect("headers are JSON")
}

/// Headers, properties and body survive, whatever is in them; also a body of several megabytes and an empty one.
pub async fn a_message_arrives_as_it_was_sent(bench: &Bench) {
    let queue = bench.queue("whole").await;
    let text = Message { body: Bytes::from("{\"ключ\": \"😀\\u0000\"}"), ..numbered(0) };
    let large = Message { body: Bytes::from(vec![b'x'; 5_000_000]), ..numbered(0) };
    let empty = Message { body: Bytes::new(), ..numbered(0) };
    for sent in [whole(), text, large, empty] {
        bench.broker.publish(&[Outgoing::to_queue(&queue, sent.clone())]).await.expect("publish");
        let mut taker = bench.consumer(&queue).await;
        let held = taker.one().await;
        let came = held.message();
        assert!(
            came.body == sent.body,
            "the body changed: {} bytes became {}",
            sent.body.len(),
            came.body.len()
        );
        assert_eq!(headers(came), headers(&sent));
        assert_eq!(
            (&came.content_type, &came.content_encoding),
            (&sent.content_type, &sent.content_encoding)
        );
        assert_eq!(came.properties.correlation_id, sent.properties.correlation_id);
        assert_eq!(came.properties.reply_to, sent.properties.reply_to);
        assert_eq!(came.properties.delivery_mode, sent.properties.delivery_mode);
        // A message without one may come with the number that its broker stands for that.
        if sent.properties.priority.is_some() {
            assert_eq!(came.properties.priority, sent.properties.priority);
        }
        for (key, value) in &sent.properties.extra {
            assert_eq!(came.properties.extra.get(key), Some(value), "property `{key}`");
        }
        assert_eq!(&*held.info.queue, queue);
        assert_eq!(held.info.routing_key, queue);
        assert_eq!((held.info.redelivered, held.deliveries), (false, 1));
        taker.ack(&[held]).await;
    }
}

/// 10,000 messages in one call arrive once each and in order, and are settled in one call.
pub async fn a_batch_of_ten_thousand_arrives_once_and_in_order(bench: &Bench) {
    let queue = bench.queue("many").await;
    soon("publishing 10,000", bench.publish(&queue, 0..10_000)).await;
    let mut taker = bench.consumer_with(&queue, |spec| spec.lease = Duration::from_secs(300)).await;
    let held = taker.take(10_000).await;
    assert!(held.iter().map(super::bench::Held::number).eq(0..10_000));
    soon("settling 10,000", taker.ack(&held)).await;
    bench.stats_until(&queue, "an empty queue", |stats| stats.ready + stats.in_flight == 0).await;
}

/// A consumer that waits hears of a message, also of one from another client.
pub async fn a_waiting_consumer_wakes_when_a_message_comes(bench: &Bench) {
    let queue = bench.queue("wake").await;
    let other = bench.another().await;
    for (n, publisher) in [(0, &bench.broker), (1, &other)] {
        let mut taker = bench.consumer(&queue).await;
        let waiting = tokio::spawn(async move { taker.numbers(1).await });
        tokio::task::yield_now().await;
        publisher.publish(&[Outgoing::to_queue(&queue, numbered(n))]).await.expect("publish");
        assert_eq!(soon("the wake-up", waiting).await.expect("the consumer"), [n]);
    }
}

/// `max` is the most that comes, and what is left comes later.
pub async fn a_take_is_never_more_than_asked_for(bench: &Bench) {
    let queue = bench.queue("max").await;
    bench.publish(&queue, 0..20).await;
    let mut taker = bench.consumer(&queue).await;
    let mut numbers = Vec::new();
    for max in [1, 3, 7, 100] {
        let held = taker.some(max).await; // asserts the bound
        assert!(!held.is_empty(), "a take of {max} came back with nothing");
        taker.ack(&held).await;
        numbers.extend(held.iter().map(super::bench::Held::number));
    }
    numbers.extend(taker.numbers(20 - numbers.len()).await);
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

/// Four consumers of two clients: every message comes to exactly one.
pub async fn consumers_share_a_queue_without_doubles(bench: &Bench) {
    const COUNT: u32 = 2_000;
    let queue = bench.queue("share").await;
    let other = bench.another().await;
    let (seen, mut seeing) = tokio::sync::mpsc::channel(64);
    let mut consumers = tokio::task::JoinSet::new();
    for broker in [&bench.broker, &other, &bench.broker, &other] {
        let (broker, queue, seen) = (broker.clone(), queue.clone(), seen.clone());
        consumers.spawn(async move {
            let mut taker = Taker::start(&broker, &queue, |_| {}).await;
            let mut batch = Vec::new();
            while taker.consumer.next_batch(17, &mut batch).await.is_ok() {
                let held: Vec<_> = batch.drain(..).map(super::bench::Held::from).collect();
                taker.ack(&held).await;
                if seen.send(held).await.is_err() {
                    return;
                }
            }
        });
    }
    bench.publish(&queue, 0..COUNT).await;
    let mut numbers = BTreeSet::new();
    while numbers.len() < COUNT as usize {
        for held in soon("the rest", seeing.recv()).await.expect("consumers") {
            assert!(numbers.insert(held.number()), "{} came twice", held.number());
        }
    }
    consumers.shutdown().await;
    bench.stats_until(&queue, "an empty queue", |stats| stats.ready + stats.in_flight == 0).await;
}

/// What is not even an envelope arrives with its bytes and a reason, and does not stop what follows.
pub async fn bytes_that_are_no_message_arrive_as_they_are(bench: &Bench) {
    let queue = bench.queue("raw").await;
    let garbage: [&[u8]; 3] = [b"\xff\x00 not a message", b"{\"body\": 1", b"[]"];
    for bytes in garbage {
        bench.inject_raw(&queue, bytes).await;
    }
    bench.publish(&queue, 7..8).await;
    let mut taker = bench.consumer(&queue).await;
    let held = taker.take(4).await;
    for (held, bytes) in held.iter().zip(garbage) {
        match &held.payload {
            Payload::Undecodable(undecodable) => {
                assert_eq!(undecodable.original, bytes);
                assert!(!undecodable.why.is_empty());
            }
            Payload::Message(message) => panic!("{bytes:?} was read as {message:?}"),
        }
    }
    assert_eq!(held[3].number(), 7);
    taker.ack(&held).await;
}
