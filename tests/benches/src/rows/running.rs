//! Tasks that do something: wait for others, or compute.

use std::time::{Duration, Instant};

use anyhow::Result;
use taskq::worker::WorkerOptions;

use super::Bench;
use crate::ceiling::redis::{Keeping, drain};
use crate::measure::{Contestant, take_turns};
use crate::process::WorkerProcess;
use crate::rig::{BULK, Results, Rig, succeeded};
use crate::table::{Goal, Row, Unit};
use crate::tasks::{hash, hash_block, wait};

/// At the same time.
const WAITING: usize = 10_000;
/// Each waits so long.
const MILLIS: u64 = 20;
const TASKS: usize = 200_000;
/// Blocks that are hashed.
const BLOCKS: usize = 4_000;
const CORES: usize = 2;

async fn fill_waiting(rig: &Rig, tasks: usize) -> Result<()> {
    for _ in 0..tasks.div_ceil(BULK) {
        rig.app.delay_many((0..BULK).map(|_| wait.s(MILLIS))).await?;
    }
    Ok(())
}

/// Against the slower of what the waiting allows and what Redis allows.
pub(super) async fn waiting(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let url = bench.redis.as_str();
    let contestants = vec![
        Contestant::new("taskq", || async move {
            let rig = Rig::new(url, Results::Off)?;
            fill_waiting(&rig, tasks).await?;
            let rate = rig.drain(tasks, &WorkerOptions::new().concurrency(WAITING)).await?;
            rig.close().await?;
            Ok(rate)
        }),
        Contestant::new("ceiling", || async move {
            let rig = Rig::new(url, Results::Off)?;
            fill_waiting(&rig, tasks).await?;
            let redis = drain(url, &rig.queue, Keeping::Unacked, false).await?;
            rig.close().await?;
            Ok(redis.min(WAITING as f64 * 1e3 / MILLIS as f64))
        }),
    ];
    Ok(Row {
        work: format!("Redis, tasks that wait {MILLIS} ms, {WAITING} at a time"),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Times("ceiling", 0.95)],
        floor: None,
    })
}

/// Of a worker process that holds them all.
pub(super) async fn waiting_memory(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let contestant = Contestant::new("taskq", || async move {
        let rig = Rig::new(&bench.redis, Results::Off)?;
        fill_waiting(&rig, tasks).await?;
        let slots = WAITING.to_string();
        let worker = WorkerProcess::start(&bench.program, &rig, &["--concurrency", &slots]).await?;
        let mut most: f64 = 0.0;
        loop {
            most = most.max(worker.rss()?);
            let stats = rig.stats().await?;
            if stats.ready == 0 && stats.in_flight == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        worker.stop().await?;
        rig.close().await?;
        Ok(most)
    });
    Ok(Row {
        work: format!("the same, memory of the worker process ({WAITING} at a time)"),
        unit: Unit::Megabytes,
        samples: take_turns(vec![contestant], bench.options.runs).await?,
        goals: vec![Goal::Under(100.0)],
        floor: None,
    })
}

/// Against a loop on as many threads.
pub(super) async fn computing(bench: &Bench) -> Result<Row> {
    let blocks = (BLOCKS / bench.options.shrink as usize).next_multiple_of(CORES);
    let contestants = vec![
        Contestant::new("taskq", || async move {
            let rig = Rig::new(&bench.redis, Results::Off)?;
            rig.app.delay_many((0..blocks).map(|at| hash.s(at as u8))).await?;
            let began = Instant::now();
            let worker = rig.worker(&WorkerOptions::new().concurrency(CORES)).await?;
            succeeded(&worker, blocks).await?;
            let rate = blocks as f64 / began.elapsed().as_secs_f64();
            worker.stop().await?;
            rig.close().await?;
            Ok(rate)
        }),
        Contestant::new("bare loop", || async move {
            let began = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..CORES {
                    scope.spawn(|| {
                        for at in 0..blocks / CORES {
                            std::hint::black_box(hash_block(at as u8));
                        }
                    });
                }
            });
            Ok(blocks as f64 / began.elapsed().as_secs_f64())
        }),
    ];
    Ok(Row {
        work: format!("tasks that compute (SHA-256 of 1 MiB), {CORES} at a time"),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Times("bare loop", 0.97)],
        floor: Some(Goal::Times("bare loop", 0.5)),
    })
}
