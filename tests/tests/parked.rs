//! Messages of a task that no worker knows wait as dead letters, and run when a worker comes that knows it, on every
//! broker.

use std::time::{Duration, Instant};

use taskq::{
    App, Error, Registry, Signature, args,
    core::{config::Sources, protocol::TaskId},
    task,
};
use taskq_tests::{given, redis_server::RedisServer};
use taskq_worker::{Worker, WorkerOptions};

/// One step, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

#[task(name = "parked.double")]
async fn double(number: i64) -> i64 {
    2 * number
}

/// A program of an old or a new version.
fn program(broker: &str, backend: &str, queue: &str, kind: &str, registry: Registry) -> Result<App, Error> {
    let sources = Sources::none()
        .set("broker_url", broker)
        .set("result_backend", backend)
        .set("task_default_queue", queue)
        .set("task_default_queue_type", kind);
    App::builder().sources(sources).registry(registry).build()
}

async fn dead(app: &App, queue: &str) -> Result<u64, Error> {
    let admin = app.broker().await?.admin().expect("a broker that can be looked into");
    let stats = admin.stats(&[queue.to_owned()]).await?;
    Ok(stats.first().map_or(0, |stats| stats.dead))
}

async fn runs_later(broker: &str, backend: &str, kind: &str) -> Result<(), Error> {
    let queue = format!("parked-{}", uuid::Uuid::new_v4().as_simple());
    let old = program(broker, backend, &queue, kind, Registry::new())?;
    let mut worker = Worker::new(&old, &WorkerOptions::new().concurrency(1))?.start();
    worker.ready().await?;
    let sent = old.send_canvas(Signature::by_name("parked.double", args![21])).await?;
    old.send_canvas(Signature::by_name("parked.nowhere", args![])).await?;
    let deadline = Instant::now() + PATIENCE;
    while dead(&old, &queue).await? < 2 {
        assert!(Instant::now() < deadline, "not put aside within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
    worker.stop().await?;
    let id = TaskId::from(sent.id());
    old.close().await?;

    let mut registry = Registry::new();
    registry.add_task(double)?;
    let new = program(broker, backend, &queue, kind, registry)?;
    let mut worker = Worker::new(&new, &WorkerOptions::new().concurrency(1))?.start();
    worker.ready().await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let meta = new.backend().await?.fetch(std::slice::from_ref(&id)).await?.pop().flatten();
        if meta.as_ref().is_some_and(|meta| meta.state == taskq::State::Success) {
            break;
        }
        assert!(Instant::now() < deadline, "not run within {PATIENCE:?}: {meta:?}");
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(dead(&new, &queue).await?, 1, "what nobody knows stays");
    worker.stop().await?;
    new.close().await
}

#[tokio::test]
async fn an_unknown_task_runs_when_its_worker_comes_on_redis() -> Result<(), Error> {
    let redis = RedisServer::start();
    runs_later(&redis.url(0), &redis.url(1), "classic").await
}

#[tokio::test]
async fn an_unknown_task_runs_when_its_worker_comes_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder for the database");
    let url = format!("sqlite:{}", dir.path().join("taskq.db").display());
    runs_later(&url, &url, "classic").await
}

#[tokio::test]
async fn an_unknown_task_runs_when_its_worker_comes_on_a_classic_queue() -> Result<(), Error> {
    let redis = RedisServer::start();
    runs_later(&given("TASKQ_TEST_AMQP_URL"), &redis.url(0), "classic").await
}

#[tokio::test]
async fn an_unknown_task_runs_when_its_worker_comes_on_a_quorum_queue() -> Result<(), Error> {
    let redis = RedisServer::start();
    runs_later(&given("TASKQ_TEST_AMQP_URL"), &redis.url(0), "quorum").await
}
