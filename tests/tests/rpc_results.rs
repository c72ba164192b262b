//! `rpc://` results through a real RabbitMQ.
//!
//! Only the client that sent a task reads its result, so the contract suite stores and reads with one client;
//! every result travels through the broker all the same.

use std::{sync::Arc, time::Duration};

use taskq_amqp::{RpcBackend, RpcOptions};
use taskq_core::{
    BoxFuture,
    backend::{ResultBackend, TaskMeta},
    config::Urls,
};
use taskq_tests::{
    conformance::{self, backend::bench::success},
    given,
    rabbit_server::RabbitServer,
};
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
struct Rpc(OnceCell<Arc<RpcBackend>>);

async fn connect(url: &str) -> RpcBackend {
    let urls = Urls::parse(url).expect("a URL");
    RpcBackend::connect(&urls, RpcOptions::default()).await.expect("connect")
}

/// A client with a queue of replies.
async fn client(url: &str) -> RpcBackend {
    let client = connect(url).await;
    client.receive(&uuid::Uuid::new_v4().to_string()).await.expect("receive");
    client
}

fn url() -> String {
    given("TASKQ_TEST_AMQP_URL")
}

impl conformance::backend::Factory for Rpc {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ResultBackend>> {
        Box::pin(async {
            let client = self.0.get_or_init(async || Arc::new(client(&url()).await)).await;
            Arc::<RpcBackend>::clone(client) as _
        })
    }
}

mod contract {
    use super::*;

    taskq_tests::backend_conformance!(Rpc::default());
}

fn for_client(client: &RpcBackend, text: &str) -> TaskMeta {
    TaskMeta { reply_to: client.reply_to(), ..success(text) }
}

#[tokio::test]
async fn a_result_reaches_the_client_that_asked_and_nobody_else() {
    let (worker, asks, other) = (connect(&url()).await, client(&url()).await, client(&url()).await);
    let meta = for_client(&asks, "5");
    worker.store(std::slice::from_ref(&meta)).await.expect("store");
    let came = asks.wait(&meta.id, Some(Duration::from_secs(30))).await.expect("wait");
    assert_eq!(came.state, meta.state);
    assert_eq!(other.fetch(std::slice::from_ref(&meta.id)).await.expect("fetch"), [None]);
}

#[tokio::test]
async fn a_result_for_a_client_that_has_gone_is_dropped_without_an_error() {
    let worker = connect(&url()).await;
    let meta = TaskMeta { reply_to: Some(uuid::Uuid::new_v4().to_string()), ..success("5") };
    worker.store(&[meta]).await.expect("store");
}

/// Symptom to keep away: Celery's queue of replies goes with its connection, and a client that was cut off waits
/// for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_cut_off_finds_what_came_meanwhile() {
    let server = RabbitServer::start();
    let (worker, asks) = (connect(&server.url()).await, client(&server.url()).await);
    let before = for_client(&asks, "1");
    worker.store(std::slice::from_ref(&before)).await.expect("store");
    asks.wait(&before.id, Some(Duration::from_secs(30))).await.expect("the first result");
    server.ctl(&["close_all_connections", "cut off by the test"]);
    let after = for_client(&asks, "2");
    let mut stored = worker.store(std::slice::from_ref(&after)).await;
    for _ in 0..50 {
        if stored.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        stored = worker.store(std::slice::from_ref(&after)).await;
    }
    stored.expect("the worker connects again");
    asks.wait(&after.id, Some(Duration::from_secs(30))).await.expect("the second result");
    // Nothing stays behind when the client closes.
    let queue = asks.reply_to().expect("a queue");
    asks.close().await.expect("close");
    assert!(!server.ctl(&["list_queues", "name"]).contains(&queue));
}
