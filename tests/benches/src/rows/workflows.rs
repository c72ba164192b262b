//! Workflows, from sending to the last result, on one worker that was idle before.

use std::time::Instant;

use anyhow::{Result, ensure};
use taskq::worker::WorkerOptions;
use taskq::{Signature, args};

use super::Bench;
use crate::measure::{Contestant, take_turns};
use crate::rig::{Results, Rig, STUCK};
use crate::table::{Goal, Row, Unit};

/// Members of the chord.
const CHORD: i64 = 1_000;
/// Steps of the chain.
const CHAIN: i64 = 100;

fn call(task: &str, x: Option<i64>) -> Signature {
    Signature::by_name(task, x.map_or(args![], |x| args![x]))
}

async fn millis(url: &str, canvas: impl Fn() -> Signature, expected: i64) -> Result<f64> {
    let rig = Rig::new(url, Results::On)?;
    let worker = rig.worker(&WorkerOptions::new().concurrency(64)).await?;
    let began = Instant::now();
    let sent = rig.app.send_canvas(canvas()).await?;
    let value = sent.get_within(STUCK).await?;
    let took = began.elapsed();
    ensure!(value.as_i64() == Some(expected), "it gave {value:?} instead of {expected}");
    worker.stop().await?;
    rig.close().await?;
    Ok(took.as_secs_f64() * 1e3)
}

async fn row(
    bench: &Bench,
    work: String,
    canvas: impl Fn() -> Signature + Copy,
    expected: i64,
    most: f64,
) -> Result<Row> {
    let sqlite = bench.sqlite("canvas");
    let contestants = vec![
        Contestant::new("taskq", || millis(&bench.redis, canvas, expected)),
        Contestant::new("on SQLite", || millis(&sqlite, canvas, expected)),
        Contestant::new("in memory", || millis("memory://canvas", canvas, expected)),
    ];
    Ok(Row {
        work,
        unit: Unit::Millis,
        samples: take_turns(contestants, bench.options.runs).await?,
        goals: vec![Goal::Under(most)],
        floor: None,
    })
}

pub(super) async fn chord(bench: &Bench) -> Result<Row> {
    let chord =
        || Signature::chord((0..CHORD).map(|x| call("bench.next", Some(x))), call("bench.count", None));
    row(bench, format!("Redis, chord of {CHORD}"), chord, CHORD, 150.0).await
}

pub(super) async fn chain(bench: &Bench) -> Result<Row> {
    let chain = || Signature::chain((0..CHAIN).map(|at| call("bench.next", (at == 0).then_some(0))));
    row(bench, format!("Redis, chain of {CHAIN}"), chain, CHAIN, 60.0).await
}
