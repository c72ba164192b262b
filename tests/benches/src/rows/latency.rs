//! How soon a task runs on a system that has nothing else to do.
//!
//! The worker is a process of its own; the time is from the call to the first line of the task.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Bench;
use crate::ceiling::latency as ceiling;
use crate::measure::{Contestant, take_turns};
use crate::process::{WorkerProcess, monotonic};
use crate::rig::{Results, Rig};
use crate::table::{Goal, Row, Unit};
use crate::tasks::stamp;

/// Calls a run, one after the other.
const CALLS: usize = 500;
/// Before each, so that the worker is idle again.
const PAUSE: Duration = Duration::from_millis(5);

/// Which broker.
#[derive(Debug, Clone, Copy)]
pub(super) enum On {
    /// Redis.
    Redis,
    /// RabbitMQ.
    Amqp,
    /// A file, between processes.
    Sqlite,
}

impl On {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Amqp => "RabbitMQ",
            Self::Sqlite => "SQLite, across processes",
        }
    }

    /// In milliseconds.
    fn goal(self, quantile: f64) -> f64 {
        match self {
            Self::Sqlite => 3.0,
            _ if quantile > 0.9 => 1.0,
            _ => 0.4,
        }
    }
}

pub(super) async fn row(bench: &Bench, on: On, quantile: f64) -> Result<Row> {
    let url = match on {
        On::Redis => bench.redis.clone(),
        On::Amqp => bench.amqp.clone(),
        On::Sqlite => bench.sqlite("latency"),
    };
    let url = url.as_str();
    let calls = (CALLS / bench.options.shrink as usize).max(50);
    let mut contestants =
        vec![Contestant::new("taskq", || async move { Ok(at(quantile, taskq(bench, url, calls).await?)) })];
    if !matches!(on, On::Sqlite) {
        contestants.push(Contestant::new("ceiling", || async move {
            let rig = Rig::new(url, Results::Off)?;
            stamp.s().app(&rig.app).await?;
            let latencies = match on {
                On::Amqp => ceiling::amqp(url, &rig.queue, calls, PAUSE).await?,
                _ => ceiling::redis(url, &rig.queue, calls, PAUSE).await?,
            };
            rig.close().await?;
            Ok(at(quantile, latencies))
        }));
    }
    Ok(Row {
        work: format!("{}, idle, from the call to the start: p{:.0}", on.name(), quantile * 100.0),
        unit: Unit::Millis,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Under(on.goal(quantile))],
        floor: None,
    })
}

async fn taskq(bench: &Bench, url: &str, calls: usize) -> Result<Vec<f64>> {
    let rig = Rig::new(url, Results::Off)?;
    let mut worker = WorkerProcess::start(&bench.program, &rig, &["--concurrency", "4"]).await?;
    let mut latencies = Vec::with_capacity(calls);
    for _ in 0..calls {
        tokio::time::sleep(PAUSE).await;
        let sent = monotonic();
        stamp.s().app(&rig.app).await?;
        let started: i64 = worker.stdout.next_line().await?.context("the worker has ended")?.parse()?;
        latencies.push((started - sent) as f64 / 1e6);
    }
    worker.stop().await?;
    rig.close().await?;
    Ok(latencies)
}

fn at(quantile: f64, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() - 1) as f64 * quantile).round() as usize;
    values[index]
}
