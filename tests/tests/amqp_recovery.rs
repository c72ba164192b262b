//! What a broker, a network or an operator does to a consumer and a publisher: they are back at work in under ten
//! seconds by themselves, nothing is lost, and what was held before is fenced off.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType};
use taskq_core::{
    broker::{Broker, BrokerErrorKind, Outgoing, Queue, Settle, Settlement, Topology},
    codec::Value,
    config::Urls,
};
use taskq_tests::{
    conformance::broker::bench::{Held, Taker, numbered, soon},
    hole::Hole,
    rabbit_server::RabbitServer,
};
use tokio::time::timeout;

/// Within this, everybody is back at work.
const BACK: Duration = Duration::from_secs(10);
const PREFETCH: u32 = 10;

async fn connect(url: &str, options: AmqpOptions) -> Arc<dyn Broker> {
    let urls = Urls::parse(url).expect("a URL");
    Arc::new(AmqpBroker::connect(&urls, options).await.expect("connect"))
}

async fn broker(url: &str) -> Arc<dyn Broker> {
    connect(url, AmqpOptions::default()).await
}

async fn declare(broker: &Arc<dyn Broker>, name: &str) {
    broker.declare(&Topology { queues: vec![Queue::named(name)] }).await.expect("declare");
}

async fn publish(broker: &Arc<dyn Broker>, queue: &str, number: u32) {
    let began = Instant::now();
    let message = Outgoing::to_queue(queue, numbered(number));
    while let Err(error) = broker.publish(std::slice::from_ref(&message)).await {
        assert!(error.is_retryable(), "{error:?}");
        assert!(began.elapsed() < BACK, "could not publish {number} again: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn taker(broker: &Arc<dyn Broker>, queue: &str) -> Taker {
    Taker::start(broker, queue, |spec| spec.prefetch = PREFETCH).await
}

/// A delivery that was held through an outage is lost for whoever holds it: its settlement publishes nothing.
async fn is_fenced_off(taker: &mut Taker, held: &Held, queue: &str) {
    let late = Settlement {
        tag: held.tag,
        how: Settle::Ack,
        publish: vec![Outgoing::to_queue(queue, numbered(1_000))],
    };
    assert_eq!(taker.settle(&[late]).await.lost, [held.tag]);
}

/// Holds one message through what `harm` does, and sees that all come, the held one again, within ten seconds
/// after it.
async fn survives<F: Future<Output = ()>>(
    broker: &Arc<dyn Broker>,
    steady: &Arc<dyn Broker>,
    queue: &str,
    harm: impl FnOnce() -> F,
) -> Duration {
    declare(steady, queue).await;
    let mut taker = taker(broker, queue).await;
    for number in 1..=3 {
        publish(steady, queue, number).await;
    }
    let kept = taker.one().await;
    assert_eq!(kept.number(), 1);
    assert_eq!(taker.numbers(2).await, [2, 3]);

    harm().await;
    let began = Instant::now();
    publish(steady, queue, 4).await;
    let mut came = Vec::new();
    while came.len() < 2 {
        let held = timeout(BACK, taker.one()).await.expect("back at work");
        came.push((held.number(), held.deliveries));
        if held.number() == 1 {
            is_fenced_off(&mut taker, &kept, queue).await;
        }
        taker.ack(&[held]).await;
    }
    let took = began.elapsed();
    came.sort_unstable();
    // The new one may have been sent to a connection that was dead already.
    assert!(matches!(came[..], [(1, 2), (4, 1 | 2)]), "{came:?}");
    assert_eq!(taker.consumer.health(), Ok(()));
    taker.nothing().await;
    println!("{queue}: back after {took:?}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_connections_and_a_restarted_broker() {
    let server = RabbitServer::start();
    let broker = broker(&server.url()).await;
    let mut options = AmqpOptions::default();
    options.queue_type = QueueType::Quorum;
    let quorum = connect(&server.url(), options).await;
    for (broker, kind) in [(&broker, "classic"), (&quorum, "quorum")] {
        let took = survives(broker, broker, &format!("closed-{kind}"), || async {
            server.ctl(&["close_all_connections", "test"]);
        })
        .await;
        assert!(took < BACK, "{took:?}");
        let took = survives(broker, broker, &format!("restarted-{kind}"), || async {
            server.ctl(&["stop_app"]);
            server.ctl(&["start_app"]);
        })
        .await;
        assert!(took < BACK, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_swallows_everything() {
    let server = RabbitServer::start();
    let hole = Hole::before(server.port()).await;
    let through = broker(&format!("amqp://guest:guest@{}//", hole.address())).await;
    let steady = broker(&server.url()).await;
    let took = survives(&through, &steady, "swallowed", || async {
        hole.close();
        tokio::time::sleep(Duration::from_millis(200)).await; // until the proxy has seen it
        // New connections pass; the old one stays silent for ever.
        hole.open();
    })
    .await;
    assert!(took < BACK, "{took:?}");
    // And the side that publishes: its old connection is as silent.
    publish(&through, "swallowed", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_the_broker_closes() {
    let server = RabbitServer::start();
    for (name, milliseconds) in [("consumer_timeout", 2_000), ("channel_tick_interval", 500)] {
        server.ctl(&["eval", &format!("application:set_env(rabbit, {name}, {milliseconds}).")]);
    }
    let broker = broker(&server.url()).await;
    declare(&broker, "slow").await;
    let mut taker = taker(&broker, "slow").await;
    publish(&broker, "slow", 1).await;
    let kept = taker.one().await;
    // Nobody settles it: the broker closes the channel, and delivers it again on the next one.
    let again = soon("the message comes again", taker.one()).await;
    assert_eq!((again.number(), again.deliveries), (1, 2));
    is_fenced_off(&mut taker, &kept, "slow").await;
    taker.ack(&[again]).await;
    publish(&broker, "slow", 2).await;
    assert_eq!(taker.numbers(1).await, [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_under_its_consumer() {
    let server = RabbitServer::start();
    let broker = broker(&server.url()).await;
    declare(&broker, "deleted").await;
    declare(&broker, "other").await;
    let both = vec![Queue::named("deleted"), Queue::named("other")];
    let mut taker = Taker::start(&broker, "deleted", |spec| {
        spec.prefetch = PREFETCH;
        spec.queues = both;
    })
    .await;
    publish(&broker, "other", 1).await;
    let kept = taker.one().await;
    server.ctl(&["delete_queue", "deleted"]);
    let began = Instant::now();
    publish(&broker, "deleted", 2).await;
    assert_eq!(timeout(BACK, taker.numbers(1)).await.expect("back at work"), [2]);
    println!("deleted: back after {:?}", began.elapsed());
    // What was held of the other queue is still held.
    taker.ack(&[kept]).await;
    assert_eq!(taker.consumer.health(), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_holds_up_publications_no_longer_than_their_deadline_and_nothing_else() {
    let server = RabbitServer::start();
    let mut options = AmqpOptions::default();
    options.publish_timeout = Duration::from_secs(2);
    let broker = connect(&server.url(), options).await;
    declare(&broker, "alarm").await;
    let mut taker = taker(&broker, "alarm").await;
    for number in 1..=2 {
        publish(&broker, "alarm", number).await;
    }
    let held = taker.take(2).await;
    server.ctl(&["set_vm_memory_high_watermark", "0.00000001"]);
    // The alarm takes a moment to be raised, and more to be told.
    let refused = async {
        loop {
            let began = Instant::now();
            if let Err(error) = broker.publish(&[Outgoing::to_queue("alarm", numbered(3))]).await {
                return (error, began.elapsed());
            }
        }
    };
    let (error, took) = soon("publications are held up", refused).await;
    assert_eq!(error.kind(), BrokerErrorKind::Timeout, "{error}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Consuming goes on: what was held is settled.
    soon("settling under the alarm", taker.ack(&held)).await;
    let (error, _) = soon("publications are held up", async {
        let began = Instant::now();
        (broker.publish(&[Outgoing::to_queue("alarm", numbered(4))]).await.expect_err("alarm"), began)
    })
    .await;
    assert!(error.to_string().contains("accepts no publications"), "{error}");
    server.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    soon("publications pass again", async {
        while broker.publish(&[Outgoing::to_queue("alarm", numbered(5))]).await.is_err() {}
    })
    .await;
    while taker.numbers(1).await != [5] {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_retry_mends_is_an_error_at_once() {
    let server = RabbitServer::start();
    let began = Instant::now();
    for (url, what) in [
        (server.url().replace("guest:guest@", "guest:wrong@"), "credentials"),
        (format!("{}nowhere", server.url().trim_end_matches('/').to_owned() + "/"), "virtual host"),
    ] {
        let urls = Urls::parse(&url).expect("a URL");
        let error = AmqpBroker::connect(&urls, AmqpOptions::default()).await.expect_err(what);
        assert_eq!(error.kind(), BrokerErrorKind::Refused, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("amqp://guest:**@") && !text.contains("wrong@"), "{what}: {text}");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let broker = broker(&server.url()).await;
    declare(&broker, "there").await;
    let mut other = Queue::named("there");
    other.arguments.insert("x-max-length".into(), Value::Int(7));
    let declared = broker.declare(&Topology { queues: vec![other.clone()] }).await;
    let mut taker = taker(&broker, "there").await;
    for error in
        [declared.expect_err("declared"), taker.consumer.set_queues(vec![other]).await.expect_err("set")]
    {
        assert_eq!(error.kind(), BrokerErrorKind::Topology, "{error}");
        let text = error.to_string();
        assert!(text.contains("`there`") && text.contains("x-max-length") && text.contains('7'), "{text}");
    }
    // The consumer goes on with the queues it had.
    publish(&broker, "there", 1).await;
    assert_eq!(taker.numbers(1).await, [1]);
}
