//! The broker: what all parts share, and the seam's methods as one-liners onto them.

mod consumer;
mod counts;
mod dead;
mod delay;
mod feed;
mod inbox;
mod ledger;
mod publish;
mod session;
mod settle;
mod suspect;
mod topology;

use std::{fmt, sync::Arc};

use taskq_core::{
    BoxFuture,
    broker::{Broker, BrokerError, Capabilities, ConsumeSpec, Consumer, Outgoing, PriorityOrder, Topology},
    config::Urls,
};

use self::{counts::Counts, publish::Publisher, topology::Declared};
use crate::{
    conn::{Addresses, Link},
    options::{AmqpOptions, QueueType},
};

/// A RabbitMQ server (or cluster) as a broker.
pub struct AmqpBroker(Arc<Shared>);

/// What every part of the broker uses.
pub(crate) struct Shared {
    pub(crate) options: AmqpOptions,
    /// Publications and declarations. Consumers have links of their own: see [`crate::conn`].
    pub(crate) publisher: Publisher,
    pub(crate) declared: Declared,
    pub(crate) counts: Counts,
}

impl AmqpBroker {
    /// Connects: `amqp://`, `pyamqp://`, `amqps://`, one address or several to fail over to.
    ///
    /// # Errors
    /// Within `connect_timeout` for each address, naming the redacted addresses: `Refused` for wrong credentials
    /// or a virtual host that is not there.
    pub async fn connect(urls: &Urls, options: AmqpOptions) -> Result<Self, BrokerError> {
        let addresses = Arc::new(Addresses::new(urls, options.clone())?);
        let publisher = Publisher::new(Link::new(addresses));
        publisher.link().connect("connect to the broker").await?;
        Ok(Self(Arc::new(Shared {
            options,
            publisher,
            declared: Declared::default(),
            counts: Counts::default(),
        })))
    }
}

impl Broker for AmqpBroker {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::NONE;
        // Quorum queues of RabbitMQ 3 know no priorities, and classic ones only those that are declared.
        let declared = self.0.options.queue_max_priority.is_some();
        capabilities.priorities = (declared && self.0.options.queue_type == QueueType::Classic)
            .then_some(PriorityOrder::HigherFirst);
        capabilities.durable = true;
        capabilities
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(topology::declare(&self.0, self.0.publisher.link(), &topology.queues))
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(publish::publish(&self.0, batch))
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let consumer = consumer::AmqpConsumer::start(Arc::clone(&self.0), spec).await?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.0.publisher.link().close().await;
            Ok(())
        })
    }
}

impl fmt::Debug for AmqpBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpBroker(`{}`)", self.publisher.link().shown())
    }
}
