//! What the Redis driver owes beyond the contract: a server that is full or holds keys of another type, and
//! whatever Python workers left in it.

mod full;
mod mirror;
mod restore;
mod settle;
mod wake;

use std::sync::Arc;

use taskq_core::{broker::Broker, config::Urls};
use taskq_redis::{RedisBroker, RedisOptions};
use taskq_tests::redis_server::RedisServer;

/// The worker under test.
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");

/// A client of a server.
async fn broker(server: &RedisServer) -> Arc<dyn Broker> {
    broker_with(server, RedisOptions::default()).await
}

async fn broker_with(server: &RedisServer, options: RedisOptions) -> Arc<dyn Broker> {
    let urls = Urls::parse(&server.url(0)).expect("a URL");
    Arc::new(RedisBroker::connect(&urls, options).await.expect("connect"))
}
