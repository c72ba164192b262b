//! The contract suites against the broker and the backend on a real Redis.
//!
//! Each case has a server of its own: a case that loses leases or counts owners must not meet another's.

use std::sync::Arc;

use taskq_core::{
    BoxFuture,
    backend::ResultBackend,
    broker::{Broker, HigherFirst},
    config::Urls,
};
use taskq_redis::{BackendOptions, RedisBackend, RedisBroker, RedisOptions};
use taskq_tests::{conformance, redis_server::RedisServer};

#[derive(Debug)]
struct Redis {
    server: Arc<RedisServer>,
    options: RedisOptions,
}

impl Redis {
    fn start() -> Self {
        Self { server: Arc::new(RedisServer::start()), options: RedisOptions::default() }
    }

    fn with_prefix() -> Self {
        let mut options = RedisOptions::default();
        options.key_prefix = "pre:".to_owned();
        Self { server: Arc::new(RedisServer::start()), options }
    }

    fn with_mirror() -> Self {
        let mut options = RedisOptions::default();
        options.mirror_unacked = true;
        Self { server: Arc::new(RedisServer::start()), options }
    }

    fn urls(&self) -> Urls {
        Urls::parse(&self.server.url(0)).expect("a URL")
    }
}

impl conformance::broker::Factory for Redis {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>> {
        Box::pin(async {
            let broker = RedisBroker::connect(&self.urls(), self.options.clone()).await.expect("connect");
            Arc::new(broker) as _
        })
    }

    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let list = format!("{}{queue}", self.options.key_prefix);
            let mut connection = self.server.connect(0);
            redis::cmd("LPUSH").arg(list).arg(bytes).query::<()>(&mut connection).expect("inject");
        })
    }
}

impl conformance::backend::Factory for Redis {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ResultBackend>> {
        Box::pin(async {
            let options = BackendOptions::default();
            let backend = RedisBackend::connect(&self.urls(), options).await.expect("connect");
            Arc::new(backend) as _
        })
    }
}

mod broker {
    use super::*;

    taskq_tests::broker_conformance!(Redis::start());
}

mod broker_with_a_key_prefix {
    use super::*;

    taskq_tests::broker_conformance!(Redis::with_prefix());
}

mod broker_that_mirrors {
    use super::*;

    taskq_tests::broker_conformance!(Redis::with_mirror());
}

/// As programs use it.
mod broker_with_9_first {
    use super::*;

    #[derive(Debug)]
    struct Turned(Redis);

    impl conformance::broker::Factory for Turned {
        fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>> {
            Box::pin(async { HigherFirst::over(conformance::broker::Factory::open(&self.0).await) })
        }

        fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
            self.0.inject_raw(queue, bytes)
        }
    }

    taskq_tests::broker_conformance!(Turned(Redis::start()));
}

mod backend {
    use super::*;

    taskq_tests::backend_conformance!(Redis::start());
}

mod chord {
    use super::*;

    taskq_tests::chord_conformance!(Redis::start());
}

/// Symptom: a consumer that was idle for longer than its lease took messages at the moment when another one
/// cleared up behind it; they were given back while they ran, and ran twice.
#[tokio::test]
async fn an_owner_that_is_being_cleared_up_takes_under_another_name() {
    let server = Arc::new(RedisServer::start());
    let redis = Redis { server: Arc::clone(&server), options: RedisOptions::default() };
    let bench = conformance::broker::Bench::new(redis).await;
    let queue = bench.queue("leaving").await;
    let mut taker = bench.consumer(&queue).await;
    bench.publish(&queue, 0..1).await;
    assert_eq!(taker.numbers(1).await, [0]);
    // What the clearing script does first: the owner is none any more, and is marked as leaving.
    let mut connection = server.connect(0);
    let mut owners = || -> Vec<String> {
        redis::cmd("ZRANGE").arg("taskq:owners").arg(0).arg(-1).query(&mut connection).expect("owners")
    };
    let before = owners();
    let mut connection = server.connect(0);
    redis::cmd("SADD").arg("taskq:leaving").arg(&before).query::<()>(&mut connection).expect("mark");
    redis::cmd("DEL").arg("taskq:owners").query::<()>(&mut connection).expect("forget");
    bench.publish(&queue, 1..2).await;
    let held = taker.one().await;
    let after = owners();
    assert!(before.len() == 1 && after.len() == 1 && before != after, "{before:?} then {after:?}");
    taker.ack(&[held]).await;
}
