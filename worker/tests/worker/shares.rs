//! How many of one task, or out of one queue, run at once: never more than may, and nobody waits behind them.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use taskq_core::{args, codec::Value, control::ok, task::TaskOptions};
use taskq_worker::{WorkerHandle, WorkerOptions};
use tokio::sync::Semaphore;

use crate::{
    rig::{Builder, DEADLINE, Rig, until},
    trace::{How, Step},
};

/// Messages that are ahead of the others: more than the slots and the prefetch hold.
const MANY: usize = 40;

/// Runs of the task with a limit.
#[derive(Default)]
struct Runs {
    /// What they were called with, in the order of their starts.
    started: Mutex<Vec<i64>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runs {
    fn count(&self) -> usize {
        self.started.lock().unwrap().len()
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// An app with `t.few`, which runs until the gate lets it go.
fn few(max_concurrency: Option<u32>) -> (Builder, Arc<Runs>, Arc<Semaphore>) {
    let (runs, gate) = (Arc::<Runs>::default(), Arc::new(Semaphore::new(0)));
    let (noted, wait) = (Arc::clone(&runs), Arc::clone(&gate));
    let options = TaskOptions { max_concurrency, ..TaskOptions::DEFAULT };
    let builder = Builder::new().task_with("t.few", options, move |_, args| {
        let (runs, wait) = (Arc::clone(&noted), Arc::clone(&wait));
        async move {
            runs.started.lock().unwrap().push(args[0].as_i64().unwrap());
            let now = runs.now.fetch_add(1, Ordering::SeqCst) + 1;
            runs.most.fetch_max(now, Ordering::SeqCst);
            wait.acquire().await.expect("open").forget();
            runs.now.fetch_sub(1, Ordering::SeqCst);
            Ok(Value::Null)
        }
    });
    (builder, runs, gate)
}

async fn send_few(rig: &Rig, count: usize) {
    for n in 0..count {
        rig.send("t.few", args![n]).await;
    }
}

/// Whether anything went back to the broker.
fn went_back(rig: &Rig) -> bool {
    rig.trace.steps().iter().any(|step| match step {
        Step::Settled(how) => how.iter().any(|(how, _)| matches!(how, How::Requeue | How::Delay)),
        _ => false,
    })
}

async fn set(rig: &Rig, worker: &WorkerHandle, command: &str, of: (&str, &str), n: i64) -> Value {
    let ask = rig.app.control().ask(command).arg(of.0, of.1).arg("n", n);
    let replies = ask.limit(1).timeout(DEADLINE).await.expect("asked");
    replies.get(worker.name()).cloned().expect("an answer")
}

#[tokio::test]
async fn others_go_past_a_task_that_has_as_many_runs_as_it_may() {
    let (builder, runs, gate) = few(Some(2));
    let rig = builder.build();
    send_few(&rig, MANY).await;
    let mut behind = Vec::new();
    for n in 0..10 {
        behind.push(rig.send("t.add", args![n, 1]).await);
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(4)).await;
    for (n, id) in (1..).zip(&behind) {
        assert_eq!(rig.value(id).await, Value::Int(n));
    }
    assert_eq!(runs.count(), 2);
    gate.add_permits(MANY);
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, MANY as u64 + 10);
    assert_eq!(runs.most(), 2);
    assert!(runs.started.lock().unwrap().is_sorted(), "the oldest first");
    assert!(!went_back(&rig), "they wait here, not in the broker");
}

#[tokio::test]
async fn no_more_are_held_for_it_than_the_bound() {
    let (builder, runs, gate) = few(Some(1));
    let rig = builder.build();
    send_few(&rig, 200).await;
    let worker = rig.worker(&WorkerOptions::new().concurrency(2).prefetch_multiplier(1)).await;
    until("as many are held as may be", async || rig.stats().await.in_flight == 2 + 64).await;
    assert_eq!(runs.count(), 1);
    gate.add_permits(200);
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 200);
    assert_eq!(runs.most(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_has_no_more_runs_than_it_may_whatever_the_tasks() {
    let (builder, runs, gate) = few(None);
    let level = Arc::new(Semaphore::new(2));
    let entered = Arc::clone(&level);
    let rig = builder
        .set(|settings| {
            settings.worker_queue_concurrency.insert("celery".into(), NonZeroU32::new(5).expect("5"));
        })
        .blocking("t.block", TaskOptions::DEFAULT, move |_, _| {
            // A third would be one too many.
            let _permit = entered.try_acquire().expect("two of this queue at once");
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(Value::Null)
        })
        .build();
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(rig.send("t.block", args![n]).await);
    }
    // The option goes over the setting.
    let two = NonZeroU32::new(2).expect("2");
    let worker = rig.worker(&WorkerOptions::new().concurrency(8).queue_concurrency("celery", two)).await;
    for id in &ids {
        assert_eq!(rig.value(id).await, Value::Null);
    }
    send_few(&rig, 4).await;
    until("two run", async || runs.count() == 2).await;
    gate.add_permits(4);
    rig.settled().await;
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 64);
    assert_eq!(runs.most(), 2);
}

#[tokio::test]
async fn limits_change_while_the_worker_runs() {
    let (builder, runs, gate) = few(Some(1));
    let rig = builder.build();
    send_few(&rig, 8).await;
    let worker = rig.worker(&WorkerOptions::new().concurrency(6)).await;
    until("one runs", async || runs.count() == 1).await;
    let task = ("task_name", "t.few");
    assert_eq!(set(&rig, &worker, "task_concurrency", task, 3).await, ok("at most 3 at once"));
    until("three run", async || runs.count() == 3).await;
    // The queue may have no more than that: what runs already counts.
    let queue = ("queue", "celery");
    assert_eq!(set(&rig, &worker, "queue_concurrency", queue, 4).await, ok("at most 4 at once"));
    assert_eq!(set(&rig, &worker, "task_concurrency", task, 0).await, ok("no limit of runs at once"));
    until("four run", async || runs.count() == 4).await;
    let stats = rig.app.control().ask("stats").limit(1).timeout(DEADLINE).await.expect("asked");
    let Some(Value::Map(stats)) = stats.get(worker.name()).cloned() else { panic!("{stats:?}") };
    let Some(Value::Map(at_once)) = stats.get("at_once") else { panic!("{stats:?}") };
    let queues: Value = [("celery", 4)].map(|(queue, most)| (queue, Value::Int(most))).into_iter().collect();
    assert_eq!(at_once.get("queues"), Some(&queues));
    assert_eq!((runs.count(), runs.most()), (4, 4));
    set(&rig, &worker, "queue_concurrency", queue, 0).await;
    until("all slots run", async || runs.count() == 6).await;
    let Value::Map(wrong) = set(&rig, &worker, "task_concurrency", task, -1).await else { panic!() };
    assert!(wrong.contains_key("error"), "{wrong:?}");
    let unknown = set(&rig, &worker, "task_concurrency", ("task_name", "t.none"), 1).await;
    assert_eq!(unknown, taskq_core::control::nok("unknown task"));
    gate.add_permits(8);
    rig.settled().await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn those_that_wait_for_their_share_go_back_in_order_when_the_worker_stops() {
    let (builder, runs, gate) = few(Some(1));
    let rig = builder.build();
    send_few(&rig, 10).await;
    let worker = rig.worker(&WorkerOptions::new().concurrency(4)).await;
    until("one runs, all are taken", async || runs.count() == 1 && rig.stats().await.ready == 0).await;
    worker.stopper().warm();
    until("the others are back", async || rig.stats().await.ready == 9).await;
    gate.add_permits(10);
    assert_eq!(worker.stop().await.unwrap().left, 0);
    assert_eq!(runs.count(), 1);
    let worker = rig.worker(&WorkerOptions::new().concurrency(4)).await;
    rig.settled().await;
    worker.stop().await.unwrap();
    assert!(runs.started.lock().unwrap().is_sorted(), "{:?}", runs.started.lock().unwrap());
}
