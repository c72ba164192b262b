//! What a RabbitMQ consumer sees to beside its own queues: the delay queues, and how long messages may be held.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType};
use taskq_core::broker::{Broker, ConsumeSpec, Outgoing, Queue, Topology};
use taskq_core::codec::Value;
use taskq_core::config::Urls;
use taskq_core::{Timestamp, config::ServiceUrl};
use taskq_tests::conformance::broker::bench::{Taker, numbered, soon};
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::rabbit_server::RabbitServer;
use tokio::task::block_in_place;

/// Until the broker has what it should have, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn broker(server: &RabbitServer, options: AmqpOptions) -> Arc<dyn Broker> {
    let urls = Urls::parse(&server.url()).expect("a URL");
    Arc::new(AmqpBroker::connect(&urls, options).await.expect("connect"))
}

fn has_queue(server: &RabbitServer, name: &str) -> bool {
    server.ctl(&["list_queues", "name"]).lines().any(|line| line == name)
}

/// The binding of a queue to the end of the delay queues.
fn has_binding(server: &RabbitServer, queue: &str) -> bool {
    let bindings = server.ctl(&["list_bindings", "source_name", "destination_name"]);
    bindings.lines().any(|line| line.split_whitespace().eq(["celery_delayed_delivery", queue]))
}

fn quorum(name: &str) -> Queue {
    let mut queue = Queue::named(name);
    queue.arguments.insert("x-queue-type".into(), Value::from("quorum"));
    queue
}

/// Symptom to keep away: after a reconnect to a broker that lost its delay queues, what Python delays for a quorum
/// queue goes nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delay_queues_that_are_gone_come_back_with_the_connection() {
    let server = RabbitServer::start();
    let mut options = AmqpOptions::default();
    options.queue_type = QueueType::Quorum;
    let broker = broker(&server, options).await;
    let _taker = Taker::start(&broker, "q", |spec| spec.prefetch = 1).await;
    block_in_place(|| {
        assert!(has_queue(&server, "celery_delayed_3"));
        server.ctl(&["delete_queue", "celery_delayed_3"]);
        server.ctl(&["close_all_connections", "test"]);
        eventually("the delay queue is there again", PATIENCE, || has_queue(&server, "celery_delayed_3"));
    });
}

/// Symptom to keep away: a queue that was deleted is declared again without its bindings, and what waits for it is
/// dropped when it is due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_was_deleted_gets_what_another_process_delayed_for_it() {
    let server = RabbitServer::start();
    for kind in [QueueType::Classic, QueueType::Quorum] {
        let mut options = AmqpOptions::default();
        options.queue_type = kind;
        let (name, queue) = (kind.as_str(), Queue::named(kind.as_str()));
        let (sender, receiver) = (broker(&server, options.clone()).await, broker(&server, options).await);
        let mut taker = Taker::start(&receiver, name, |spec| spec.prefetch = 1).await;
        sender.declare(&Topology { queues: vec![queue] }).await.expect("declare");
        let mut later = Outgoing::to_queue(name, numbered(1));
        later.not_before = Some(Timestamp::now() + Duration::from_secs(10));
        sender.publish(&[later]).await.expect("publish");
        sender.close().await.expect("close");
        block_in_place(|| {
            assert!(has_binding(&server, name));
            server.ctl(&["delete_queue", name]);
            eventually("the queue is bound again", PATIENCE, || has_binding(&server, name));
        });
        assert_eq!(soon("the delayed message comes", taker.numbers(1)).await, [1], "{name}");
    }
}

/// Symptom to keep away: a worker told to consume a quorum queue (`add_consumer`) leaves Python unable to delay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_queue_that_is_added_later_has_its_delay_queues() {
    let server = RabbitServer::start();
    let broker = broker(&server, AmqpOptions::default()).await;
    let mut taker = Taker::start(&broker, "q", |_| {}).await;
    assert!(block_in_place(|| !has_queue(&server, "celery_delayed_27")));
    taker.consumer.set_queues(vec![Queue::named("q"), quorum("added")]).await.expect("set");
    assert!(block_in_place(|| has_queue(&server, "celery_delayed_27")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_for_which_messages_may_be_held_is_known_at_the_start() {
    let server = RabbitServer::start_with_management();
    let mut options = AmqpOptions::default();
    options.management = Some(ServiceUrl::new(server.management_url()).expect("a URL"));
    let broker = broker(&server, options).await;
    let mut short = Queue::named("short");
    short.arguments.insert("x-consumer-timeout".into(), Value::Int(60_000));
    for (queues, after, by) in [
        (vec![Queue::named("plain")], 1_800, "`consumer_timeout` of RabbitMQ"),
        (vec![Queue::named("plain"), short], 60, "`x-consumer-timeout` of queue `short`"),
    ] {
        let consumer = broker.consume(ConsumeSpec::new("w@hold", queues)).await.expect("consume");
        let limit = consumer.hold_limit().expect("a limit");
        assert_eq!((limit.after.as_secs(), limit.set_by.as_str()), (after, by));
    }
}

#[test]
fn a_worker_warns_of_time_limits_that_are_longer() {
    let server = RabbitServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    for (name, timeout, warned) in [("w1@hold", 900, true), ("w2@hold", 0, false)] {
        let conf = json!({
            "task_acks_late": true,
            "task_soft_time_limit": 1_000,
            "broker_transport_options": {"consumer_timeout": timeout},
        });
        let node = Node::new(name, &server.url(), "", "redis://127.0.0.1:1", logs.path()).conf(conf);
        let worker = node.start_rust(env!("CARGO_BIN_EXE_interop-worker"));
        let output = worker.output();
        let text = "longer than the broker lets a message be held";
        assert_eq!(output.contains(text), warned, "{output}");
        assert!(!warned || output.contains("conf_tasks.add,") && output.contains("limit=900s"), "{output}");
    }
}
