//! Looking into RabbitMQ beyond what the contract suite asks of every broker: bindings, consumers, rates, and
//! moving messages from queue to queue.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType};
use taskq_core::broker::{
    Binding, Broker, BrokerErrorKind, DeadKind, DeadReason, Exchange, ExchangeKind, Outgoing, Queue, Settle,
    Settlement, Topology,
};
use taskq_core::config::{ServiceUrl, Urls};
use taskq_tests::conformance::broker::bench::{Taker, numbered};
use taskq_tests::demo::Demo;
use taskq_tests::given;
use taskq_tests::hole::Hole;

/// Until the statistics tell, some seconds late.
const PATIENCE: Duration = Duration::from_secs(60);

/// With the management API, or without.
async fn broker(kind: QueueType, management: bool) -> Arc<dyn Broker> {
    let mut options = AmqpOptions::default();
    options.queue_type = kind;
    if management {
        options.management = Some(ServiceUrl::new(given("TASKQ_TEST_AMQP_MANAGEMENT_URL")).expect("a URL"));
    }
    let urls = Urls::parse(&given("TASKQ_TEST_AMQP_URL")).expect("a URL");
    Arc::new(AmqpBroker::connect(&urls, options).await.expect("connect"))
}

fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::now_v7().simple())
}

async fn declare(broker: &Arc<dyn Broker>, queues: &[Queue]) {
    broker.declare(&Topology { queues: queues.to_vec() }).await.expect("declare");
}

#[tokio::test]
async fn messages_move_to_another_queue_and_none_is_lost_when_there_is_none() {
    for kind in [QueueType::Classic, QueueType::Quorum] {
        let broker = broker(kind, false).await;
        let (from, to) = (unique("from"), unique("to"));
        declare(&broker, &[Queue::named(&from), Queue::named(&to)]).await;
        let sent: Vec<_> = (0..1_203).map(|n| Outgoing::to_queue(&from, numbered(n))).collect();
        broker.publish(&sent).await.expect("publish");
        let admin = broker.admin().expect("admin");

        let nowhere = unique("nowhere");
        let refused = admin.move_ready(&from, &nowhere, &|_| {}).await.expect_err("there is no such queue");
        assert_eq!(refused.kind(), BrokerErrorKind::Unroutable);
        assert!(refused.to_string().contains(&nowhere), "{refused}");

        let last = AtomicU64::new(0);
        let progress = |moved| last.store(moved, Ordering::SeqCst);
        assert_eq!(admin.move_ready(&from, &to, &progress).await.expect("move"), 1_203);
        assert_eq!(last.load(Ordering::SeqCst), 1_203);
        let mut taker = Taker::start(&broker, &to, |_| {}).await;
        let mut numbers = taker.numbers(1_203).await;
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1_203));
        assert_eq!(admin.move_ready(&from, &to, &|_| {}).await.expect("move"), 0);
    }
}

#[tokio::test]
async fn bindings_are_listed_with_and_without_the_management_api() {
    let (with, without) = (broker(QueueType::Classic, true).await, broker(QueueType::Classic, false).await);
    let mut queue = Queue::named(unique("bound"));
    queue.exchange = Exchange { kind: ExchangeKind::Topic, ..Exchange::direct(unique("news")) };
    queue.routing_key = "news.#".to_owned();
    declare(&without, std::slice::from_ref(&queue)).await;
    let expected =
        Binding { exchange: queue.exchange.name, routing_key: queue.routing_key, queue: queue.name };
    for broker in [with, without] {
        let bindings = broker.admin().expect("admin").bindings().await.expect("bindings");
        assert!(bindings.contains(&expected) && bindings.is_sorted(), "{bindings:?}");
        assert!(bindings.iter().all(|binding| !binding.queue.starts_with("celery_delayed_")), "{bindings:?}");
    }
}

