//! A broker in this process's memory, for tests and for eager work.
//!
//! Kept true here: everything the other drivers promise, except that the messages end with the process. Time
//! comes from one injectable [`Clock`]; every step is one short lock.

mod admin;
mod broadcast;
mod consumer;
mod queue;
mod rates;
mod revocations;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use self::{broadcast::MemoryBroadcast, consumer::MemoryConsumer, state::State};
use super::{
    Broadcast, Broker, BrokerAdmin, BrokerError, BrokerErrorKind, Capabilities, ConsumeSpec, Consumer,
    Outgoing, PriorityOrder, RateLimits, Revocations, Topology,
};
use crate::{
    BoxFuture,
    protocol::DeliveryInfo,
    time::{Clock, SystemClock},
};

/// The longest wait before the clock is looked at again, as an injected one may have jumped.
const LOOK: Duration = Duration::from_millis(20);

/// A broker whose queues live in this process. Clones and [`shared`](Self::shared) handles see the same
/// queues; closing a handle leaves the others open.
#[derive(Clone, Debug)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
    closed: Arc<AtomicBool>,
}

/// What all handles of one broker share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told whenever a message may have become ready.
    changed: Notify,
    broadcast: MemoryBroadcast,
    clock: Arc<dyn Clock>,
    /// The longest wait before the clock is looked at again.
    look: Duration,
}

impl MemoryBroker {
    /// An empty broker of its own, on the clock of the machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty broker whose due times and leases follow `clock`. A clock that jumps is noticed within 20 ms.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with_clock_seen(clock, LOOK)
    }

    /// The same on a clock that runs on with tokio's, which may be paused: it is looked at when something is due,
    /// and every `look`.
    #[must_use]
    pub fn with_clock_seen(clock: Arc<dyn Clock>, look: Duration) -> Self {
        Self::of(Arc::new(Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            broadcast: MemoryBroadcast::default(),
            clock,
            look,
        }))
    }

    /// The broker of that name in this process (`memory://name`), made by the first who asks. It lives as
    /// long as the process.
    #[must_use]
    pub fn shared(name: &str) -> Self {
        static NAMED: LazyLock<Mutex<HashMap<String, Arc<Shared>>>> = LazyLock::new(Mutex::default);
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        Self::of(Arc::clone(named.entry(name.to_owned()).or_insert_with(|| Self::new().shared)))
    }

    fn of(shared: Arc<Shared>) -> Self {
        Self { shared, closed: Arc::default() }
    }

    /// Puts bytes that may be no message into a queue, as a broken producer would. For tests.
    pub fn inject_raw(&self, queue: &str, bytes: impl Into<bytes::Bytes>) {
        self.shared.lock().put_raw(queue, bytes.into(), self.shared.clock.now());
        self.shared.changed.notify_waiters();
    }

    fn check_open(&self, what: &str) -> Result<(), BrokerError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(BrokerError::new(
                BrokerErrorKind::Closed,
                format!("could not {what}: the memory broker was closed"),
            ));
        }
        Ok(())
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections leaves a half-done change behind when it panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broker for MemoryBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            native_delay: true,
            producer_delay: true,
            delayed_by_queue: true,
            priorities: Some(PriorityOrder::HigherFirst),
            atomic_follow_up: true,
            broadcast: true,
            in_place: true,
            lease: true,
            shared: true,
            ..Capabilities::NONE
        }
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.check_open("declare queues")?;
            self.shared.lock().declare(topology)
        })
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.check_open(&format!("publish {} messages", batch.len()))?;
            let now = self.shared.clock.now();
            self.shared.lock().publish(batch, now)?;
            self.shared.changed.notify_waiters();
            Ok(())
        })
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            self.check_open("consume")?;
            let consumer = MemoryConsumer::new(Arc::clone(&self.shared), &spec);
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        })
    }

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        Some(Arc::new(self.shared.broadcast.clone()))
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(self.clone()))
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        Some(Arc::new(self.clone()))
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        Some(Arc::new(self.clone()))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.closed.store(true, Ordering::Release);
            Ok(())
        })
    }
}

/// What a consumer is told about where a message came from.
fn delivery_info(stored: &queue::Stored, queue: &Arc<str>) -> DeliveryInfo {
    let (exchange, routing_key, priority) = match &stored.content {
        queue::Content::Message(envelope) => {
            (envelope.exchange.clone(), envelope.routing_key.clone(), envelope.message.properties.priority)
        }
        queue::Content::Raw(_) => (String::new(), queue.to_string(), None),
    };
    DeliveryInfo { queue: Arc::clone(queue), exchange, routing_key, priority, redelivered: stored.epoch > 1 }
}
