//! Publishing from one process.

use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;

use super::Bench;
use crate::measure::{Contestant, take_turns};
use crate::rig::{Results, Rig};
use crate::table::{Goal, Row, Unit};
use crate::tasks::noop;

const TASKS: usize = 200_000;
/// Callers that each wait for their message to be accepted before they send the next.
const CALLERS: usize = 64;

pub(super) async fn bulk(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS);
    let contestant = Contestant::new("taskq", || async move {
        let rig = Rig::new(&bench.redis, Results::Off)?;
        let began = Instant::now();
        rig.fill(tasks).await?;
        let rate = tasks as f64 / began.elapsed().as_secs_f64();
        rig.purge().await?;
        rig.close().await?;
        Ok(rate)
    });
    Ok(Row {
        work: "Redis, one producer, in bulk".to_owned(),
        unit: Unit::PerSecond,
        samples: take_turns(vec![contestant], bench.options.runs).await?,
        goals: vec![Goal::AtLeast(100_000.0)],
        floor: None,
    })
}

pub(super) async fn concurrent(bench: &Bench) -> Result<Row> {
    let tasks = bench.options.tasks(TASKS) / CALLERS * CALLERS;
    let contestant = Contestant::new("taskq", || async move {
        let rig = Rig::new(&bench.redis, Results::Off)?;
        let began = Instant::now();
        try_join_all((0..CALLERS).map(|_| {
            let app = rig.app.clone();
            tokio::spawn(async move {
                for _ in 0..tasks / CALLERS {
                    noop.s().app(&app).await?;
                }
                anyhow::Ok(())
            })
        }))
        .await?
        .into_iter()
        .collect::<Result<()>>()?;
        let rate = tasks as f64 / began.elapsed().as_secs_f64();
        rig.purge().await?;
        rig.close().await?;
        Ok(rate)
    });
    Ok(Row {
        work: format!("Redis, one producer, {CALLERS} concurrent `.delay().await`"),
        unit: Unit::PerSecond,
        samples: take_turns(vec![contestant], bench.options.runs).await?,
        goals: vec![Goal::AtLeast(40_000.0)],
        floor: None,
    })
}