#[tokio::test]
async fn consumers_and_rates_are_told() {
    let broker = broker(QueueType::Classic, true).await;
    let queue = unique("rates");
    let mut taker = Taker::start(&broker, &queue, |spec| spec.prefetch = 10).await;
    let admin = broker.admin().expect("admin");
    let told = async {
        loop {
            broker.publish(&[Outgoing::to_queue(&queue, numbered(1))]).await.expect("publish");
            let held = taker.take(1).await;
            taker.ack(&held).await;
            let stats = admin.stats(std::slice::from_ref(&queue)).await.expect("stats").remove(0);
            let flows = stats
                .rates
                .is_some_and(|rates| rates.published > 0.0 && rates.delivered > 0.0 && rates.settled > 0.0);
            if stats.consumers == Some(1) && flows {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the statistics tell");
}

/// Symptom: a board lost its connection, and with it every subscription, when somebody left a page that counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_waiting_for_a_count_keeps_the_connection() {
    let mut url = url::Url::parse(&given("TASKQ_TEST_AMQP_URL")).expect("a URL");
    let hole = Hole::before(url.port().unwrap_or(5672)).await;
    url.set_port(Some(hole.address().port())).expect("a port");
    let urls = Urls::parse(url.as_str()).expect("a URL");
    let broker: Arc<dyn Broker> =
        Arc::new(AmqpBroker::connect(&urls, AmqpOptions::default()).await.expect("connect"));
    let admin = broker.admin().expect("admin");
    let missing = [unique("missing"), unique("missing")];
    let count = async || admin.stats(&missing).await.expect("stats");
    assert!(count().await.iter().all(|stats| (stats.ready, stats.consumers) == (0, None)));
    let before = hole.accepted();
    for step in 0..200 {
        // Timers are too coarse for what happens within a millisecond.
        let patience = Duration::from_micros(50 * (step % 50));
        let began = Instant::now();
        let gives_up = async {
            while began.elapsed() < patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = count() => {}
            () = gives_up => {}
        }
    }
    count().await;
    assert_eq!(hole.accepted(), before, "it had to connect again");
}

/// Without the management API it is looked for by a question that ends a channel, so not at once again.
#[tokio::test]
async fn the_first_dead_letter_of_a_queue_is_counted_although_it_was_looked_for_before() {
    for management in [true, false] {
        let (looks, gives_up) =
            (broker(QueueType::Classic, management).await, broker(QueueType::Classic, false).await);
        let queue = unique("letters");
        let mut taker = Taker::start(&gives_up, &queue, |_| {}).await;
        let admin = looks.admin().expect("admin");
        let dead = async || admin.stats(std::slice::from_ref(&queue)).await.expect("stats")[0].dead;
        assert_eq!(dead().await, 0);
        gives_up.publish(&[Outgoing::to_queue(&queue, numbered(1))]).await.expect("publish");
        let held = taker.take(1).await;
        let how = Settle::DeadLetter { reason: DeadReason::new(DeadKind::Rejected, "no") };
        let settled = taker.settle(&[Settlement { tag: held[0].tag, how, publish: Vec::new() }]).await;
        assert!(settled.lost.is_empty(), "{settled:?}");
        let told = async {
            while dead().await != 1 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("it is counted");
    }
}

#[test]
fn a_person_lists_bindings_and_moves_messages() {
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let (queue, other) = (unique("cli"), unique("cli-other"));
    let toml = format!(
        "broker_url = \"{}\"\nbroker_api = \"{}\"\ntask_default_queue = \"{queue}\"\n",
        given("TASKQ_TEST_AMQP_URL"),
        given("TASKQ_TEST_AMQP_MANAGEMENT_URL")
    );
    fs::write(demo.dir().join("taskq.toml"), toml).expect("a configuration file");
    demo.run("call demo.add -a [2,3]").ok();
    demo.run(&format!("call demo.add -a [2,3] --queue {other}")).ok();
    let bindings = demo.run("list bindings --json").json();
    let expected = json!({"exchange": queue, "routing_key": queue, "queue": queue});
    assert!(bindings.as_array().expect("a list").contains(&expected), "{bindings}");
    assert!(demo.run("list bindings").ok().contains(&queue));
    let moved = demo.run(&format!("move {queue} {other} --json")).json();
    assert_eq!(moved["moved"], 1, "{moved}");
    let counts = demo.run(&format!("queues -Q {queue},{other} --json")).json();
    assert_eq!((&counts[0]["ready"], &counts[1]["ready"]), (&json!(0), &json!(2)), "{counts}");
    assert_eq!(counts[1]["consumers"], 0, "{counts}");
    assert!(demo.run(&format!("queues -Q {other}")).ok().contains("consumers"));
    assert!(demo.run(&format!("move {queue} {queue}")).failed(2).contains("to itself"));
}
