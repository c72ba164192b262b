//! The seam to a broker: what a driver must do, and the values that cross it.
//!
//! Kept true by every driver (and held by the contract suite): a published message is stored or the
//! caller gets an error; a taken message is owned by exactly one consumer until it is settled, given
//! back, or its lease lapses; a settlement under a lost lease changes nothing and says so; nothing is
//! ever dropped, what cannot be read goes to the dead letters with its original bytes.

mod admin;
mod bindings;
mod broadcast;
mod capabilities;
mod delivery;
mod driver;
mod edit;
mod envelope;
mod error;
mod finding;
mod hold;
mod memory;
mod outgoing;
mod priority;
mod rates;
mod revocations;
mod settle;
mod topology;

pub use admin::{
    Binding, BrokerAdmin, DeadLetter, ERRORS_HEADER, PastError, PeekedMessage, QueueStats, Rates,
};
pub use bindings::{Bindings, topic_matches};
pub use broadcast::{Broadcast, Subscription};
pub use capabilities::{Capabilities, PriorityOrder};
pub use delivery::{Delivery, DeliveryTag, Payload, Undecodable};
pub use driver::{Broker, ConsumeSpec, Consumer, Settler};
pub use edit::{EDIT_OF, EditedId, edited, rewritten};
pub use envelope::Envelope;
pub use error::{BrokerError, BrokerErrorKind};
pub use finding::{Finding, Severity};
pub use hold::HoldLimit;
pub use memory::MemoryBroker;
pub use outgoing::Outgoing;
pub use priority::HigherFirst;
pub(crate) use priority::with_meaning;
pub use rates::{RATE_HOLD, RATE_LEAD, RATE_WINDOW, RateAsk, RateBucket, RateLimits, RateTurn};
pub use revocations::{REMEMBERED, Revocation, Revocations, remembered_in};
pub use settle::{DeadKind, DeadReason, Settle, Settled, Settlement};
pub use topology::{Exchange, ExchangeKind, Queue, Topology};
