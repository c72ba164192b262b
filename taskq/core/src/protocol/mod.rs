//! Celery's task message, read and written: protocol 2 both ways, protocol 1 read (and written on demand).
//!
//! Kept true here: whatever Celery 5.7 writes is read; headers nobody knows survive retry and redelivery;
//! a broken message is a typed [`Malformed`] that keeps the id, task and reply address when they can be read,
//! never a panic and never silence. Proven against the recordings in `tests/fixtures/celery`.

mod body;
mod headers;
mod id;
mod message;
mod properties;
mod request;
mod shown;
mod time;
mod trace;

pub use body::{Arguments, Body, Embed, Leads, Param, ParamKind};
pub use headers::{Headers, RawHeaders};
pub use id::TaskId;
pub use message::{Message, Protocol, TaskMessage};
pub use properties::{DeliveryInfo, DeliveryMode, Properties};
pub use request::{Malformed, MalformedKind, Request};
pub use shown::shown_args;
pub use time::{format_timestamp, parse_timestamp};
pub use trace::TraceContext;
