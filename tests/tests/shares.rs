//! A limit of runs at once within a worker, by Redis and by RabbitMQ: others of the queue go past, and nothing goes
//! back to the broker for it.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{given, process::until, redis_server::RedisServer};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(60);
/// More than slots and prefetch hold.
const AHEAD: usize = 30;
const BEHIND: usize = 5;

/// What a test sees of its runs.
#[derive(Default)]
struct Runs {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
    redelivered: AtomicUsize,
    others: AtomicUsize,
}

/// By the name of the test: each has its own worker, in one process or several.
type Table = Mutex<std::collections::HashMap<String, (Arc<Runs>, Arc<Semaphore>)>>;
static RUNS: LazyLock<Table> = LazyLock::new(Table::default);

fn of(test: &str) -> (Arc<Runs>, Arc<Semaphore>) {
    let mut table = RUNS.lock().unwrap();
    let (runs, gate) =
        table.entry(test.to_owned()).or_insert_with(|| (Arc::default(), Arc::new(Semaphore::new(0))));
    (Arc::clone(runs), Arc::clone(gate))
}

async fn hold(redelivered: bool, test: &str) {
    let (runs, gate) = of(test);
    runs.redelivered.fetch_add(usize::from(redelivered), Ordering::SeqCst);
    runs.most.fetch_max(runs.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    gate.acquire().await.expect("open").forget();
    runs.now.fetch_sub(1, Ordering::SeqCst);
    runs.all.fetch_add(1, Ordering::SeqCst);
}

#[task(bind, name = "shares.two", max_concurrency = 2, ignore_result)]
async fn two(cx: &TaskContext, test: String) {
    hold(cx.request().delivery.redelivered, &test).await;
}

#[task(bind, name = "shares.any", ignore_result)]
async fn any(cx: &TaskContext, test: String) {
    hold(cx.request().delivery.redelivered, &test).await;
}

#[task(name = "shares.other", ignore_result)]
async fn other(test: String) {
    of(&test).0.others.fetch_add(1, Ordering::SeqCst);
}

fn app(url: &str) -> App {
    App::builder().sources(Sources::none().set("broker_url", url)).build().expect("an app")
}

async fn start(app: &App, options: &WorkerOptions) -> WorkerHandle {
    let mut worker = Worker::new(app, options).expect("a worker").start();
    worker.ready().await.expect("a worker that starts");
    worker
}

/// The task may have two runs of four slots; what came behind `AHEAD` of it runs while they are held.
async fn others_go_past_a_full_task(url: &str, test: &str) {
    let (client, queue) = (app(url), format!("{test}-{}", uuid::Uuid::new_v4()));
    let options = WorkerOptions::new().queues([&queue]).concurrency(4).hostname(format!("{test}@shares"));
    let send = |test: &str| test.to_owned();
    for _ in 0..AHEAD {
        two.with().app(&client).queue(&queue).delay(send(test)).await.expect("sent");
    }
    for _ in 0..BEHIND {
        other.with().app(&client).queue(&queue).delay(send(test)).await.expect("sent");
    }
    let worker = start(&client, &options).await;
    let (runs, gate) = of(test);
    until("the others ran", PATIENCE, || runs.others.load(Ordering::SeqCst) == BEHIND).await;
    assert_eq!(runs.all.load(Ordering::SeqCst), 0);
    finish(&runs, &gate, worker).await;
}

/// The queue may have two runs of four slots; another queue has the rest.
async fn others_go_past_a_full_queue(url: &str, test: &str) {
    let client = app(url);
    let [full, free] = ["full", "free"].map(|which| format!("{test}-{which}-{}", uuid::Uuid::new_v4()));
    let options = WorkerOptions::new()
        .queues([&full, &free])
        .concurrency(4)
        .queue_concurrency(&full, NonZeroU32::new(2).expect("2"))
        .hostname(format!("{test}@shares"));
    for _ in 0..AHEAD {
        any.with().app(&client).queue(&full).delay(test.to_owned()).await.expect("sent");
    }
    let worker = start(&client, &options).await;
    let (runs, gate) = of(test);
    until("two run", PATIENCE, || runs.now.load(Ordering::SeqCst) == 2).await;
    for _ in 0..BEHIND {
        other.with().app(&client).queue(&free).delay(test.to_owned()).await.expect("sent");
    }
    until("the others ran", PATIENCE, || runs.others.load(Ordering::SeqCst) == BEHIND).await;
    assert_eq!(runs.all.load(Ordering::SeqCst), 0);
    finish(&runs, &gate, worker).await;
}

async fn finish(runs: &Runs, gate: &Semaphore, worker: WorkerHandle) {
    gate.add_permits(AHEAD);
    until("all ran", PATIENCE, || runs.all.load(Ordering::SeqCst) == AHEAD).await;
    let report = worker.stop().await.expect("an orderly end");
    assert_eq!((report.stats.succeeded, report.left), ((AHEAD + BEHIND) as u64, 0));
    assert_eq!(report.stats.received, (AHEAD + BEHIND) as u64, "each was taken once");
    assert_eq!((runs.most.load(Ordering::SeqCst), runs.redelivered.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_past_a_full_task_on_redis() {
    let redis = RedisServer::start();
    others_go_past_a_full_task(&redis.url(0), "task-redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_past_a_full_task_on_rabbitmq() {
    others_go_past_a_full_task(&given("TASKQ_TEST_AMQP_URL"), "task-rabbitmq").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_past_a_full_queue_on_redis() {
    let redis = RedisServer::start();
    others_go_past_a_full_queue(&redis.url(0), "queue-redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_past_a_full_queue_on_rabbitmq() {
    others_go_past_a_full_queue(&given("TASKQ_TEST_AMQP_URL"), "queue-rabbitmq").await;
}
