//! The ways to stop: warm, after the grace, cold, at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq_core::{args, codec::Value, task::TaskOptions};
use taskq_worker::{Worker, WorkerOptions};
use tokio::sync::Semaphore;

use crate::rig::{Builder, Rig, until};

/// `t.hold` counts its starts and ends when the gate is opened.
fn holding() -> (Builder, Arc<AtomicUsize>, Arc<Semaphore>) {
    let (starts, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, wait) = (Arc::clone(&starts), Arc::clone(&gate));
    let builder = Builder::new().task("t.hold", move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        let wait = Arc::clone(&wait);
        async move {
            wait.acquire().await.expect("open").forget();
            Ok(Value::Bool(true))
        }
    });
    (builder, starts, gate)
}

async fn in_queue(rig: &Rig) -> (u64, u64) {
    let stats = rig.stats().await;
    (stats.ready, stats.in_flight)
}

#[tokio::test]
async fn a_warm_stop_finishes_what_runs_and_gives_the_rest_back() {
    let (builder, starts, gate) = holding();
    let rig = builder.build();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(rig.send("t.hold", args![]).await);
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(1).prefetch_multiplier(4)).await;
    until("four are taken and one runs", async || {
        worker.stats().received == 4 && starts.load(Ordering::SeqCst) == 1
    })
    .await;
    let stopper = worker.stopper().clone();
    let stopping = tokio::spawn(worker.stop());
    until("those that wait are given back", async || in_queue(&rig).await == (4, 1)).await;
    assert!(!stopping.is_finished(), "the running one may finish");
    gate.add_permits(1);
    let report = stopping.await.unwrap().unwrap();
    assert!(!stopper.is_cold(), "nobody asked for more than a warm stop");
    assert_eq!((report.stats.succeeded, report.stats.given_back, report.left), (1, 3, 0));
    assert_eq!(rig.value(&ids[0]).await, Value::Bool(true));
    assert_eq!(in_queue(&rig).await, (4, 0));
    // In their old order.
    gate.add_permits(4);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let mut ends = Vec::new();
    for id in &ids[1..] {
        ends.push(rig.meta(id).await.date_done);
    }
    assert!(ends.is_sorted(), "{ends:?}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn after_the_grace_running_tasks_are_given_back() {
    let (builder, starts, _gate) = holding();
    let rig = builder.build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(2).grace(Duration::from_millis(50))).await;
    rig.send("t.hold", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.given_back, report.left), (1, 0));
    assert_eq!(in_queue(&rig).await, (1, 0));
}

#[tokio::test]
async fn the_second_word_gives_running_tasks_back() {
    let (builder, starts, _gate) = holding();
    let rig = builder.build();
    let mut worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    rig.send("t.hold", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    worker.stopper().escalate();
    worker.stopper().escalate();
    let report = worker.join().await.unwrap();
    assert_eq!((report.stats.given_back, report.left), (1, 0));
    assert_eq!(in_queue(&rig).await, (1, 0));
}

#[tokio::test]
async fn a_cold_stop_may_wait_a_little() {
    let (builder, starts, gate) = holding();
    let rig = builder.build();
    let mut worker =
        rig.worker(&WorkerOptions::new().concurrency(2).soft_shutdown(Duration::from_secs(20))).await;
    let id = rig.send("t.hold", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    worker.stopper().cold();
    gate.add_permits(1);
    let report = worker.join().await.unwrap();
    assert_eq!((report.stats.succeeded, report.stats.given_back), (1, 0));
    assert_eq!(rig.value(&id).await, Value::Bool(true));
}

#[tokio::test]
async fn a_blocking_task_that_does_not_listen_is_given_back_all_the_same() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let rig = Builder::new()
        .blocking("t.block", TaskOptions::DEFAULT, move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = gone.lock().unwrap().recv();
            Ok(Value::Null)
        })
        .build();
    let mut worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    let id = rig.send("t.block", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    worker.stopper().cold();
    let report = worker.join().await.unwrap();
    assert_eq!((report.stats.given_back, report.left), (1, 0));
    assert_eq!(in_queue(&rig).await, (1, 0));
    // What it returns later has no effect.
    drop(go);
    assert_eq!(rig.stored(&id).await, None);
}

#[tokio::test]
async fn an_early_acked_task_that_is_cut_off_fails_for_its_caller() {
    let early = TaskOptions { acks_late: Some(false), ..TaskOptions::DEFAULT };
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let rig = Builder::new()
        .task_with("t.early", early, move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .build();
    let mut worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    let id = rig.send("t.early", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    worker.stopper().cold();
    worker.join().await.unwrap();
    assert_eq!(rig.error(&id).await.exc_type, "WorkerLostError");
}

#[tokio::test]
async fn at_once_means_at_once() {
    let (builder, starts, _gate) = holding();
    let rig = builder.build();
    let mut worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    rig.send("t.hold", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    worker.stopper().now();
    let stopped = tokio::time::timeout(Duration::from_secs(5), worker.join()).await;
    assert!(stopped.expect("in time").is_ok());
}

#[tokio::test]
async fn an_idle_worker_stops_without_waiting() {
    let (rig, worker) = Builder::new().start().await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), worker.stop()).await;
    assert_eq!(stopped.expect("in time").unwrap().stats, taskq_worker::Stats::default());
    drop(rig);
}

#[tokio::test]
async fn a_broker_that_is_away_at_the_start_is_waited_for() {
    let mut builder = Builder::new();
    builder.away = 3;
    let (rig, worker) = builder.start().await;
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_gives_up_when_the_attempts_are_used_up_or_it_is_told_to_stop() {
    let mut builder = Builder::new().set(|settings| settings.broker_connection_max_retries = Some(1));
    builder.away = usize::MAX;
    let rig = builder.build();
    let mut worker = Worker::new(&rig.app, &WorkerOptions::new()).unwrap().start();
    assert!(worker.ready().await.unwrap_err().is_connection());

    let mut builder = Builder::new();
    builder.away = usize::MAX;
    let rig = builder.build();
    let worker = Worker::new(&rig.app, &WorkerOptions::new()).unwrap().start();
    let stopped = tokio::time::timeout(Duration::from_secs(10), worker.stop()).await;
    assert!(stopped.expect("in time").is_ok());
}
