//! What a worker with default settings holds, and so what it leaves to others.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{
    given,
    process::{eventually, until},
    rabbit_server::RabbitServer,
    redis_server::RedisServer,
};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};
use tokio::{sync::Semaphore, task::block_in_place};

const PATIENCE: Duration = Duration::from_secs(60);
/// More than two workers can begin.
const SENT: usize = 30;
const SLOTS: usize = 2;

/// The runs of a test.
struct Runs {
    now: AtomicUsize,
    all: AtomicUsize,
    redelivered: AtomicUsize,
    gate: Semaphore,
}

/// By the queue.
static RUNS: LazyLock<Mutex<HashMap<String, Arc<Runs>>>> = LazyLock::new(Mutex::default);

fn of(queue: &str) -> Arc<Runs> {
    let new = || {
        let count = AtomicUsize::default;
        Arc::new(Runs { now: count(), all: count(), redelivered: count(), gate: Semaphore::new(0) })
    };
    Arc::clone(RUNS.lock().unwrap().entry(queue.to_owned()).or_insert_with(new))
}

/// Runs until its gate is open.
#[task(bind, name = "window.held", ignore_result)]
async fn held(cx: &TaskContext, queue: String) {
    let runs = of(&queue);
    runs.redelivered.fetch_add(usize::from(cx.request().delivery.redelivered), Ordering::SeqCst);
    runs.now.fetch_add(1, Ordering::SeqCst);
    runs.gate.acquire().await.expect("open").forget();
    runs.now.fetch_sub(1, Ordering::SeqCst);
    runs.all.fetch_add(1, Ordering::SeqCst);
}

fn app(url: &str) -> App {
    App::builder().sources(Sources::none().set("broker_url", url)).build().expect("an app")
}

async fn send(app: &App, queue: &str) {
    for _ in 0..SENT {
        held.with().app(app).queue(queue).delay(queue.to_owned()).await.expect("sent");
    }
}

async fn start(app: &App, queue: &str, hostname: &str) -> WorkerHandle {
    let options = WorkerOptions::new().queues([queue]).concurrency(SLOTS).hostname(hostname.to_owned());
    let mut worker = Worker::new(app, &options).expect("a worker").start();
    worker.ready().await.expect("a worker that starts");
    worker
}

/// Nothing is known of the run times, so that each holds as many as it has slots.
async fn others_get_what_a_worker_cannot_begin(app: &App) {
    let queue = format!("window-{}", uuid::Uuid::new_v4());
    let runs = of(&queue);
    send(app, &queue).await;
    let mut workers = Vec::new();
    for number in 1..=2 {
        workers.push(start(app, &queue, &format!("{number}@{queue}")).await);
        until("its slots are busy", PATIENCE, || runs.now.load(Ordering::SeqCst) == SLOTS * number).await;
    }
    runs.gate.add_permits(SENT);
    until("all ran", PATIENCE, || runs.all.load(Ordering::SeqCst) == SENT).await;
    for worker in workers {
        assert_eq!(worker.stop().await.expect("an orderly end").left, 0);
    }
    assert_eq!(runs.redelivered.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_get_what_a_worker_cannot_begin_on_redis() {
    let redis = RedisServer::start();
    others_get_what_a_worker_cannot_begin(&app(&redis.url(0))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_get_what_a_worker_cannot_begin_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("taskq.db").display());
    others_get_what_a_worker_cannot_begin(&app(&url)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_get_what_a_worker_cannot_begin_on_rabbitmq() {
    let url = given("TASKQ_TEST_AMQP_URL");
    others_get_what_a_worker_cannot_begin(&app(&url)).await;
    let sources = Sources::none().set("broker_url", url).set("task_create_missing_queue_type", "quorum");
    let quorum = App::builder().sources(sources).build().expect("an app");
    others_get_what_a_worker_cannot_begin(&quorum).await;
}

/// Symptom to keep away: it subscribes for each batch, which costs a third of the speed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_keeps_a_subscription_to_a_classic_queue_with_a_window_of_its_slots() {
    let server = RabbitServer::start();
    let client = app(&server.url());
    let worker = start(&client, "q", "w@window").await;
    let lines = |what: &[&str]| server.ctl(&[&["list_channels"], what].concat());
    let has_window = || lines(&["global_prefetch_count"]).lines().any(|line| line == SLOTS.to_string());
    block_in_place(|| eventually("the window is open", PATIENCE, has_window));
    send(&client, "q").await;
    let runs = of("q");
    until("its slots are busy", PATIENCE, || runs.now.load(Ordering::SeqCst) == SLOTS).await;
    let ready = (SENT - SLOTS).to_string();
    let counts = || server.ctl(&["list_queues", "name", "messages_ready"]);
    let is_left = || counts().lines().any(|line| line.split_whitespace().eq(["q", &ready]));
    block_in_place(|| eventually("the rest is left to others", PATIENCE, is_left));
    runs.gate.add_permits(SENT);
    until("all ran", PATIENCE, || runs.all.load(Ordering::SeqCst) == SENT).await;
    assert_eq!(worker.stop().await.expect("an orderly end").left, 0);
}
