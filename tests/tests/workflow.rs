//! Whole workflows: cancelled by the id of their first task, and run again from the step that failed, by the
//! program and by the command line.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use taskq::core::config::Sources;
use taskq::{App, Error, Failure, Signature, TaskError, Value, WaitError, args, task};
use taskq_tests::{demo::Demo, redis_server::RedisServer};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};

const PATIENCE: Duration = Duration::from_secs(60);

/// How often a step ran that goes well.
static STEPS: AtomicUsize = AtomicUsize::new(0);
/// What fails at first was mended.
static MENDED: AtomicBool = AtomicBool::new(false);

#[task(name = "workflow.add")]
async fn add(x: i64, y: i64) -> i64 {
    STEPS.fetch_add(1, Ordering::SeqCst);
    x + y
}

#[task(name = "workflow.mended")]
async fn mended(x: i64) -> Result<i64, TaskError> {
    match MENDED.load(Ordering::SeqCst) {
        true => Ok(x),
        false => Err(Failure::new("ValueError", "not mended").into()),
    }
}

#[task(name = "workflow.total")]
async fn total(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn plus(y: i64) -> Signature {
    Signature::by_name("workflow.add", args![y])
}

fn value(of: i64) -> Signature {
    Signature::by_name("workflow.add", args![of, 0])
}

fn may_fail() -> Signature {
    Signature::by_name("workflow.mended", args![])
}

fn sum() -> Signature {
    Signature::by_name("workflow.total", args![])
}

/// A program on these services, and the command line in a folder with the same settings.
struct Place {
    app: App,
    demo: Demo,
}

impl Place {
    fn new(broker: &str, backend: &str) -> Result<Self, Error> {
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let settings = format!("broker_url = \"{broker}\"\nresult_backend = \"{backend}\"\n");
        std::fs::write(demo.dir().join("taskq.toml"), settings).expect("settings are written");
        let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
        Ok(Self { app: App::builder().sources(sources).build()?, demo })
    }

    async fn work(&self) -> Result<WorkerHandle, Error> {
        let mut worker = Worker::new(&self.app, &WorkerOptions::new().concurrency(4))?.start();
        worker.ready().await?;
        Ok(worker)
    }
}

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
    assert_eq!(place.app.retry_workflow(group).await?.len(), 1);
    assert_eq!(sent.get_within(PATIENCE).await.expect("a result"), Value::Int(6));

    worker.stop().await?;
    place.app.close().await
}

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

fn file(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}", dir.path().join("taskq.db").display())
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
