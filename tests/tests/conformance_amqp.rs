//! The contract suite against classic and quorum queues of a real RabbitMQ.
//!
//! Cases share the node: their queues have names of their own.

use lapin::{BasicProperties, Connection, ConnectionProperties, options::BasicPublishOptions};
use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType};
use taskq_core::{
    BoxFuture,
    broker::Broker,
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

mod quorum {
    use super::*;

    taskq_tests::broker_conformance!(Amqp::quorum());
}
