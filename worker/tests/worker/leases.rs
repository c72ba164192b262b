//! Leases: kept while a task lives, and what happens when one is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq_core::{args, backend::State, codec::Value};
use taskq_worker::WorkerOptions;

use crate::{
    rig::{Builder, until},
    trace::{Fault, Step},
};

#[tokio::test]
async fn a_task_longer_than_its_lease_runs_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let (rig, worker) = Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .task("t.long", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                Ok(Value::Null)
            }
        })
        .start()
        .await;
    let id = rig.send("t.long", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Null);
    rig.settled().await;
    let renewals = rig.trace.steps().iter().filter(|step| matches!(step, Step::Extended(_))).count();
    assert!(renewals >= 3, "{renewals} renewals");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    worker.stop().await.unwrap();
}

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_run_whose_lease_is_lost_is_dropped_without_effects() {
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let (rig, worker) = Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .task("t.long", move |_, _| {
            let guard = Dropped(Arc::clone(&flag));
            async move {
                let _guard = guard;
                std::future::pending().await
            }
        })
        .start()
        .await;
    rig.trace.on_extend.lock().unwrap().push_back(Fault::Lost);
    let id = rig.send("t.long", args![]).await;
    until("the run was dropped", async || dropped.load(Ordering::SeqCst)).await;
    until("it is counted", async || worker.stats().lost == 1).await;
    assert_eq!(rig.stored(&id).await, None);
    worker.stopper().now();
    let mut worker = worker;
    worker.join().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_was_cut_off_starts_nothing_on_leases_that_may_have_lapsed() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let rig = Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .task("t.first", |_, _| async {
            tokio::time::sleep(Duration::from_millis(1_150)).await;
            Ok(Value::Null)
        })
        .task("t.second", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_millis(600)).await;
                Ok(Value::Null)
            }
        })
        .build();
    // Longer than the lease: the second task waits in the worker while everybody may think that it is lost.
    rig.trace.on_extend.lock().unwrap().extend([Fault::Passing; 12]);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1).prefetch_multiplier(2)).await;
    rig.send("t.first", args![]).await;
    let second = rig.send("t.second", args![]).await;
    assert_eq!(rig.value(&second).await, Value::Null);
    rig.settled().await;
    worker.stop().await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1, "it ran where its lease was over, and once more");
}

#[tokio::test]
async fn a_lease_that_is_lost_at_the_settlement_is_told() {
    let (rig, worker) = Builder::new().start().await;
    rig.trace.on_settle.lock().unwrap().push_back(Fault::Lost);
    let id = rig.send("t.add", args![1, 2]).await;
    until("it is counted", async || worker.stats().lost == 1).await;
    // The result was stored before; the run elsewhere stores it again.
    assert_eq!(rig.stored(&id).await.map(|meta| meta.state), Some(State::Success));
    assert_eq!(worker.stats().succeeded, 0);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn renewals_that_fail_are_repeated() {
    let rig = Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .task("t.long", |_, _| async {
            tokio::time::sleep(Duration::from_millis(2_000)).await;
            Ok(Value::Null)
        })
        .build();
    rig.trace.on_extend.lock().unwrap().extend([Fault::Passing; 2]);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.long", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Null);
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.started, report.stats.lost), (1, 0));
}
