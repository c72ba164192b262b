//! The rows of the table.

mod celery;
mod delayed;
mod footprint;
mod latency;
mod producer;
mod running;
mod throughput;
mod workflows;

use std::path::PathBuf;

use anyhow::Result;
use tokio::sync::OnceCell;

pub use self::delayed::Drained;
use crate::options::Options;
use crate::table::Row;

/// Rows with a floor: what the smoke form measures.
const FLOORED: &[&str] = &["redis-noop", "redis-results", "amqp-noop", "sqlite-noop"];

/// What the rows need: servers, programs, and how much to do.
pub struct Bench {
    /// How much.
    pub options: Options,
    /// A Redis of our own.
    pub redis: String,
    /// A RabbitMQ of our own.
    pub amqp: String,
    /// A Python with Celery.
    pub python: Option<PathBuf>,
    /// The program whose workers are processes of their own.
    pub program: PathBuf,
    /// For files.
    pub folder: PathBuf,
    /// What the rows of the long queue share.
    pub drained: OnceCell<Drained>,
}

impl Bench {
    fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.folder.join(format!("{name}.db")).display())
    }

    /// Measures every row that was asked for; each is given to `done` with its name when it has ended.
    pub async fn run(&self, mut done: impl FnMut(&'static str, Result<Row>)) {
        for (name, row) in self.rows() {
            let asked = !self.options.floors || FLOORED.contains(&name);
            if asked && name.contains(&self.options.filter) {
                eprintln!("measuring {name}");
                done(name, row.await);
            }
        }
    }

    fn rows(&self) -> Vec<(&'static str, futures_util::future::LocalBoxFuture<'_, Result<Row>>)> {
        vec![
            ("redis-noop", Box::pin(throughput::redis(self))),
            ("redis-results", Box::pin(throughput::redis_results(self))),
            ("amqp-noop", Box::pin(throughput::amqp(self))),
            ("sqlite-noop", Box::pin(throughput::sqlite(self))),
            ("sqlite-two-workers", Box::pin(throughput::sqlite_two(self))),
            ("producer-bulk", Box::pin(producer::bulk(self))),
            ("producer-64", Box::pin(producer::concurrent(self))),
            ("latency-redis-p50", Box::pin(latency::row(self, latency::On::Redis, 0.5))),
            ("latency-redis-p99", Box::pin(latency::row(self, latency::On::Redis, 0.99))),
            ("latency-amqp-p50", Box::pin(latency::row(self, latency::On::Amqp, 0.5))),
            ("latency-amqp-p99", Box::pin(latency::row(self, latency::On::Amqp, 0.99))),
            ("latency-sqlite-p99", Box::pin(latency::row(self, latency::On::Sqlite, 0.99))),
            ("waiting-10000", Box::pin(running::waiting(self))),
            ("waiting-memory", Box::pin(running::waiting_memory(self))),
            ("computing", Box::pin(running::computing(self))),
            ("idle-memory", Box::pin(footprint::memory(self))),
            ("idle-cpu", Box::pin(footprint::cpu(self))),
            ("idle-commands", Box::pin(footprint::commands(self))),
            ("ready", Box::pin(footprint::start(self))),
            ("binary", Box::pin(footprint::binary(self))),
            ("many-queued-rate", Box::pin(delayed::rate(self))),
            ("many-queued-memory", Box::pin(delayed::memory(self))),
            ("chord-1000", Box::pin(workflows::chord(self))),
            ("chain-100", Box::pin(workflows::chain(self))),
        ]
    }
}
