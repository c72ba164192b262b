//! No-op tasks: a full queue, and one worker that empties it.

use std::time::{Duration, Instant};

use anyhow::Result;
use taskq::worker::WorkerOptions;

use super::{Bench, celery};
use crate::ceiling::redis::Keeping;
use crate::ceiling::{amqp as amqp_ceiling, redis as redis_ceiling};
use crate::measure::{Contestant, take_turns};
use crate::process::WorkerProcess;
use crate::rig::{Results, Rig, STUCK};
use crate::table::{Goal, Row, Unit};

const TASKS: usize = 200_000;
const SLOTS: usize = 64;

fn options() -> WorkerOptions {
    WorkerOptions::new().concurrency(SLOTS)
}

/// Fills a queue and lets a worker of this process drain it.
async fn drained(url: &str, results: Results, more: &[(&'static str, &str)], tasks: usize) -> Result<f64> {
    let rig = Rig::with(url, results, more)?;
    match results {
        Results::Off => rig.fill(tasks).await?,
        Results::On => rig.fill_echo(tasks).await?,
    }
    let rate = rig.drain(tasks, &options()).await?;
    rig.close().await?;
    Ok(rate)
}

/// The same messages, drained by Redis commands alone.
async fn redis_limit(url: &str, keeping: Keeping, results: bool, tasks: usize) -> Result<f64> {
    let rig = Rig::new(url, Results::Off)?;
    rig.fill(tasks).await?;
    let rate = redis_ceiling::drain(url, &rig.queue, keeping, results).await?;
    rig.close().await?;
    Ok(rate)
}

pub(super) async fn redis(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let url = bench.redis.as_str();
    let mut contestants = vec![
        Contestant::new("taskq", || drained(url, Results::Off, &[], tasks)),
        Contestant::new("`unacked` ceiling", || redis_limit(url, Keeping::Unacked, false, tasks)),
        Contestant::new("LMOVE ceiling", || redis_limit(url, Keeping::List, false, tasks)),
    ];
    contestants.extend(celery::contestant(bench, url));
    Ok(Row {
        work: "Redis, no-op, results off".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![
            Goal::Times("`unacked` ceiling", 1.0),
            Goal::Times("LMOVE ceiling", 0.35),
            Goal::Times("Celery", 45.0),
        ],
        floor: Some(Goal::Times("LMOVE ceiling", 0.01)),
    })
}

pub(super) async fn redis_results(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let url = bench.redis.as_str();
    let contestants = vec![
        Contestant::new("taskq", || drained(url, Results::On, &[], tasks)),
        Contestant::new("ceiling", || redis_limit(url, Keeping::Unacked, true, tasks)),
    ];
    Ok(Row {
        work: "Redis, results stored and announced".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Times("ceiling", 0.7)],
        floor: Some(Goal::Times("ceiling", 0.03)),
    })
}

pub(super) async fn amqp(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS / 2);
    let url = bench.amqp.as_str();
    let mut contestants = vec![
        Contestant::new("taskq", || drained(url, Results::Off, &[], tasks)),
        Contestant::new("ceiling", || async move {
            let rig = Rig::new(url, Results::Off)?;
            rig.fill(tasks).await?;
            let rate = amqp_ceiling::drain(url, &rig.queue, tasks).await?;
            rig.close().await?;
            Ok(rate)
        }),
    ];
    contestants.extend(celery::contestant(bench, url));
    Ok(Row {
        work: "RabbitMQ, no-op, late acknowledgement".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Times("ceiling", 0.8)],
        floor: Some(Goal::Times("ceiling", 0.03)),
    })
}

pub(super) async fn sqlite(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let url = bench.sqlite("noop");
    let url = url.as_str();
    let contestants = vec![Contestant::new("taskq", || drained(url, Results::Off, &[], tasks))];
    Ok(Row {
        work: "SQLite, no-op, durable".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::AtLeast(60_000.0)],
        // Unoptimised, on a busy machine, and still more than one transaction for each step of a task.
        floor: Some(Goal::AtLeast(200.0)),
    })
}

/// Worker processes on one file; tasks a second until the queue is empty.
async fn by_processes(bench: &Bench, url: &str, processes: usize, tasks: usize) -> Result<f64> {
    let rig = Rig::new(url, Results::Off)?;
    let slots = SLOTS.to_string();
    rig.fill(tasks).await?;
    let began = Instant::now();
    let mut workers = Vec::new();
    for number in 0..processes {
        let name = format!("{number}@bench");
        workers.push(
            WorkerProcess::start(&bench.program, &rig, &["--concurrency", &slots, "--hostname", &name])
                .await?,
        );
    }
    loop {
        let stats = rig.stats().await?;
        if stats.ready == 0 && stats.in_flight == 0 {
            break;
        }
        anyhow::ensure!(began.elapsed() < STUCK, "{stats:?} after {STUCK:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    for worker in workers {
        worker.stop().await?;
    }
    rig.close().await?;
    Ok(tasks as f64 / took.as_secs_f64())
}

pub(super) async fn sqlite_two(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let url = bench.sqlite("two");
    let url = url.as_str();
    let contestants = vec![
        Contestant::new("taskq", || by_processes(bench, url, 2, tasks)),
        Contestant::new("one process", || by_processes(bench, url, 1, tasks)),
    ];
    Ok(Row {
        work: "SQLite, no-op, two worker processes on one file".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Times("one process", 1.0)],
        floor: None,
    })
}
