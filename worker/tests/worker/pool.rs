//! Slots: never more runs than there are, whatever their kind; never more deliveries than may be held.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq_core::{args, codec::Value, task::TaskOptions};
use taskq_worker::WorkerOptions;

use crate::rig::{Builder, until};

#[derive(Default)]
struct Level {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Level {
    fn up(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn down(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn mixed(slots: usize) -> usize {
    let level = Arc::new(Level::default());
    let (on_runtime, on_threads) = (Arc::clone(&level), Arc::clone(&level));
    let rig = Builder::new()
        .task("t.async", move |_, _| {
            let level = Arc::clone(&on_runtime);
            async move {
                level.up();
                tokio::time::sleep(Duration::from_millis(3)).await;
                level.down();
                Ok(Value::Null)
            }
        })
        .blocking("t.block", TaskOptions::DEFAULT, move |_, _| {
            on_threads.up();
            std::thread::sleep(Duration::from_millis(3));
            on_threads.down();
            Ok(Value::Null)
        })
        .build();
    let mut ids = Vec::new();
    for n in 0..60 {
        let task = if n % 3 == 0 { "t.async" } else { "t.block" };
        ids.push(rig.send(task, args![]).await);
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(slots).prefetch_multiplier(4)).await;
    for id in &ids {
        assert_eq!(rig.value(id).await, Value::Null);
    }
    assert!(*rig.trace.asked.lock().unwrap() <= slots * 4, "no more than the prefetch");
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.succeeded, report.left), (60, 0));
    level.most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn one_slot_runs_one_task_at_a_time() {
    assert_eq!(mixed(1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_shared_by_both_kinds_and_all_used() {
    assert_eq!(mixed(5).await, 5);
}

#[tokio::test]
async fn tasks_that_never_wait_do_not_starve_the_worker() {
    let rig = Builder::new().build();
    for n in 0..2_000 {
        rig.send("t.add", args![n, 1]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(8)).await;
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 2_000);
}

#[tokio::test]
async fn without_prefetch_only_free_slots_take_messages() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let early = TaskOptions { acks_late: Some(false), ..TaskOptions::DEFAULT };
    let rig = Builder::new()
        .set(|settings| settings.worker_disable_prefetch = true)
        .task_with("t.hold", early, move |_, _| {
            let wait = Arc::clone(&wait);
            async move {
                wait.acquire().await.expect("open").forget();
                Ok(Value::Null)
            }
        })
        .build();
    for _ in 0..5 {
        rig.send("t.hold", args![]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    until("two run, acknowledged", async || {
        let stats = rig.stats().await;
        worker.stats().started == 2 && stats.in_flight == 0
    })
    .await;
    assert_eq!((worker.stats().received, rig.stats().await.ready), (2, 3));
    gate.add_permits(5);
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_between_the_kinds() {
    let rig = Builder::new()
        .task("t.async", |_, args| async move {
            if args[0].as_i64().is_some_and(|n| n % 7 == 0) {
                tokio::task::yield_now().await;
            }
            Ok(Value::Null)
        })
        .blocking("t.block", TaskOptions::DEFAULT, |_, _| Ok(Value::Null))
        .build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(3)).await;
    for n in 0..2_000 {
        // Runs of one kind of any length, while the worker runs dry again and again.
        let task = if (n * n / 3) % 5 < 2 { "t.async" } else { "t.block" };
        rig.send(task, args![n]).await;
    }
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 2_000);
}
