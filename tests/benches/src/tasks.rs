//! The tasks that are run.

use std::io::Write as _;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use taskq::task;

/// Nothing: what is measured is all around it.
#[task(name = "bench.noop")]
pub async fn noop() {}

/// Nothing, with a small result.
#[task(name = "bench.echo")]
pub async fn echo(x: i64) -> i64 {
    x
}

/// Waits as a task that asks another service does.
#[task(name = "bench.wait")]
pub async fn wait(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// So many bytes are hashed by one [`hash`].
pub const BLOCK: usize = 1 << 20;

/// Computes: SHA-256 of a block.
#[task(name = "bench.hash")]
pub fn hash(seed: u8) -> u8 {
    hash_block(seed)
}

/// What [`hash`] does, for the bare loop.
#[must_use]
pub fn hash_block(seed: u8) -> u8 {
    digest(&SHA256, &vec![seed; BLOCK]).as_ref()[0]
}

/// Says on standard output when it was started, in nanoseconds of the machine's monotonic clock.
#[task(name = "bench.stamp")]
pub async fn stamp() {
    let _ = writeln!(std::io::stdout().lock(), "{}", crate::process::monotonic());
}

/// One more than the step before.
#[task(name = "bench.next")]
pub async fn next(x: i64) -> i64 {
    x + 1
}

/// How many results of a chord came.
#[task(name = "bench.count")]
pub async fn count(all: Vec<i64>) -> i64 {
    i64::try_from(all.len()).unwrap_or(i64::MAX)
}
