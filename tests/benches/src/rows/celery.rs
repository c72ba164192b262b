//! Celery on the same queue, where its Python is there.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::Bench;
use crate::measure::Contestant;
use crate::rig::{Results, Rig, STUCK};

const TASKS: usize = 10_000;
/// As Celery is run by most: prefork, a process for each core.
const POOL: [&str; 4] = ["--pool", "prefork", "--concurrency", "2"];
const LOOK: Duration = Duration::from_millis(20);

/// None when it was left out.
pub(super) fn contestant<'a>(bench: &'a Bench, url: &'a str) -> Option<Contestant<'a>> {
    let python = bench.python.as_deref()?;
    let tasks = bench.options.tasks(TASKS);
    Some(Contestant::new("Celery", move || drained(python, url, tasks)))
}

/// From its first task to its last: its start is not counted.
async fn drained(python: &Path, url: &str, tasks: usize) -> Result<f64> {
    let rig = Rig::new(url, Results::Off)?;
    rig.fill(tasks).await?;
    let mut worker = Command::new(python)
        .args(["-m", "celery", "--app", "bench_app", "worker", "--queues", &rig.queue])
        .args(POOL)
        .args(["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"])
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BENCH_BROKER_URL", url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("could not start Celery")?;
    let began = Instant::now();
    let mut first: Option<(Instant, u64)> = None;
    let rate = loop {
        let left = rig.stats().await?.ready;
        let now = Instant::now();
        match first {
            None if left < tasks as u64 => first = Some((now, left)),
            Some((since, then)) if left == 0 => {
                break then as f64 / now.duration_since(since).as_secs_f64();
            }
            _ if began.elapsed() > STUCK => bail!("Celery has left {left} after {STUCK:?}"),
            _ => {}
        }
        if let Some(status) = worker.try_wait()? {
            bail!("Celery ended with {status}");
        }
        tokio::time::sleep(LOOK).await;
    };
    worker.kill().await?;
    rig.close().await?;
    Ok(rate)
}
