//! What the tests of taskq share: recordings of real Celery, contract suites, private servers.

pub mod conformance;
pub mod demo;
pub mod fixtures;
mod given;
pub mod health;
pub mod hole;
pub mod node;
pub mod otlp;
pub mod ports;
pub mod process;
pub mod python;
pub mod rabbit_server;
pub mod redis_server;
pub mod sentinels;
pub mod sim;
pub mod soak;
pub mod tls_front;

pub use given::given;
