//! What a worker costs that has nothing to do, and how big the program is.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::future::ready;

use super::Bench;
use crate::measure::{Contestant, take_turns};
use crate::process::WorkerProcess;
use crate::rig::{Results, Rig};
use crate::table::{Goal, Row, Unit};

/// After its start it has settled down.
const SETTLED: Duration = Duration::from_secs(2);
/// Looked at for so long.
const WATCHED: Duration = Duration::from_secs(10);

async fn started(bench: &Bench) -> Result<(Rig, WorkerProcess)> {
    let rig = Rig::new(&bench.redis, Results::Off)?;
    let worker = WorkerProcess::start(&bench.program, &rig, &[]).await?;
    Ok((rig, worker))
}

async fn idle(bench: &Bench) -> Result<(Rig, WorkerProcess)> {
    let worker = started(bench).await?;
    tokio::time::sleep(SETTLED).await;
    Ok(worker)
}

async fn end(rig: Rig, worker: WorkerProcess) -> Result<()> {
    worker.stop().await?;
    rig.close().await
}

async fn row(bench: &Bench, work: &str, unit: Unit, contestant: Contestant<'_>, most: f64) -> Result<Row> {
    Ok(Row {
        work: work.to_owned(),
        unit,
        samples: take_turns(vec![contestant], bench.options.runs).await?,
        goals: vec![Goal::Under(most)],
        floor: None,
    })
}

pub(super) async fn memory(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let (rig, worker) = idle(bench).await?;
        let rss = worker.rss()?;
        end(rig, worker).await?;
        Ok(rss)
    });
    row(bench, "idle worker: memory", Unit::Megabytes, contestant, 10.0).await
}

pub(super) async fn cpu(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let (rig, worker) = idle(bench).await?;
        let before = worker.cpu()?;
        tokio::time::sleep(WATCHED).await;
        let spent = worker.cpu()? - before;
        end(rig, worker).await?;
        Ok(spent.as_secs_f64() / WATCHED.as_secs_f64() * 100.0)
    });
    row(bench, "idle worker: processor time", Unit::Percent, contestant, 0.1).await
}

pub(super) async fn commands(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let (rig, worker) = idle(bench).await?;
        let count = watched(&bench.redis).await?;
        end(rig, worker).await?;
        Ok(count as f64 / WATCHED.as_secs_f64())
    });
    row(bench, "idle worker: Redis commands a second", Unit::Count, contestant, 3.0).await
}

/// Commands that clients send while the server is watched; not what scripts call.
async fn watched(url: &str) -> Result<usize> {
    let monitor = redis::Client::open(url)?.get_async_monitor().await?;
    let commands = monitor.into_on_message::<String>().filter(|line| ready(!line.contains(" lua] ")));
    Ok(commands.take_until(tokio::time::sleep(WATCHED)).count().await)
}

pub(super) async fn start(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let (rig, worker) = started(bench).await?;
        let millis = worker.ready_after.as_secs_f64() * 1e3;
        end(rig, worker).await?;
        Ok(millis)
    });
    row(bench, "worker: from the start of the process to ready", Unit::Millis, contestant, 20.0).await
}

pub(super) async fn binary(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let stripped = bench.folder.join("stripped");
        let status = Command::new("strip").arg("-o").arg(&stripped).arg(&bench.program).status();
        ensure!(status.context("could not run `strip` (binutils)")?.success(), "`strip` failed");
        Ok(std::fs::metadata(&stripped)?.len() as f64 / 1e6)
    });
    row(bench, "the program, stripped, with all brokers and the board", Unit::Megabytes, contestant, 20.0)
        .await
}
