//! The contract suite of schedules: in memory, in a SQLite file and on a real Redis, beside the broker and alone.

use std::sync::Arc;

use taskq_core::{
    BoxFuture,
    broker::Broker,
    config::Urls,
    schedule::{MemorySchedules, ScheduleStore},
    time::system_clock,
};
use taskq_redis::{RedisBroker, RedisOptions, RedisSchedules};
use taskq_sqlite::{SqliteBroker, SqliteOptions, SqliteSchedules};
use taskq_tests::{conformance::schedule::Factory, redis_server::RedisServer};
use tempfile::TempDir;

#[derive(Debug)]
struct Memory(MemorySchedules);

impl Memory {
    fn new() -> Self {
        Self(MemorySchedules::new(system_clock()))
    }
}

impl Factory for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ScheduleStore>> {
        Box::pin(async { Arc::new(self.0.clone()) as _ })
    }
}

#[derive(Debug)]
struct Sqlite {
    folder: TempDir,
    publishes: bool,
}

impl Sqlite {
    fn new(publishes: bool) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), publishes }
    }

    fn url(&self) -> String {
        format!("sqlite:{}/taskq.db", self.folder.path().display())
    }
}

impl Factory for Sqlite {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ScheduleStore>> {
        Box::pin(async {
            let store = SqliteSchedules::open(&self.url(), SqliteOptions::default(), self.publishes).await;
            Arc::new(store.expect("open the schedule")) as _
        })
    }

    fn broker(&self) -> BoxFuture<'_, Option<Arc<dyn Broker>>> {
        Box::pin(async {
            let broker = SqliteBroker::open(&self.url(), SqliteOptions::default()).await;
            self.publishes.then(|| Arc::new(broker.expect("open the broker")) as _)
        })
    }
}

#[derive(Debug)]
struct Redis {
    server: RedisServer,
    options: RedisOptions,
    publishes: bool,
}

impl Redis {
    fn start(publishes: bool) -> Self {
        Self { server: RedisServer::start(), options: RedisOptions::default(), publishes }
    }

    fn with_prefix() -> Self {
        let mut redis = Self::start(true);
        redis.options.key_prefix = "pre:".to_owned();
        redis
    }

    fn urls(&self) -> Urls {
        Urls::parse(&self.server.url(0)).expect("a URL")
    }
}

impl Factory for Redis {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ScheduleStore>> {
        Box::pin(async {
            let store = RedisSchedules::connect(&self.urls(), self.options.clone(), self.publishes).await;
            Arc::new(store.expect("connect")) as _
        })
    }

    fn broker(&self) -> BoxFuture<'_, Option<Arc<dyn Broker>>> {
        Box::pin(async {
            let broker = RedisBroker::connect(&self.urls(), self.options.clone()).await;
            self.publishes.then(|| Arc::new(broker.expect("connect")) as _)
        })
    }
}

mod memory {
    use super::*;

    taskq_tests::schedule_conformance!(Memory::new());
}

mod sqlite_beside_the_broker {
    use super::*;

    taskq_tests::schedule_conformance!(Sqlite::new(true));
}

mod sqlite_alone {
    use super::*;

    taskq_tests::schedule_conformance!(Sqlite::new(false));
}

mod redis_beside_the_broker {
    use super::*;

    taskq_tests::schedule_conformance!(Redis::start(true));
}

mod redis_with_a_key_prefix {
    use super::*;

    taskq_tests::schedule_conformance!(Redis::with_prefix());
}

mod redis_alone {
    use super::*;

    taskq_tests::schedule_conformance!(Redis::start(false));
}
