//! A worker's memory does not grow with what it has done, nor with what waits.
//!
//! `TASKQ_TEST_MEMORY=full` does it with 1,000,000 tasks, of which 900,000 are queued at once, and 100,000 delayed;
//! otherwise a fiftieth of that.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use serde_json::json;
use taskq::core::config::Sources;
use taskq::{App, Error, task};
use taskq_core::broker::QueueStats;
use taskq_tests::node::Node;
use taskq_tests::process::Running;
use taskq_tests::redis_server::RedisServer;
use tokio::time::sleep;

const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
/// Sent by one call.
const BATCH: usize = 5_000;
/// A full run on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(900);
/// What an allocator may keep beside, in KiB: the smaller the worker, the more a tenth of it is noise.
const NOISE: u64 = 2 * 1024;

#[task(name = "conf_tasks.add_ignore_result", ignore_result)]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[tokio::test]
async fn a_worker_is_no_larger_after_ten_times_the_tasks() -> Result<(), Error> {
    let full = env::var("TASKQ_TEST_MEMORY").is_ok_and(|text| text == "full");
    let (first, all, delayed) = if full { (100_000, 1_000_000, 100_000) } else { (2_000, 20_000, 2_000) };
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let sources = Sources::none().set("broker_url", redis.url(0)).set("result_backend", "disabled://");
    let app = App::builder().sources(sources).build()?;
    let node = Node::new("w@memory", &redis.url(0), "", &redis.url(1), logs.path())
        .conf(json!({"task_acks_late": true}));
    let worker = node.start_rust(WORKER);

    send(&app, first, None).await?;
    let (after_first, _) = drained(&app, &worker, 0).await?;
    // All at once: what waits is in the broker.
    send(&app, all - first, None).await?;
    let (after_all, most) = drained(&app, &worker, 0).await?;
    send(&app, delayed, Some(Duration::from_secs(3_600))).await?;
    let (with_delayed, _) = drained(&app, &worker, delayed as u64).await?;
    println!(
        "resident: {after_first} KiB after {first} tasks, {after_all} KiB after {all}, {most} KiB at most with \
         {} queued, {with_delayed} KiB with {delayed} delayed",
        all - first
    );
    let bound = after_first + after_first / 10 + NOISE;
    for (what, resident) in [("after all", after_all), ("at most", most), ("with delayed ones", with_delayed)]
    {
        assert!(resident <= bound, "{what}: {resident} KiB, {after_first} KiB after the first {first} tasks");
    }
    app.close().await
}

async fn send(app: &App, count: usize, delay: Option<Duration>) -> Result<(), Error> {
    for from in (0..count).step_by(BATCH) {
        let calls = (from..(from + BATCH).min(count)).map(|number| {
            let with = add.with().app(app).timeout(Duration::from_secs(60));
            let with = match delay {
                Some(delay) => with.countdown(delay),
                None => with,
            };
            with.delay(number as i64, 1)
        });
        app.delay_many(calls).await?;
    }
    Ok(())
}

/// Waits until nothing is in the queue but so many delayed ones; answers what is resident then, and the most that
/// was on the way, in KiB.
async fn drained(app: &App, worker: &Running, delayed: u64) -> Result<(u64, u64), Error> {
    let (began, mut most) = (Instant::now(), 0);
    let admin = app.broker().await?.admin().expect("a broker that can be looked into");
    loop {
        let stats = admin.stats(&["celery".to_owned()]).await?;
        let sum = |of: fn(&QueueStats) -> u64| stats.iter().map(of).sum::<u64>();
        most = most.max(resident(worker));
        if sum(|queue| queue.ready + queue.in_flight) == 0 && sum(|queue| queue.delayed) == delayed {
            // What is freed late.
            sleep(Duration::from_millis(300)).await;
            return Ok((resident(worker), most));
        }
        assert!(began.elapsed() < PATIENCE, "the queue is not worked off: {stats:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Resident memory in KiB.
fn resident(worker: &Running) -> u64 {
    let path = format!("/proc/{}/status", worker.id());
    let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("could not read `{path}`: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line `VmRSS`");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
