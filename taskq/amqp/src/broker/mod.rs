//! The broker: what all parts share, and the seam's methods as one-liners onto them.

mod admin;
mod broadcast;
mod checkup;
mod consumer;
mod counts;
mod dead;
mod delay;
mod feed;
mod hold;
mod inbox;
mod ledger;
mod look;
pub(crate) mod publish;
mod ready;
mod revocations;
mod session;
mod settle;
mod suspect;
mod topology;

use std::{fmt, sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    broker::{
        Broadcast, Broker, BrokerAdmin, BrokerError, Capabilities, ConsumeSpec, Consumer, Outgoing,
        PriorityOrder, Revocations, Topology,
    },
    config::Urls,
};

use tokio::sync::Semaphore;

use self::{counts::Counts, publish::Publisher, topology::Declared};
use crate::{
    conn::{Addresses, Link},
    management::Management,
    options::{AmqpOptions, QueueType},
};

/// Consumers of private queues at the same time; others wait. RabbitMQ allows a connection 2,047 channels.
const PRIVATE: usize = 500;

/// A RabbitMQ server (or cluster) as a broker.
pub struct AmqpBroker(Arc<Shared>);

/// What every part of the broker uses.
pub(crate) struct Shared {
    pub(crate) options: AmqpOptions,
    /// Publications and declarations. Consumers have links of their own: see [`crate::conn`].
    pub(crate) publisher: Publisher,
    pub(crate) declared: Declared,
    pub(crate) counts: Counts,
    /// What AMQP does not tell, if it is configured.
    pub(crate) management: Option<Management>,
    /// One looks into queues at a time.
    pub(crate) looking: tokio::sync::Mutex<()>,
    /// Subscriptions to events and remote control: transient, so an alarm may not hold them up.
    pub(crate) listener: Arc<Link>,
    /// Room for consumers of private queues on the connection of the subscriptions.
    pub(crate) private: Arc<Semaphore>,
    pub(crate) delays: delay::Delays,
    pub(crate) places: dead::Places,
    pub(crate) exchanges: broadcast::Exchanges,
    /// What was revoked, where results are kept nowhere that could keep it.
    pub(crate) stream: revocations::Stream,
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
        let listener = Arc::new(publisher.link().sibling());
        let vhost = listener.addresses().vhost().to_owned();
        let management = options.management.clone().map(|url| Management::new(url, &vhost));
        Ok(Self(Arc::new(Shared {
            options,
            publisher,
            declared: Declared::default(),
            counts: Counts::default(),
            management,
            looking: tokio::sync::Mutex::default(),
            listener,
            private: Arc::new(Semaphore::new(PRIVATE)),
            delays: delay::Delays::default(),
            places: dead::Places::default(),
            exchanges: broadcast::Exchanges::default(),
            stream: revocations::Stream::default(),
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
        capabilities.native_delay = true;
        capabilities.producer_delay = true;
        capabilities.delay_step = Duration::from_secs(1);
        capabilities.broadcast = true;
        // A quorum queue requeues through its log, and counts every delivery, a look too.
        capabilities.in_place = self.0.options.queue_type == QueueType::Classic;
        capabilities
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            // An exclusive queue belongs to the connection that consumes it, which declares it.
            let shared = topology.queues.iter().filter(|queue| !queue.exclusive).cloned().collect::<Vec<_>>();
            topology::declare(&self.0, self.0.publisher.link(), &shared).await
        })
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

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        Some(Arc::new(broadcast::AmqpBroadcast(Arc::clone(&self.0))))
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(revocations::AmqpRevocations(Arc::clone(&self.0))))
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        Some(Arc::new(admin::AmqpAdmin(Arc::clone(&self.0))))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.0.listener.close().await;
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
