//! The brokers, and what a row is given of them: a place that no other row uses.

use std::path::Path;

use serde_json::{Value, json};
use taskq_tests::{given, redis_server::RedisServer};

/// How long a message of a dead worker stays where it was, in seconds.
const LEASE: u32 = 3;

/// How long the test itself may take to send, on a loaded machine, in seconds.
const PATIENCE: u32 = 60;

/// A kind of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    Sqlite,
    Classic,
    Quorum,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Sqlite => "SQLite",
            Self::Classic => "RabbitMQ, classic queue",
            Self::Quorum => "RabbitMQ, quorum queue",
        }
    }

    /// RabbitMQ publishes what follows before it settles; the others do both in one step.
    pub(crate) fn is_amqp(self) -> bool {
        matches!(self, Self::Classic | Self::Quorum)
    }
}

/// A broker that rows share.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) kind: Kind,
    /// The broker, or where RabbitMQ's results go.
    redis: Option<RedisServer>,
}

impl Broker {
    pub(crate) fn start(kind: Kind) -> Self {
        Self { kind, redis: (kind != Kind::Sqlite).then(RedisServer::start) }
    }

    /// The settings of row `number`, whose files are in `dir`.
    pub(crate) fn settings(&self, number: usize, dir: &Path) -> (String, Value) {
        let queue = format!("crash-{}-{number}", uuid::Uuid::new_v4().as_simple());
        let database = u32::try_from(number).unwrap_or(u32::MAX);
        let stored = match &self.redis {
            Some(redis) => redis.url(database),
            None => format!("sqlite:{}", dir.join("taskq.db").display()),
        };
        let broker = if self.kind.is_amqp() { given("TASKQ_TEST_AMQP_URL") } else { stored.clone() };
        let conf = json!({
            "broker_url": broker,
            "result_backend": stored,
            "lease": LEASE,
            "publish_timeout": PATIENCE,
            "broker_connection_timeout": PATIENCE,
            "task_default_queue": queue,
            "task_default_queue_type": if self.kind == Kind::Quorum { "quorum" } else { "classic" },
        });
        (queue, conf)
    }
}
