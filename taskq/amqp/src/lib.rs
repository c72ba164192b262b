//! RabbitMQ as a broker, and `rpc://` results, compatible on the wire with kombu and Celery 5.7.
//!
//! * **Publish** is confirmed, always: what no queue takes comes back as an error.
//! * **Take** is `basic.consume` with a window; whatever the connection, the channel or the queue does, the
//!   consumer comes back, and says so while it is away.
//! * **Settle** publishes what follows and has it confirmed, then acknowledges. A delivery tag means something on
//!   one channel only: it carries the number of that channel, and is lost when the channel is.

mod backend;
mod broker;
mod conn;
mod error;
mod management;
mod options;
mod wire;

pub use backend::{RpcBackend, RpcOptions};
pub use broker::AmqpBroker;
pub use options::{AmqpOptions, QueueType};
