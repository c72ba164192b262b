//! A failed workflow goes on where it failed, and keeps what had gone well.

use std::sync::atomic::Ordering;

use taskq::{Error, Signature, Value, WaitError, args};
use taskq_tests::redis_server::RedisServer;

use crate::{MENDED, PATIENCE, Place, STEPS, file, may_fail, plus, sum, value};

async fn a_failed_workflow_goes_on_where_it_failed(broker: &str, backend: &str) -> Result<(), Error> {
    let place = Place::new(broker, backend)?;
    let worker = place.work().await?;

    // A chain whose third of five steps fails.
    let chain = Signature::chain([value(1), plus(1), may_fail(), plus(10), plus(100)]);
    let sent = place.app.send_canvas(chain).await?;
    let mut first = sent.clone();
    while let Some(before) = first.parent() {
        first = before;
    }
    let root = first.id().to_owned();
    assert!(matches!(sent.get_within(PATIENCE).await, Err(WaitError::Failed(_))), "the chain went well");
    assert_eq!(STEPS.load(Ordering::SeqCst), 2);
    let shown = place.demo.run(&format!("workflow show {root}"));
    let shown = shown.ok();
    assert!(shown.contains("can be retried"), "{shown}");

    // Not mended yet: it fails again, and can be retried again.
    let again = place.demo.run(&format!("workflow retry {root} --json")).json();
    assert_eq!(again.as_array().map(Vec::len), Some(1), "{again}");
    assert!(matches!(sent.get_within(PATIENCE).await, Err(WaitError::Failed(_))), "it was not mended");
    MENDED.store(true, Ordering::SeqCst);
    assert_eq!(place.app.retry_workflow(root.as_str()).await?.len(), 1);
    assert_eq!(sent.get_within(PATIENCE).await.expect("a result"), Value::Int(112));
    assert_eq!(STEPS.load(Ordering::SeqCst), 4, "a step that had gone well ran again");
    assert_eq!(place.app.retry_workflow(root.as_str()).await?, [], "nothing has failed");

    // A chord in a chain of which one member fails, and takes the body and what follows along.
    MENDED.store(false, Ordering::SeqCst);
    STEPS.store(0, Ordering::SeqCst);
    let header = Signature::group([plus(1), may_fail(), plus(3)]);
    let sent = place.app.send_canvas(Signature::chain([value(1), header, sum(), plus(1_000)])).await?;
    assert!(matches!(sent.get_within(PATIENCE).await, Err(WaitError::Failed(_))), "the chord went well");
    let group = sent.parent().and_then(|body| body.parent()).expect("the header");
    let root = group.parent().expect("the first step").id().to_owned();
    // The whole header is over, so that the chord has failed.
    assert!(group.get_within(PATIENCE).await.is_err());
    MENDED.store(true, Ordering::SeqCst);
    assert_eq!(place.app.retry_workflow(root.as_str()).await?.len(), 1);
    assert_eq!(sent.get_within(PATIENCE).await.expect("a result"), Value::Int(1_007));
    assert_eq!(STEPS.load(Ordering::SeqCst), 4, "a member that had gone well ran again");

    // A chord that was sent by itself is named by its group.
    MENDED.store(false, Ordering::SeqCst);
    let failing = Signature::by_name("workflow.mended", args![5]);
    let sent = place.app.send_canvas(Signature::chord([value(1), failing], sum())).await?;
    assert!(matches!(sent.get_within(PATIENCE).await, Err(WaitError::Failed(_))), "the chord went well");
    let group = sent.parent().expect("the header").id().to_owned();
    MENDED.store(true, Ordering::SeqCst);
    // Two who retry at once do not run it twice.
    let (one, other) =
        tokio::join!(place.app.retry_workflow(group.as_str()), place.app.retry_workflow(group.as_str()));
    assert_eq!(one?.len() + other?.len(), 1);
    assert_eq!(sent.get_within(PATIENCE).await.expect("a result"), Value::Int(6));

    // Of two steps that failed one alone runs again, with what follows it.
    MENDED.store(false, Ordering::SeqCst);
    let both = Signature::group([may_fail(), may_fail()]);
    let sent = place.app.send_canvas(Signature::chain([value(1), both])).await?;
    assert!(sent.get_within(PATIENCE).await.is_err(), "the group went well");
    let root = sent.parent().expect("the first step").id().to_owned();
    let mut failed = Vec::new();
    while failed.len() < 2 {
        failed = place.app.failed_steps(root.as_str()).await?;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    MENDED.store(true, Ordering::SeqCst);
    assert_eq!(place.app.retry_workflow_from(root.as_str(), "no such step").await?, []);
    let one = failed[0].id.as_str();
    let ids = place.app.retry_workflow_from(root.as_str(), one).await?;
    assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), [one]);
    let left = place.app.failed_steps(root.as_str()).await?;
    assert_eq!(left.iter().map(|step| &step.id).collect::<Vec<_>>(), [&failed[1].id]);
    assert_eq!(place.app.retry_workflow(root.as_str()).await?.len(), 1);
    assert_eq!(
        sent.get_within(PATIENCE).await.expect("results"),
        Value::from(vec![Value::Int(1), Value::Int(1)])
    );

    worker.stop().await?;
    place.app.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_workflow_goes_on_where_it_failed_on_redis() -> Result<(), Error> {
    let redis = RedisServer::start();
    a_failed_workflow_goes_on_where_it_failed(&redis.url(0), &redis.url(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_workflow_goes_on_where_it_failed_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder");
    a_failed_workflow_goes_on_where_it_failed(&file(&dir), &file(&dir)).await
}
