//! What is taken ahead: much of short tasks, nothing of long ones, and not more than so many bytes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use taskq_core::{args, codec::Value, config::PrefetchKind, task::TaskOptions};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};
use tokio::sync::Semaphore;

use crate::rig::{Builder, Rig, until};

/// An app with `t.long`, which runs until the gate lets it go.
fn long() -> (Builder, Arc<AtomicUsize>, Arc<Semaphore>) {
    let (starts, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, wait) = (Arc::clone(&starts), Arc::clone(&gate));
    let builder = adaptive().task("t.long", move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        let wait = Arc::clone(&wait);
        async move {
            wait.acquire().await.expect("open").forget();
            Ok(Value::Null)
        }
    });
    (builder, starts, gate)
}

fn adaptive() -> Builder {
    Builder::new().set(|settings| settings.worker_prefetch = Some(PrefetchKind::Adaptive))
}

async fn named(rig: &Rig, name: &str) -> WorkerHandle {
    let options = WorkerOptions::new().concurrency(1).hostname(name);
    let mut worker = Worker::new(&rig.app, &options).expect("a worker").start();
    worker.ready().await.expect("a worker that starts");
    worker
}

#[tokio::test]
async fn long_tasks_are_left_to_other_workers() {
    let (builder, starts, gate) = long();
    let rig = builder.build();
    for _ in 0..3 {
        rig.send("t.long", args![]).await;
    }
    let first = named(&rig, "first@test").await;
    until("one runs", async || starts.load(Ordering::SeqCst) == 1).await;
    let second = named(&rig, "second@test").await;
    until("two run", async || starts.load(Ordering::SeqCst) == 2).await;
    assert_eq!((first.stats().received, second.stats().received, rig.stats().await.ready), (1, 1, 1));
    gate.add_permits(3);
    rig.settled().await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn long_tasks_that_were_taken_as_if_they_were_short_go_back_to_other_workers() {
    let (builder, starts, gate) = long();
    let rig = builder.build();
    for n in 0..500 {
        rig.send("t.add", args![n, 1]).await;
    }
    for _ in 0..8 {
        rig.send("t.long", args![]).await;
    }
    let first = named(&rig, "first@test").await;
    until("one runs", async || starts.load(Ordering::SeqCst) == 1).await;
    until("the others are back", async || {
        let stats = rig.stats().await;
        (stats.ready, stats.in_flight) == (7, 1)
    })
    .await;
    let second = named(&rig, "second@test").await;
    until("another worker runs one", async || starts.load(Ordering::SeqCst) == 2).await;
    gate.add_permits(8);
    rig.settled().await;
    let (first, second) = (first.stop().await.unwrap(), second.stop().await.unwrap());
    assert_eq!(first.stats.succeeded + second.stats.succeeded, 508);
    assert_eq!(first.stats.dead + second.stats.dead, 0);
}

#[tokio::test]
async fn short_tasks_are_taken_many_at_once() {
    let rig = Builder::new().build(); // by default
    for n in 0..3_000 {
        rig.send("t.add", args![n, 1]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 3_000);
    let most = *rig.trace.asked.lock().unwrap();
    assert!(most >= 64, "at most {most} were asked for");
}

#[tokio::test]
async fn a_number_of_messages_for_each_slot_is_kept_to() {
    let ways = [
        (Some(PrefetchKind::Slots), None, 2),
        (Some(PrefetchKind::Slots), Some(3), 2),
        (Some(PrefetchKind::Multiplier), None, 8),
        (Some(PrefetchKind::Multiplier), Some(3), 6),
        (None, Some(3), 6),
    ];
    for (kind, each, most) in ways {
        let rig = Builder::new()
            .set(|settings| {
                settings.worker_prefetch = kind;
                settings.worker_prefetch_multiplier = each;
            })
            .build();
        for n in 0..300 {
            rig.send("t.add", args![n, 1]).await;
        }
        let worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
        rig.settled().await;
        worker.stop().await.unwrap();
        assert_eq!(*rig.trace.asked.lock().unwrap(), most, "{kind:?}, {each:?}");
    }
}

#[tokio::test]
async fn large_messages_stay_within_the_bound_on_bytes() {
    const MESSAGES: u64 = 100;
    const BOUND: u64 = 8;
    let (builder, starts, gate) = long();
    let rig = builder.set(|settings| settings.worker_prefetch_bytes = BOUND << 20).build();
    let large = "x".repeat((1 << 20) - 200);
    for _ in 0..MESSAGES {
        rig.send("t.long", args![large.as_str()]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(2).prefetch_multiplier(0)).await;
    // Two run; the rest of what is held waits, and is counted. One more may have ended, and is about to be settled.
    until("as many wait as may", async || rig.stats().await.in_flight == BOUND + 2).await;
    for left in (0..MESSAGES).rev() {
        let ran = MESSAGES - left;
        gate.add_permits(1);
        until("the next has ended", async || {
            let stats = rig.stats().await;
            assert!(stats.in_flight <= BOUND + 3, "{} MiB are held", stats.in_flight);
            stats.ready + stats.in_flight <= left
        })
        .await;
        assert!(starts.load(Ordering::SeqCst) as u64 >= ran);
    }
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.succeeded, report.left), (MESSAGES, 0));
}

#[tokio::test]
async fn a_message_beyond_the_bound_on_bytes_runs_all_the_same() {
    let early = TaskOptions { acks_late: Some(false), ..TaskOptions::DEFAULT };
    let rig = adaptive()
        .set(|settings| settings.worker_prefetch_bytes = 1000)
        .task_with("t.size", early, |_, args| async move {
            Ok(Value::Int(args[0].as_str().map_or(0, |text| text.len() as i64)))
        })
        .build();
    let mut ids = Vec::new();
    for n in 0..20_i64 {
        let size = if n % 3 == 0 { 50_000 } else { 10 };
        ids.push((size, rig.send("t.size", args!["x".repeat(size as usize)]).await));
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(2)).await;
    for (size, id) in &ids {
        assert_eq!(rig.value(id).await, Value::Int(*size));
    }
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 20);
}
