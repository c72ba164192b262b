//! A cancelled workflow does not run, not even on a worker that starts later.

use std::sync::atomic::Ordering;

use taskq::{Error, Signature, Value, WaitError};
use taskq_tests::redis_server::RedisServer;

use crate::{PATIENCE, Place, STEPS, file, plus, value};

async fn a_cancelled_workflow_does_not_run(broker: &str, backend: &str) -> Result<(), Error> {
    let place = Place::new(broker, backend)?;
    // Nobody hears of it: it is found by the worker that starts later.
    let sent = place.app.send_canvas(Signature::chain([value(1), plus(1), plus(1)])).await?;
    let other = place.app.send_canvas(Signature::chain([value(1), plus(1)])).await?;
    let root = sent.parent().and_then(|second| second.parent()).expect("the first step").id().to_owned();
    place.demo.run(&format!("workflow cancel {root}")).ok();

    let worker = place.work().await?;
    assert_eq!(other.get_within(PATIENCE).await.expect("another workflow runs"), Value::Int(2));
    let ended = sent.get_within(PATIENCE).await;
    assert!(matches!(ended, Err(WaitError::Revoked { .. })), "{ended:?}");
    assert_eq!(STEPS.load(Ordering::SeqCst), 2, "a step of the cancelled workflow ran");
    worker.stop().await?;
    place.app.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_workflow_does_not_run_on_redis() -> Result<(), Error> {
    let redis = RedisServer::start();
    a_cancelled_workflow_does_not_run(&redis.url(0), &redis.url(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_workflow_does_not_run_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder");
    a_cancelled_workflow_does_not_run(&file(&dir), &file(&dir)).await
}
