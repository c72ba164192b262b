//! The least that such work costs: just the broker's commands, nothing around them.

pub mod amqp;
pub mod latency;
pub mod redis;
