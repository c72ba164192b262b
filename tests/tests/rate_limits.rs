//! Rate limits that all workers share: met by a hundred workers, by key, and changed while they run.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{given, process::until, redis_server::RedisServer};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};

const RATE: u32 = 50;
/// Until a hundred workers on a loaded machine have done their share.
const PATIENCE: Duration = Duration::from_secs(120);

/// When each run began, by what it was called with.
static STARTS: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

fn note(of: &str) {
    STARTS.lock().unwrap().push((of.to_owned(), Instant::now()));
}

/// The starts of one kind, in order.
fn starts(of: &str) -> Vec<Instant> {
    let mut all: Vec<_> =
        STARTS.lock().unwrap().iter().filter(|(what, _)| what == of).map(|(_, at)| *at).collect();
    all.sort_unstable();
    all
}

#[task(name = "rate.shared", rate_limit = "50/s", rate_limit_scope = "cluster", ignore_result)]
async fn shared(of: String) {
    note(&of);
}

#[task(name = "rate.keyed", rate_limit = "5/s", rate_limit_key = "customer", ignore_result)]
async fn keyed(page: u32, customer: String) {
    let _ = page;
    note(&customer);
}

#[task(name = "rate.slow", rate_limit = "1/m", rate_limit_scope = "cluster", ignore_result)]
async fn slow(of: String) {
    note(&of);
}

fn app(url: &str) -> App {
    App::builder().sources(Sources::none().set("broker_url", url)).build().expect("an app")
}

/// Workers that share nothing but the server.
async fn workers(url: &str, count: usize) -> Vec<WorkerHandle> {
    let mut workers = Vec::new();
    for n in 0..count {
        let options = WorkerOptions::new().concurrency(1).hostname(format!("w{n}@test")).mingle(false);
        workers.push(Worker::new(&app(url), &options).expect("a worker").start());
    }
    for worker in &mut workers {
        worker.ready().await.expect("a worker that starts");
    }
    workers
}

async fn stop(workers: Vec<WorkerHandle>) {
    for stopped in futures_util::future::join_all(workers.into_iter().map(WorkerHandle::stop)).await {
        stopped.expect("an orderly end");
    }
}

/// The figure: a hundred workers, one limit of 50 a second, the measured rate within 2 %.
async fn a_hundred_workers_meet_a_limit_together(url: &str, of: &str) {
    const WINDOW: Duration = Duration::from_secs(10);
    let client = app(url);
    shared.with().app(&client).delay_many((0..RATE * 14).map(|_| of.to_owned())).await.expect("sent");
    let workers = workers(url, 100).await;
    until("two seconds of work", PATIENCE, || starts(of).len() > 2 * RATE as usize).await;
    let from = Instant::now();
    tokio::time::sleep(WINDOW).await;
    let to = from + WINDOW;
    let ran = starts(of);
    let measured = ran.iter().filter(|at| (from..to).contains(*at)).count() as f64 / WINDOW.as_secs_f64();
    println!("{of}: {measured}/s where {RATE}/s are allowed");
    assert!((measured / f64::from(RATE) - 1.0).abs() <= 0.02, "{measured}/s");
    // Never early, whatever the machine does: the nth start comes no sooner than n intervals after the first turn.
    for (n, at) in (0..).zip(&ran) {
        let due = Duration::from_secs(1) / RATE * n;
        let slack = Duration::from_millis(500); // the first may have started late
        assert!(*at - ran[0] + slack >= due, "start {n} after {:?}", *at - ran[0]);
    }
    stop(workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_workers_meet_a_limit_together_on_redis() {
    let redis = RedisServer::start();
    a_hundred_workers_meet_a_limit_together(&redis.url(0), "redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_workers_meet_a_limit_together_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/taskq.db", folder.path().display());
    a_hundred_workers_meet_a_limit_together(&url, "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_of_the_key_has_a_rate_of_its_own() {
    let redis = RedisServer::start();
    let client = app(&redis.url(0));
    for n in 0..12 {
        // By position and by name: the same key.
        let (ada, bob) = ("ada".to_owned(), "bob".to_owned());
        keyed.with().app(&client).delay(n, ada).await.expect("sent");
        client.send("rate.keyed", args![], kwargs! { "customer" => bob, "page" => n }).await.expect("sent");
    }
    let workers = workers(&redis.url(0), 3).await;
    let began = Instant::now();
    until("both are through", PATIENCE, || starts("ada").len() == 12 && starts("bob").len() == 12).await;
    for customer in ["ada", "bob"] {
        let ran = starts(customer);
        let took = ran[11] - ran[0];
        assert!(took >= Duration::from_millis(11 * 200 - 150), "12 starts of {customer} took {took:?}");
    }
    // At the same time, not one after the other.
    assert!(starts("ada")[11].max(starts("bob")[11]) - began < Duration::from_millis(2 * 11 * 200));
    stop(workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_changes_for_all_workers_while_they_run() {
    let redis = RedisServer::start();
    let client = app(&redis.url(0));
    let workers = workers(&redis.url(0), 3).await;
    slow.with().app(&client).delay("slow".to_owned()).await.expect("sent");
    until("the first", PATIENCE, || starts("slow").len() == 1).await;
    let set = |rate: &str| {
        let ask = client.control().ask("rate_limit").arg("task_name", "rate.slow").arg("rate_limit", rate);
        ask.limit(3).into_future()
    };
    let replies: HashMap<_, _> = set("100/s").await.expect("replies").into_iter().collect();
    assert_eq!(replies.len(), 3, "{replies:?}");
    for _ in 0..30 {
        slow.with().app(&client).delay("fast".to_owned()).await.expect("sent");
    }
    // Not a minute after the first: the new rate holds from its turn on.
    let began = Instant::now();
    until("all of them", PATIENCE, || starts("fast").len() == 30).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    stop(workers).await;
}

#[tokio::test]
async fn a_limit_for_all_workers_that_nobody_keeps_is_refused_at_the_start() {
    // RabbitMQ keeps none, and neither do results by `rpc`.
    let url = given("TASKQ_TEST_AMQP_URL");
    let sources = Sources::none().set("broker_url", url.as_str()).set("result_backend", "rpc://");
    let app = App::builder().sources(sources).build().expect("an app");
    let worker = Worker::new(&app, &WorkerOptions::new().queues(["rate-refused"])).expect("a worker");
    let error = worker.run(taskq_worker::Stop::new()).await.expect_err("a refusal").to_string();
    assert!(error.contains("rate limit for all workers") && error.contains("`result_backend`"), "{error}");
}
