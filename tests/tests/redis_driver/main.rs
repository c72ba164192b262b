//! What the Redis driver owes beyond the contract: a server that is full or holds keys of another type, and
//! whatever Python workers left in it.

mod ahead;
mod armed;
mod full;
mod held;
mod mirror;
mod restore;
mod results;
mod settle;
mod unseen;
mod wake;

use std::{sync::Arc, time::Duration};

use taskq_core::{BoxFuture, broker::Broker, config::Urls};
use taskq_redis::{RedisBroker, RedisOptions};
use taskq_tests::{conformance, hole::Hole, redis_server::RedisServer};

/// The worker under test.
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");

/// A server as a store under test.
#[derive(Debug)]
struct Redis(RedisServer);

impl conformance::broker::Factory for Redis {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>> {
        Box::pin(broker(&self.0))
    }

    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            redis::cmd("LPUSH").arg(queue).arg(bytes).exec(&mut self.0.connect(0)).expect("inject");
        })
    }
}

/// A client of a server.
async fn broker(server: &RedisServer) -> Arc<dyn Broker> {
    broker_with(server, RedisOptions::default()).await
}

async fn broker_with(server: &RedisServer, options: RedisOptions) -> Arc<dyn Broker> {
    let urls = Urls::parse(&server.url(0)).expect("a URL");
    Arc::new(RedisBroker::connect(&urls, options).await.expect("connect"))
}

/// How long an [impatient] client waits for anything.
const PATIENCE: Duration = Duration::from_millis(300);

/// A client that soon gives an answer up, and the line on which it gets late.
async fn impatient(server: &RedisServer, mirrors: bool) -> (Hole, Arc<dyn Broker>) {
    let hole = Hole::before(server.port()).await;
    let urls = Urls::parse(&hole.url(0)).expect("a URL");
    let mut options = RedisOptions::default();
    options.socket_timeout = PATIENCE;
    options.connect_timeout = PATIENCE;
    options.mirror_unacked = mirrors;
    let broker = RedisBroker::connect(&urls, options).await.expect("connect");
    (hole, Arc::new(broker))
}
