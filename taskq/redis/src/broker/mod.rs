//! The broker: what all parts share, and the seam's methods as one-liners onto them.

mod admin;
mod armed;
mod broadcast;
mod checkup;
mod consumer;
mod dead;
mod fetch;
mod held;
mod numbers;
mod pick;
pub(crate) mod publish;
mod rates;
mod reclaim;
mod revocations;
mod settle;
mod take;
mod topology;
mod unacked;
mod wait;
mod wake;

use std::{fmt, sync::Arc};

use taskq_core::{
    BoxFuture,
    broker::{
        Broadcast, Broker, BrokerAdmin, BrokerError, Capabilities, ConsumeSpec, Consumer, Outgoing,
        PriorityOrder, RateLimits, Revocations, Topology,
    },
    config::Urls,
};

pub(crate) use self::{rates::RedisRates, revocations::RedisRevocations};
use self::{revocations::Newest, topology::Bindings};
use crate::{
    conn::{Addresses, Link},
    keys::Keys,
    options::RedisOptions,
};

/// A Redis server as a broker.
pub struct RedisBroker(Arc<Shared>);

/// What every part of the broker uses.
pub(crate) struct Shared {
    pub(crate) options: RedisOptions,
    pub(crate) keys: Keys,
    /// Commands that answer at once.
    pub(crate) link: Link,
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) newest: Arc<Newest>,
}

impl Shared {
    /// The same on a connection of its own, which is made on the runtime that first uses it: what answers to a
    /// worker then arrives on the threads that wait for it, not on the one that publishes.
    fn beside(&self) -> Self {
        Self {
            options: self.options.clone(),
            keys: self.keys.clone(),
            link: self.link.sibling(self.link.response_timeout()),
            bindings: Arc::clone(&self.bindings),
            newest: Arc::clone(&self.newest),
        }
    }
}

/// Where limits and revocations are kept: in the database of the broker, or, where that is no Redis, of the
/// result backend.
pub(crate) trait Kept: Send + Sync + 'static {
    fn link(&self) -> &Link;
    fn keys(&self) -> &Keys;
    /// When the youngest revocation was remembered, where takes tell.
    fn newest(&self) -> Option<u64> {
        None
    }
}

impl Kept for Shared {
    fn link(&self) -> &Link {
        &self.link
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn newest(&self) -> Option<u64> {
        self.newest.get()
    }
}

impl RedisBroker {
    /// Connects: `redis://`, `rediss://`, `redis+socket://`, `sentinel://`, one address or several to fail over
    /// to.
    ///
    /// # Errors
    /// Within `connect_timeout`, naming the redacted addresses.
    pub async fn connect(urls: &Urls, options: RedisOptions) -> Result<Self, BrokerError> {
        let addresses = Arc::new(Addresses::new(urls, &options)?);
        let link = Link::new(
            addresses,
            options.connect_timeout,
            options.socket_timeout,
            options.client_name.clone(),
        );
        link.connect("connect to the broker").await?;
        let keys = Keys::new(&options);
        Ok(Self(Arc::new(Shared { keys, link, bindings: Arc::default(), newest: Arc::default(), options })))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Broker for RedisBroker {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::NONE;
        capabilities.native_delay = true;
        capabilities.delayed_by_queue = true;
        // A Python worker that is alone on a queue would never see what we park.
        capabilities.producer_delay = false;
        capabilities.priorities = Some(PriorityOrder::LowerFirst);
        capabilities.atomic_follow_up = true;
        capabilities.broadcast = true;
        capabilities.in_place = true;
        capabilities.lease = true;
        capabilities.shared = true;
        capabilities.durable = true;
        capabilities
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(topology::declare(&self.0, topology))
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(publish::publish(&self.0, batch))
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let consumer = consumer::RedisConsumer::start(&self.0, spec).await?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        })
    }

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        Some(Arc::new(broadcast::RedisBroadcast(Arc::clone(&self.0))))
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(RedisRevocations(Arc::clone(&self.0))))
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        Some(Arc::new(RedisRates(Arc::clone(&self.0))))
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        Some(Arc::new(admin::RedisAdmin(Arc::clone(&self.0))))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.0.link.close().await;
            Ok(())
        })
    }
}

impl fmt::Debug for RedisBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisBroker(`{}`)", self.link.shown())
    }
}
