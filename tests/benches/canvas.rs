//! Workflows, end to end, for every broker that counts chords: milliseconds from sending to the last result.
//!
//! A chord of 1,000 no-op tasks, and a chain of 100, on one worker that is idle before. Run it with
//! `cargo xtask bench --bench canvas -- [FILTER] [--runs N]`; Redis is the one of `TASKQ_TEST_REDIS_URL`.

use std::time::{Duration, Instant};

use taskq::{App, Error, Signature, args};
use taskq_worker::{Worker, WorkerOptions};

/// Each is run so often, unless `--runs` says otherwise; the median is printed.
const RUNS: usize = 9;
/// Members of the chord.
const CHORD: i64 = 1_000;
/// Steps of the chain.
const CHAIN: i64 = 100;
/// A workflow that takes longer has lost a step.
const STUCK: Duration = Duration::from_secs(120);

/// One more than the step before.
#[taskq::task(name = "bench.next")]
async fn next(x: i64) -> i64 {
    x + 1
}

#[taskq::task(name = "bench.count")]
async fn count(all: Vec<i64>) -> i64 {
    i64::try_from(all.len()).unwrap_or(i64::MAX)
}

fn main() -> Result<(), Error> {
    let mut filter = String::new();
    let mut runs = RUNS;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo's own
            "--runs" => runs = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(RUNS),
            other => filter = other.to_owned(),
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut brokers = vec![
        ("memory", "memory://canvas".to_owned()),
        ("sqlite", format!("sqlite:{}", folder.path().join("canvas.db").display())),
    ];
    match std::env::var("TASKQ_TEST_REDIS_URL") {
        Ok(url) => brokers.push(("redis", url)),
        Err(_) => eprintln!("redis: left out, TASKQ_TEST_REDIS_URL is not set"),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for (name, url) in brokers.iter().filter(|(name, _)| name.contains(&filter)) {
        runtime.block_on(measure(name, url, runs))?;
    }
    Ok(())
}

async fn measure(name: &str, url: &str, runs: usize) -> Result<(), Error> {
    let queue = format!("bench-{}", std::process::id());
    let app = App::builder()
        .set("broker_url", url)
        .set("result_backend", url)
        .set("task_default_queue", queue.as_str())
        .build()?;
    let mut worker = Worker::new(&app, &WorkerOptions::new().concurrency(64))?.start();
    worker.ready().await?;

    let call = |task: &str, x: Option<i64>| Signature::by_name(task, x.map_or(args![], |x| args![x]));
    let chord =
        || Signature::chord((0..CHORD).map(|x| call("bench.next", Some(x))), call("bench.count", None));
    let chain = || Signature::chain((0..CHAIN).map(|at| call("bench.next", (at == 0).then_some(0))));
    report(name, &format!("chord-{CHORD}"), &times(&app, chord, CHORD, runs).await?);
    report(name, &format!("chain-{CHAIN}"), &times(&app, chain, CHAIN, runs).await?);

    worker.stop().await?;
    app.close().await
}

/// How long each run took from sending to the last result, shortest first.
async fn times(
    app: &App,
    canvas: impl Fn() -> Signature,
    expected: i64,
    runs: usize,
) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let canvas = canvas();
        let start = Instant::now();
        let sent = app.send_canvas(canvas).await?;
        let value = sent.get_within(STUCK).await.unwrap_or_else(|error| panic!("no result: {error}"));
        times.push(start.elapsed());
        assert_eq!(value.as_i64(), Some(expected), "what the workflow gives");
    }
    times.sort();
    Ok(times)
}

fn report(name: &str, what: &str, times: &[Duration]) {
    let ms = |at: usize| times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    let last = times.len().saturating_sub(1);
    println!(
        "{name} {what} {:.1} ms (median of {}, {:.1} to {:.1})",
        ms(times.len() / 2),
        times.len(),
        ms(0),
        ms(last)
    );
}
