//! Contract suites: what every driver of a kind must do, written once and run against each of them.
//!
//! A case is skipped only where the driver declares that it lacks the capability, and then says so.

pub mod backend;
pub mod broker;
pub mod chord;
pub mod schedule;
pub mod shared;
