//! What a broker can do by itself.

use std::time::Duration;

/// What a broker can do by itself. The contract suite asks it before it skips a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// A message may be published with a due time and stays in the broker until then.
    pub native_delay: bool,
    /// A *producer* may use it. False where a message parked there would never be seen by a Python worker that
    /// is alone on the queue (Redis): then the message goes to the queue with its `eta` header, and the first
    /// taskq worker that takes it parks it.
    pub producer_delay: bool,
    /// Due times are kept in steps of this: what waits comes up to one step late, and messages that are due
    /// within one step come in any order. Zero: exactly.
    pub delay_step: Duration,
    /// Messages that wait for their time are counted, and purged, with their queue. False where all queues share
    /// the place where they wait.
    pub delayed_by_queue: bool,
    /// Which end of the priority scale is served first; `None` without priorities.
    pub priorities: Option<PriorityOrder>,
    /// Settling and publishing follow-ups is one atomic step.
    pub atomic_follow_up: bool,
    /// Has fan-out ([`Broker::broadcast`](super::Broker::broadcast)).
    pub broadcast: bool,
    /// A message that goes back at once is the next one, and looking at messages leaves no trace. False for the
    /// quorum queues of RabbitMQ: what goes back comes soon, but perhaps behind others, and to look at a message is
    /// a delivery of it.
    pub in_place: bool,
    /// Deliveries have leases that lapse; false where the broker watches the connection instead.
    pub lease: bool,
    /// Keeps what all workers share: [rate limits](super::Broker::rate_limits) and
    /// [revocations](super::Broker::revocations).
    pub shared: bool,
    /// Messages survive a restart of the broker's process.
    pub durable: bool,
}

impl Capabilities {
    /// Nothing at all; drivers set what they have.
    pub const NONE: Self = Self {
        native_delay: false,
        producer_delay: false,
        delay_step: Duration::ZERO,
        delayed_by_queue: false,
        priorities: None,
        atomic_follow_up: false,
        broadcast: false,
        in_place: false,
        lease: false,
        shared: false,
        durable: false,
    };
}

/// Which number goes first on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityOrder {
    /// 9 before 0: RabbitMQ, SQLite, memory.
    HigherFirst,
    /// 0 before 9: Redis, as kombu lays it out.
    LowerFirst,
}
