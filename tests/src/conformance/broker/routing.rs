//! Which queue a message reaches.

use taskq_core::broker::{BrokerErrorKind, Exchange, ExchangeKind, Outgoing, Queue, Topology};

use super::bench::{Bench, numbered};

/// One call publishes to many queues, each in its order.
pub async fn a_batch_reaches_many_queues(bench: &Bench) {
    let mut queues = Vec::new();
    for n in 0..5 {
        queues.push(bench.queue(&format!("fan{n}")).await);
    }
    let batch: Vec<_> = (0..50).map(|n| Outgoing::to_queue(&queues[n as usize % 5], numbered(n))).collect();
    bench.broker.publish(&batch).await.expect("publish");
    for (at, queue) in queues.iter().enumerate() {
        let expected: Vec<_> = (0..50).filter(|n| *n as usize % 5 == at).collect();
        assert_eq!(bench.consumer(queue).await.numbers(10).await, expected);
    }
}

fn bound(name: &str, exchange: &str, kind: ExchangeKind, key: &str) -> Queue {
    let exchange = Exchange { kind, ..Exchange::direct(exchange) };
    Queue { exchange, routing_key: key.to_owned(), ..Queue::named(name) }
}

fn through(exchange: &str, key: &str, n: u32) -> Outgoing {
    Outgoing {
        message: numbered(n),
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        not_before: None,
    }
}

/// Direct, topic and fan-out exchanges; the exchange and key of the publication arrive with the message.
pub async fn exchanges_route_by_their_kind(bench: &Bench) {
    let id = uuid::Uuid::now_v7().simple();
    let name = |part: &str| format!("{part}-{id}");
    let (direct, topic, fan) = (name("direct"), name("topic"), name("fan"));
    let (a, b) = (name("a"), name("b"));
    let queues = vec![
        bound(&a, &direct, ExchangeKind::Direct, "to-a"),
        bound(&b, &direct, ExchangeKind::Direct, "to-b"),
        bound(&a, &topic, ExchangeKind::Topic, "image.#"),
        bound(&b, &topic, ExchangeKind::Topic, "*.small"),
        bound(&a, &fan, ExchangeKind::Fanout, ""),
        bound(&b, &fan, ExchangeKind::Fanout, ""),
    ];
    bench.broker.declare(&Topology { queues }).await.expect("declare");
    let batch = [
        through(&direct, "to-b", 0),
        through(&topic, "image.png.large", 1),
        through(&topic, "image.small", 2),
        through(&fan, "", 3),
    ];
    bench.broker.publish(&batch).await.expect("publish");
    assert_eq!(bench.consumer(&a).await.numbers(3).await, [1, 2, 3]);
    let mut taker = bench.consumer(&b).await;
    let held = taker.take(3).await;
    let came: Vec<_> = held
        .iter()
        .map(|held| (held.number(), held.info.exchange.as_str(), held.info.routing_key.as_str()))
        .collect();
    assert_eq!(came, [(0, &*direct, "to-b"), (2, &*topic, "image.small"), (3, &*fan, "")]);
    assert!(held.iter().all(|held| *held.info.queue == b));
    taker.ack(&held).await;
}

/// A message that no queue takes is refused, not dropped.
pub async fn what_no_queue_takes_is_an_error(bench: &Bench) {
    let queue = bench.queue("bound").await; // its exchange exists, other keys lead nowhere
    for exchange in [queue.clone(), format!("{queue}-nowhere")] {
        let error = bench.broker.publish(&[through(&exchange, "wrong", 0)]).await.expect_err("published");
        assert_eq!(error.kind(), BrokerErrorKind::Unroutable, "{error}");
        assert!(error.to_string().contains(&exchange), "{error}");
    }
    bench.consumer(&queue).await.nothing().await;
}

/// Declaring again changes nothing and keeps messages.
pub async fn declaring_twice_is_nothing_new(bench: &Bench) {
    let queue = bench.queue("again").await;
    bench.publish(&queue, 0..3).await;
    let topology = Topology { queues: vec![Queue::named(queue.clone())] };
    for broker in [bench.broker.clone(), bench.another().await] {
        broker.declare(&topology).await.expect("declare");
    }
    assert_eq!(bench.consumer(&queue).await.numbers(3).await, [0, 1, 2]);
}
