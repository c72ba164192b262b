//! What a worker has to live through: broken messages, a broker that goes away, and its own death.

mod amqp_input;
mod bad_input;
mod canvas_input;
mod chord_crash;
mod control_flood;
mod copies;
mod crash;
mod ledger;
mod outage;
mod poison;
mod thrown;

/// The worker under test.
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
