//! Tasks per second, end to end, for every broker: one number per line.
//!
//! For each broker, with results off and on: how fast one process publishes no-op tasks in bulk, and how fast
//! one worker takes, runs and settles them (the queue is full before it starts). Run it with
//! `cargo xtask bench --bench throughput -- [FILTER] [--tasks N]`; Redis is the one of `TASKQ_TEST_REDIS_URL`,
//! RabbitMQ that of `TASKQ_TEST_AMQP_URL`, with results by `rpc://` to the process itself. What is published to
//! RabbitMQ is confirmed.

use std::time::{Duration, Instant};

use taskq::{App, Error, task};
use taskq_worker::{Worker, WorkerOptions};

/// Tasks per scenario, unless `--tasks` says otherwise: a few seconds for the slowest.
const TASKS: usize = 100_000;
/// Published per call of `delay_many`.
const BULK: usize = 1_000;
/// A scenario that takes longer has lost tasks.
const STUCK: Duration = Duration::from_secs(300);

#[task(name = "bench.noop")]
async fn noop() {}

struct Scenario {
    name: String,
    kind: &'static str,
    broker: String,
    results: bool,
}

fn main() -> Result<(), Error> {
    let mut filter = String::new();
    let mut tasks = TASKS;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's own
            "--tasks" => tasks = args.next().and_then(|n| n.parse().ok()).unwrap_or(TASKS),
            other => filter = other.to_owned(),
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for scenario in scenarios(&folder) {
        if scenario.name.contains(&filter) {
            runtime.block_on(run(&scenario, tasks))?;
        }
    }
    Ok(())
}

fn scenarios(folder: &tempfile::TempDir) -> Vec<Scenario> {
    let mut brokers = vec![("memory", "memory://bench".to_owned())];
    for results in ["off", "on"] {
        let file = folder.path().join(format!("{results}.db"));
        brokers.push(("sqlite", format!("sqlite:{}", file.display())));
    }
    match std::env::var("TASKQ_TEST_REDIS_URL") {
        Ok(url) => brokers.push(("redis", url)),
        Err(_) => eprintln!("redis: left out, TASKQ_TEST_REDIS_URL is not set"),
    }
    match std::env::var("TASKQ_TEST_AMQP_URL") {
        Ok(url) => brokers.extend([("amqp-classic", url.clone()), ("amqp-quorum", url)]),
        Err(_) => eprintln!("amqp: left out, TASKQ_TEST_AMQP_URL is not set"),
    }
    let mut scenarios = Vec::new();
    for (kind, broker) in brokers {
        for results in [false, true] {
            // One database file per scenario, so that none inherits the size of another.
            if kind == "sqlite" && broker.ends_with("off.db") == results {
                continue;
            }
            let name = format!("{kind} results-{}", if results { "on" } else { "off" });
            scenarios.push(Scenario { name, kind, broker: broker.clone(), results });
        }
    }
    scenarios
}

async fn run(scenario: &Scenario, tasks: usize) -> Result<(), Error> {
    let queue = format!("bench-{}-{}", scenario.kind, std::process::id());
    let mut app = App::builder()
        .set("broker_url", scenario.broker.as_str())
        .set("task_default_queue", queue.as_str())
        .set("task_ignore_result", !scenario.results);
    if let Some(kind) = scenario.kind.strip_prefix("amqp-") {
        app = app.set("task_default_queue_type", kind).set("result_backend", "rpc://");
    }
    let app = app.build()?;

    let start = Instant::now();
    for _ in 0..tasks.div_ceil(BULK) {
        app.delay_many((0..BULK).map(|_| noop.s())).await?;
    }
    let published = tasks.div_ceil(BULK) * BULK;
    report(&scenario.name, "publish-bulk", published, start.elapsed());

    let start = Instant::now();
    let mut worker = Worker::new(&app, &WorkerOptions::new().concurrency(64))?.start();
    worker.ready().await?;
    while (worker.stats().succeeded as usize) < published {
        assert!(start.elapsed() < STUCK, "{}: {:?} after {STUCK:?}", scenario.name, worker.stats());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    report(&scenario.name, "work", published, start.elapsed());
    worker.stop().await?;
    app.close().await
}

fn report(name: &str, what: &str, tasks: usize, took: Duration) {
    println!("{name} {what} {:.0} tasks/s", tasks as f64 / took.as_secs_f64());
}
