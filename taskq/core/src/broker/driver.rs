//! The traits a driver implements. They work on batches and return boxed futures.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Broadcast, BrokerAdmin, BrokerError, Capabilities, Delivery, DeliveryTag, HoldLimit, Outgoing, Queue,
    RateLimits, Revocations, Settled, Settlement, Topology,
};
use crate::BoxFuture;

/// A connection to a broker, shared by everything in the process.
pub trait Broker: Send + Sync + fmt::Debug + 'static {
    /// What this broker can do by itself.
    fn capabilities(&self) -> Capabilities;

    /// Creates queues, exchanges and bindings. Idempotent.
    ///
    /// # Errors
    /// [`BrokerErrorKind::Topology`](super::BrokerErrorKind) when something of that name exists with other
    /// arguments; the text names it and the difference.
    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Stores all messages, in order, in as few round trips as possible. On `Ok` every one of them is stored.
    /// On an error some may be: the caller who repeats the call may double, never lose.
    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Starts consuming. The consumer reconnects by itself and reports only errors that no retry can mend.
    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>>;

    /// Fan-out messages: events and remote control. `None` where the broker has none.
    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        None
    }

    /// Looking into queues and dead letters. `None` where the broker cannot.
    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        None
    }

    /// Memory of what was revoked. `None` where the broker keeps none.
    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        None
    }

    /// Rate limits that all workers share. `None` where the broker keeps none.
    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        None
    }

    /// Closes connections. Consumers must have been stopped before.
    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>>;
}

/// What to consume, and as whom.
#[derive(Clone, Debug)]
pub struct ConsumeSpec {
    /// The queues; all of one priority step are looked at before the next, round robin among queues.
    pub queues: Vec<Queue>,
    /// Node name (`celery@host`), for operators who look into the broker.
    pub node: String,
    /// The most deliveries that may be unsettled at once; 0 is no limit. A driver that pushes uses it as its
    /// window, one that pulls takes no more than `max` of [`Consumer::next_batch`]. Without a limit,
    /// [`Consumer::set_window`] may set one that changes.
    pub prefetch: u32,
    /// How long a delivery stays ours without a sign of life. Renewed by [`Settler::extend`]. Default 30 s.
    pub lease: Duration,
    /// After this many deliveries a message is poison and goes to the dead letters instead of being delivered
    /// again; 0 is no limit. Default 5.
    pub max_deliveries: u32,
}

impl ConsumeSpec {
    /// Consumes `queues` as `node` with the defaults above and no prefetch limit.
    pub fn new(node: impl Into<String>, queues: Vec<Queue>) -> Self {
        Self { queues, node: node.into(), prefetch: 0, lease: Duration::from_secs(30), max_deliveries: 5 }
    }
}

/// Takes messages. Owned by one loop.
pub trait Consumer: Send {
    /// Waits until at least one message is there, then appends what is there without further waiting, at most
    /// `max`. Due delayed messages count as there.
    ///
    /// Cancel safe: when the future is dropped, nothing taken is lost; it comes with a later call, or goes
    /// back when the consumer is dropped. After [`stop_fetching`](Self::stop_fetching) it returns `Ok` with
    /// nothing appended.
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Says how many deliveries may be unsettled at once from now on, those that are held included; `None`: only what
    /// [`next_batch`](Self::next_batch) asks for. With a number a driver that pushes need not be asked before it does;
    /// what has come beyond a smaller one is still handed out. Default: nothing, as is right for a driver that pulls.
    fn set_window(&mut self, most: Option<usize>) {
        let _ = most;
    }

    /// Settles what this consumer delivered; usable after the consumer stopped fetching, from any task.
    fn settler(&self) -> Arc<dyn Settler>;

    /// Takes nothing more from the broker. What was delivered stays leased until settled; what was taken and
    /// not yet delivered goes back at once.
    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Changes the set of queues while running (`add_consumer`, `cancel_consumer`).
    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Whether messages can arrive right now, and if not, why: what `/ready` shows.
    fn health(&self) -> Result<(), String>;

    /// How long a delivery may be held at most: the shortest of all queues, as it was when the consumer started.
    /// `None`: as long as its lease is renewed, or as its connection lasts.
    fn hold_limit(&self) -> Option<HoldLimit> {
        None
    }
}

/// Ends deliveries, fenced by their lease.
pub trait Settler: Send + Sync + fmt::Debug {
    /// Applies each settlement with the messages it publishes: atomically per settlement where
    /// [`Capabilities::atomic_follow_up`] says so, else follow-ups first. A settlement whose lease was lost
    /// publishes nothing, changes nothing, and its tag is in the answer.
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>>;

    /// Renews leases; those already lost are in the answer. Brokers without leases answer with nothing.
    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>>;

    /// Gives a delivery back to the front of its queue without waiting: called when a [`Delivery`] is dropped
    /// unsettled. Must not block; if it cannot be done the lease lapses.
    fn give_back(&self, tag: DeliveryTag);
}
