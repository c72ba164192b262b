//! What `cargo xtask test` tells the tests: servers, certificates, programs.

use std::env;

/// The variable of that name, such as `TASKQ_TEST_AMQP_URL`.
///
/// # Panics
/// If it is not set: a test must not pass without what it is about.
#[must_use]
pub fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set: run the tests by `cargo xtask test`"))
}
