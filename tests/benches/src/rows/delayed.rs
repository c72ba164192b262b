//! A very long queue, and very many messages whose time has not come.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use taskq::prelude::ToSpan as _;

use super::Bench;
use crate::measure::{Contestant, take_turns};
use crate::process::WorkerProcess;
use crate::rig::{BULK, Results, Rig, STUCK};
use crate::table::{Goal, Row, Unit};
use crate::tasks::noop;

const QUEUED: usize = 1_000_000;
const DELAYED: usize = 100_000;
/// Part of the queue at whose speed the start and the end are judged.
const PART: f64 = 0.1;

/// How fast the first and the last part went, and the most memory the worker had.
#[derive(Debug, Clone, Copy)]
pub struct Drained {
    first: f64,
    last: f64,
    memory: f64,
}

/// Both rows look at the same run: it takes the longest of all.
async fn drained(bench: &Bench) -> Result<Drained> {
    bench.drained.get_or_try_init(|| drain(bench)).await.copied()
}

async fn drain(bench: &Bench) -> Result<Drained> {
    let tasks = bench.options.tasks(QUEUED);
    let rig = Rig::new(&bench.redis, Results::Off)?;
    for _ in 0..bench.options.tasks(DELAYED) / BULK {
        rig.app.delay_many((0..BULK).map(|_| noop.s().countdown(1.hour()))).await?;
    }
    rig.fill(tasks).await?;
    let worker = WorkerProcess::start(&bench.program, &rig, &["--concurrency", "64"]).await?;
    let began = Instant::now();
    let mut memory: f64 = 0.0;
    // When so many were left.
    let mut seen: Vec<(Instant, f64)> = Vec::new();
    loop {
        let left = rig.stats().await?.ready;
        seen.push((Instant::now(), left as f64));
        memory = memory.max(worker.rss()?);
        if left == 0 {
            break;
        }
        ensure!(began.elapsed() < STUCK, "{left} left after {STUCK:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.stop().await?;
    rig.purge().await?;
    rig.close().await?;
    let tasks = tasks as f64;
    let rate = |from: f64, to: f64| {
        let mut within = seen.iter().filter(|(_, left)| (to..=from).contains(left));
        let (first, last) = (within.next(), within.next_back());
        first.zip(last).map_or(f64::NAN, |(first, last)| {
            (first.1 - last.1) / last.0.duration_since(first.0).as_secs_f64()
        })
    };
    // The very first messages are taken while the worker still starts.
    Ok(Drained {
        first: rate(tasks * (1.0 - PART), tasks * (1.0 - 2.0 * PART)),
        last: rate(tasks * PART, 0.0),
        memory,
    })
}

pub(super) async fn rate(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move {
        let drained = drained(bench).await?;
        Ok(drained.last / drained.first)
    });
    Ok(Row {
        work: "Redis, 1,000,000 queued and 100,000 delayed: speed of the last tenth over the first"
            .to_owned(),
        unit: Unit::Share,
        samples: take_turns(vec![contestant], 1).await?,
        goals: vec![Goal::AtLeast(0.9)],
        floor: None,
    })
}

pub(super) async fn memory(bench: &Bench) -> Result<Row> {
    let contestant = Contestant::new("taskq", || async move { Ok(drained(bench).await?.memory) });
    Ok(Row {
        work: "the same, memory of the worker".to_owned(),
        unit: Unit::Megabytes,
        samples: take_turns(vec![contestant], 1).await?,
        goals: vec![Goal::Under(30.0)],
        floor: None,
    })
}
