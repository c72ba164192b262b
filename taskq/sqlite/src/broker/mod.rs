//! The broker on a SQLite file.

mod admin;
mod broadcast;
mod checkup;
mod claim;
mod consumer;
mod dead;
mod insert;
mod settle;
mod topology;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use taskq_core::{
    BoxFuture,
    broker::{
        Broadcast, Broker, BrokerAdmin, BrokerError, Capabilities, ConsumeSpec, Consumer, Outgoing,
        PriorityOrder, RateLimits, Revocations, Topology,
    },
};

use self::{admin::SqliteAdmin, broadcast::SqliteBroadcast, consumer::SqliteConsumer};
pub(crate) use self::{broadcast::remove_old as remove_old_broadcasts, insert::Row, settle::give_back};
use crate::{
    SqliteOptions,
    shared::Shared,
    store::{Failure, Store, Tx},
};

/// A broker on a SQLite file. Any number of processes may use the file at the same time.
#[derive(Debug)]
pub struct SqliteBroker {
    /// `None` once it is closed.
    store: Mutex<Option<Arc<Store>>>,
}

impl SqliteBroker {
    /// Opens the file of an address such as `sqlite:./taskq.db`, creating it.
    ///
    /// # Errors
    /// For an address that names no file; when the file is no database, belongs to another program, or was
    /// written by a newer taskq; when it cannot be created or stays locked for longer than `busy_timeout`.
    pub async fn open(url: &str, options: SqliteOptions) -> Result<Self, BrokerError> {
        let (path, options) = options
            .with_url(url)
            .map_err(|why| BrokerError::new(taskq_core::broker::BrokerErrorKind::Config, why))?;
        let store = Store::open(path, options).await.map_err(|failure| failure.broker("open the broker"))?;
        Ok(Self { store: Mutex::new(Some(store)) })
    }

    fn store(&self, tried: &str) -> Result<Arc<Store>, BrokerError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.clone().ok_or_else(|| Failure::closed().broker(tried))
    }

    /// Puts bytes that may be no message into a queue, as a broken producer would. For tests.
    ///
    /// # Errors
    /// As [`Broker::publish`].
    pub async fn inject_raw(&self, queue: &str, bytes: impl Into<Bytes>) -> Result<(), BrokerError> {
        let store = self.store("inject bytes")?;
        let row = Row::raw(queue, bytes.into());
        store.write(move |tx| row.insert(tx)).await.map_err(|failure| failure.broker("inject bytes"))
    }
}

impl Broker for SqliteBroker {
    fn capabilities(&self) -> Capabilities {
        let mut has = Capabilities::NONE;
        has.native_delay = true;
        has.producer_delay = true;
        has.delayed_by_queue = true;
        has.priorities = Some(PriorityOrder::HigherFirst);
        has.atomic_follow_up = true;
        has.broadcast = true;
        has.shared = true;
        has.in_place = true;
        has.lease = true;
        has.durable = true;
        has
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let tried = "declare queues";
            let topology = topology.clone();
            let declare = move |tx: &Tx<'_>| topology::declare(tx, &topology);
            self.store(tried)?.write(declare).await.map_err(|failure| failure.broker(tried))?
        })
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let tried = || match batch {
                [one] => format!("publish to `{}`", one.routing_key),
                many => format!("publish {} messages", many.len()),
            };
            let store = self.store("publish")?;
            if batch.is_empty() {
                return Ok(());
            }
            let rows = Row::all(batch).map_err(|failure| failure.broker(tried()))?;
            let insert = move |tx: &Tx<'_>| rows.iter().try_for_each(|row| row.insert(tx));
            store.write(insert).await.map_err(|failure| failure.broker(tried()))
        })
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let consumer = SqliteConsumer::start(self.store("consume")?, spec).await;
            let consumer = consumer.map_err(|failure| failure.broker("consume"))?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        })
    }

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        Some(Arc::new(SqliteBroadcast::new(self.store("broadcast").ok()?)))
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(Shared(self.store("remember revocations").ok()?)))
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        Some(Arc::new(Shared(self.store("limit rates").ok()?)))
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        Some(Arc::new(SqliteAdmin::new(self.store("look into queues").ok()?)))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The last user joins the threads.
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
            Ok(())
        })
    }
}
