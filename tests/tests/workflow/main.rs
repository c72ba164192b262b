//! Whole workflows, on Redis and on SQLite: run again from the step that failed, cancelled by the id of their first
//! task, groups kept and found again.

mod cancel;
mod group;
mod retry;
mod size;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use taskq::core::config::Sources;
use taskq::{App, Error, Failure, Signature, TaskError, args, task};
use taskq_tests::demo::Demo;
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

fn file(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}", dir.path().join("taskq.db").display())
}
