//! The contract suites against the broker and the backend on a real Redis.
//!
//! Each case has a server of its own: a case that loses leases or counts owners must not meet another's.

use std::sync::Arc;

use taskq_core::{BoxFuture, backend::ResultBackend, broker::Broker, config::Urls};
use taskq_redis::{BackendOptions, RedisBackend, RedisBroker, RedisOptions};
use taskq_tests::{conformance, redis_server::RedisServer};

#[derive(Debug)]
struct Redis {
    server: RedisServer,
    options: RedisOptions,
}

impl Redis {
    fn start() -> Self {
        Self { server: RedisServer::start(), options: RedisOptions::default() }
    }

    fn with_prefix() -> Self {
        let mut options = RedisOptions::default();
        options.key_prefix = "pre:".to_owned();
        Self { server: RedisServer::start(), options }
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

mod backend {
    use super::*;

    taskq_tests::backend_conformance!(Redis::start());
}
