//! The contract suite against classic and quorum queues of a real RabbitMQ.
//!
//! Cases share the node: their queues have names of their own.

use lapin::{BasicProperties, Connection, ConnectionProperties, options::BasicPublishOptions};
use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType};
use taskq_core::{
    BoxFuture,
    broker::{Broker, Queue},
    config::{ServiceUrl, Urls},
};
use taskq_tests::{conformance, given};

#[derive(Debug)]
struct Amqp(AmqpOptions);

impl Amqp {
    /// RabbitMQ knows only priorities that a queue is declared with.
    fn classic() -> Self {
        let mut options = AmqpOptions::default();
        options.queue_max_priority = Some(9);
        options.management = Some(management());
        Self(options)
    }

    fn quorum() -> Self {
        let mut options = AmqpOptions::default();
        options.queue_type = QueueType::Quorum;
        options.management = Some(management());
        Self(options)
    }
}

fn url() -> String {
    given("TASKQ_TEST_AMQP_URL")
}

fn management() -> ServiceUrl {
    ServiceUrl::new(given("TASKQ_TEST_AMQP_MANAGEMENT_URL")).expect("a URL")
}

impl conformance::broker::Factory for Amqp {
    fn open(&self) -> BoxFuture<'_, std::sync::Arc<dyn Broker>> {
        Box::pin(async {
            let urls = Urls::parse(&url()).expect("a URL");
            let broker = AmqpBroker::connect(&urls, self.0.clone()).await.expect("connect");
            std::sync::Arc::new(broker) as _
        })
    }

    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let url = url().replace("//", "/%2F").replace("amqp:/%2F", "amqp://");
            let connection =
                Connection::connect(&url, ConnectionProperties::default()).await.expect("connect");
            let channel = connection.create_channel().await.expect("a channel");
            channel.confirm_select(Default::default()).await.expect("confirm.select");
            let options = BasicPublishOptions::default();
            let sent =
                channel.basic_publish("".into(), queue.into(), options, bytes, BasicProperties::default());
            sent.await.expect("publish").await.expect("confirm");
        })
    }
}

mod classic {
    use super::*;

    taskq_tests::broker_conformance!(Amqp::classic());
}

/// Symptom to keep away: each of them has the window for itself, so that a worker holds as many times what it was allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classic_queues_share_one_window_also_those_added_later() {
    const EACH: u32 = 60;
    const WINDOW: usize = 4;
    let bench = conformance::broker::bench::Bench::new(Amqp::classic()).await;
    let names = [bench.queue("shared").await, bench.queue("shared").await, bench.queue("added").await];
    for name in &names {
        bench.publish(name, 0..EACH).await;
    }
    let queues = names.each_ref().map(Queue::named);
    let start = |spec: &mut taskq_core::broker::ConsumeSpec| {
        spec.prefetch = WINDOW as u32;
        spec.queues = queues[..2].to_vec();
    };
    let mut taker = bench.consumer_with(&names[0], start).await;
    let mut acked = 0;
    for (rounds, consumed) in [(5, &queues[..2]), (10, &queues[..])] {
        taker.consumer.set_queues(consumed.to_vec()).await.expect("consume");
        for _ in 0..rounds {
            let held = taker.some(WINDOW).await;
            let in_flight = bench.in_flight(&names, names.len() * EACH as usize, acked).await;
            assert!(in_flight <= WINDOW, "{in_flight} in flight, {WINDOW} allowed");
            taker.ack(&held).await;
            acked += held.len();
        }
    }
}

mod quorum {
    use super::*;

    taskq_tests::broker_conformance!(Amqp::quorum());
}
