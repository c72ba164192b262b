//! Redis as a broker and a result backend, compatible on the wire with kombu and Celery 5.7.
//!
//! Python sees the keys it knows: queues as lists, bindings as sets, results under `celery-task-meta-…`. What
//! kombu does in two steps, and loses work between, is one step here:
//!
//! * **Take** moves messages from the queue to a hash of the consumer's own, by number, in one script. That hash *is*
//!   the record of what is in flight: there is no moment in which a message is in neither.
//! * **Settle** removes a message from that hash and does what follows (retry, next step, dead letter) in the
//!   same step; when the message is no longer there, the lease was lost, and nothing is done.
//! * **Lease**: an owner's deadline is renewed while it lives. When it has passed, any consumer gives back what
//!   the owner held, oldest first to the front, and counts the delivery.
//! * **Delayed** messages wait in a set ordered by due time; any consumer promotes them.

mod backend;
mod broker;
mod conn;
mod error;
mod keys;
mod options;
mod schedule;
mod script;
mod sentinel;
mod tls;
mod wire;

pub use backend::{BackendOptions, RedisBackend};
pub use broker::RedisBroker;
pub use options::{QueueOrder, RedisOptions};
pub use schedule::{REDBEAT_PREFIX, Redbeat, RedisSchedules, read_redbeat};
pub use sentinel::SentinelOptions;
pub use tls::TlsOptions;
