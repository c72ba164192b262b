//! RabbitMQ as a broker, and `rpc://` results, compatible on the wire with kombu and Celery 5.7.
#![allow(dead_code, unused_imports)] // until the broker uses them

mod conn;
mod error;
mod options;
mod wire;

pub use options::{AmqpOptions, QueueType};
