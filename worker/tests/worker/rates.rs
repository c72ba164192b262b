//! Rate limits: exact for the task, harmless for the others.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use taskq_core::{
    args,
    codec::Value,
    task::{RateLimit, TaskOptions},
};
use taskq_worker::WorkerOptions;

use crate::rig::{Builder, until};

fn rate(per_second: f64) -> TaskOptions {
    TaskOptions {
        rate_limit: Some(RateLimit::new(per_second, Duration::from_secs(1))),
        ..TaskOptions::DEFAULT
    }
}

#[tokio::test]
async fn starts_keep_their_distance_and_all_come_to_their_turn() {
    let starts: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let note = Arc::clone(&starts);
    let rig = Builder::new()
        .task_with("t.limited", rate(20.0), move |_, _| {
            note.lock().unwrap().push(Instant::now());
            async { Ok(Value::Null) }
        })
        .build();
    // More than are held in the process: the rest goes round through the broker.
    for _ in 0..16 {
        rig.send("t.limited", args![]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    until("all have run", async || starts.lock().unwrap().len() == 16).await;
    let starts = starts.lock().unwrap().clone();
    let took = *starts.last().unwrap() - starts[0];
    assert!(took >= Duration::from_millis(15 * 50 - 20), "16 starts at 20/s took {took:?}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_over_its_rate_keeps_nobody_waiting() {
    let rig = Builder::new().task_with("t.limited", rate(0.01), |_, _| async { Ok(Value::Null) }).build();
    for _ in 0..50 {
        rig.send("t.limited", args![]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    until("the others wait in the broker", async || rig.stats().await.delayed == 49).await;
    assert_eq!(worker.stop().await.unwrap().stats.postponed, 49);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let rig = Builder::new()
        .set(|settings| settings.worker_disable_rate_limits = true)
        .task_with("t.limited", rate(0.01), |_, _| async { Ok(Value::Null) })
        .build();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(rig.send("t.limited", args![]).await);
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    for id in &ids {
        assert_eq!(rig.value(id).await, Value::Null);
    }
    worker.stop().await.unwrap();
}
