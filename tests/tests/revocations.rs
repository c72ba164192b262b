//! What was revoked stays revoked, also for workers that were down when it was.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{given, hole::Hole, redis_server::RedisServer};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};

const SOON: Duration = Duration::from_secs(30);
/// How long a worker that was cut off may need to be connected again.
const RECONNECTED: Duration = Duration::from_secs(2);

static RAN: Mutex<Option<HashSet<String>>> = Mutex::new(None);

fn ran(what: &str) -> bool {
    RAN.lock().unwrap().as_ref().is_some_and(|ran| ran.contains(what))
}

#[task(name = "revoked.note")]
async fn note(what: String) {
    RAN.lock().unwrap().get_or_insert_default().insert(what);
}

fn tell(what: String) {
    RAN.lock().unwrap().get_or_insert_default().insert(what);
}

/// Runs until it is told that it is over.
#[task(name = "revoked.busy")]
async fn busy(what: String) {
    tell(format!("busy {what}"));
    while !ran(&format!("over {what}")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A queue of its own for each test: they may share a RabbitMQ.
fn app(broker: &str, backend: &str) -> (App, String) {
    let queue = format!("revoked-{}", uuid::Uuid::now_v7().simple());
    (app_on(broker, backend, &queue), queue)
}

fn app_on(broker: &str, backend: &str, queue: &str) -> App {
    let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
    // The first call connects to both.
    let sources = sources.set("publish_timeout", SOON.as_secs());
    // Nobody else's broadcasts.
    let sources = sources.set("task_default_queue", queue).set("control_exchange", queue);
    App::builder().sources(sources).build().expect("an app")
}

async fn worker(app: &App, name: &str) -> WorkerHandle {
    let options = WorkerOptions::new().concurrency(2).hostname(name).mingle(true);
    let mut worker = Worker::new(app, &options).expect("a worker").start();
    tokio::time::timeout(SOON, worker.ready()).await.expect("in time").expect("a worker that starts");
    worker
}

fn amqp() -> String {
    given("TASKQ_TEST_AMQP_URL")
}

/// Revoked while no worker runs: by id, by workflow and by stamp; what is not revoked runs.
async fn nobody_was_there_when_it_was_revoked(broker: &str, backend: &str) {
    let (client, _) = app(broker, backend);
    let send = async |what: &str| {
        let what = format!("{what} on {broker}");
        note.with().app(&client).stamp("batch", what.as_str()).delay(what.clone()).await.expect("sent")
    };
    let (by_id, by_root, by_stamp) = (send("id").await, send("root").await, send("stamp").await);
    by_id.revoke().await.expect("told");
    client.revoke_workflow(by_root.id().clone()).await.expect("told");
    client.revoke_by_stamp("batch", format!("stamp on {broker}")).await.expect("told");
    let free = send("free").await;
    let worker = worker(&client, "late@test").await;
    free.get().timeout(SOON).await.expect("what is not revoked runs");
    for revoked in [by_id, by_root, by_stamp] {
        let error = revoked.get().timeout(SOON).await.expect_err("revoked");
        assert!(error.to_string().contains("revoked"), "{error}");
    }
    worker.stop().await.expect("an orderly end");
    for what in ["id", "root", "stamp"] {
        assert!(!ran(&format!("{what} on {broker}")), "{what}");
    }
    assert!(ran(&format!("free on {broker}")));
}

/// Symptom: in programs, where 9 is the highest priority on Redis too, nothing that was revoked was written down.
#[tokio::test]
async fn a_worker_that_was_down_runs_nothing_that_was_revoked_on_redis() {
    let redis = RedisServer::start();
    nobody_was_there_when_it_was_revoked(&redis.url(0), &redis.url(1)).await;
}

#[tokio::test]
async fn a_worker_that_was_down_runs_nothing_that_was_revoked_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/taskq.db", folder.path().display());
    nobody_was_there_when_it_was_revoked(&url, &url).await;
}

#[tokio::test]
async fn a_worker_that_was_down_runs_nothing_that_was_revoked_on_rabbitmq_with_results_elsewhere() {
    let redis = RedisServer::start();
    nobody_was_there_when_it_was_revoked(&amqp(), &redis.url(0)).await;
}

#[tokio::test]
async fn a_worker_that_was_down_runs_nothing_that_was_revoked_on_rabbitmq_alone() {
    nobody_was_there_when_it_was_revoked(&amqp(), "rpc://").await;
}

/// A revocation by Celery's client is only told: the worker that hears it writes it down, also for those that start
/// when it has gone.
#[tokio::test]
async fn on_rabbitmq_alone_what_celery_revokes_is_known_after_every_worker_has_gone() {
    let (broker, (client, queue)) = (amqp(), app(&amqp(), "rpc://"));
    // Hears it, and consumes something else.
    let elsewhere = app_on(&broker, "rpc://", &queue);
    let options =
        WorkerOptions::new().concurrency(1).hostname("first@test").queues([format!("{queue}-other")]);
    let mut first = Worker::new(&elsewhere, &options).expect("a worker").start();
    tokio::time::timeout(SOON, first.ready()).await.expect("in time").expect("a worker that starts");
    let sent = note.with().app(&client).countdown(5.seconds()).delay(queue.clone()).await.expect("sent");
    let control = client.control();
    control.ask("revoke").arg("task_id", sent.id().as_str()).tell().await.expect("told");
    let heard = async || {
        let replies = control.ask("revoked").limit(1).await.expect("replies");
        format!("{replies:?}").contains(sent.id().as_str())
    };
    tokio::time::timeout(SOON, async { while !heard().await {} }).await.expect("the first one hears it");
    first.stop().await.expect("an orderly end");
    let second = worker(&client, "second@test").await;
    let error = sent.get().timeout(SOON).await.expect_err("revoked");
    assert!(error.to_string().contains("revoked"), "{error}");
    second.stop().await.expect("an orderly end");
    assert!(!ran(&queue));
}

/// A worker that hears no broadcast is busy; meanwhile the next task is revoked, and ten milliseconds later it is
/// taken.
async fn it_was_revoked_just_before_the_take(broker: &str, backend: &str) {
    it_was_revoked_before_the_take(broker, backend, None).await;
}

/// The same, and when there is a proxy before the worker, its connections are cut just before the revocation.
async fn it_was_revoked_before_the_take(broker: &str, backend: &str, cut: Option<&Hole>) {
    let queue = format!("revoked-{}", uuid::Uuid::now_v7().simple());
    let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
    let sources = sources.set("publish_timeout", SOON.as_secs());
    let sources = sources.set("task_default_queue", queue.as_str()).set("control_exchange", queue.as_str());
    // Nothing but what is remembered tells this worker; and it takes no task before it is free.
    let deaf =
        sources.clone().set("worker_enable_remote_control", false).set("worker_prefetch_multiplier", 1);
    let deaf = match cut {
        Some(hole) => deaf.set("broker_url", format!("amqp://guest:guest@{}//", hole.address())),
        None => deaf,
    };
    let client = App::builder().sources(sources).build().expect("an app");
    let deaf = App::builder().sources(deaf).build().expect("an app");
    let options = WorkerOptions::new().concurrency(1).hostname("deaf@test");
    let mut worker = Worker::new(&deaf, &options).expect("a worker").start();
    tokio::time::timeout(SOON, worker.ready()).await.expect("in time").expect("a worker that starts");
    for by in ["id", "workflow", "stamp"] {
        let what = format!("{by} just before, {queue}");
        let before = busy.with().app(&client).delay(what.clone()).await.expect("sent");
        let started = async {
            while !ran(&format!("busy {what}")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, started).await.expect("the worker is busy");
        let next = note.with().app(&client).stamp("order", what.as_str()).delay(what.clone());
        let next = next.await.expect("sent");
        if let Some(hole) = cut {
            hole.reset();
        }
        match by {
            "id" => next.revoke().await.expect("told"),
            "workflow" => client.revoke_workflow(next.id().clone()).await.expect("told"),
            _ => client.revoke_by_stamp("order", what.as_str()).await.expect("told"),
        }
        // What is cut is connected again meanwhile, on a loaded machine, too.
        tokio::time::sleep(if cut.is_some() { RECONNECTED } else { Duration::from_millis(10) }).await;
        tell(format!("over {what}"));
        before.get().timeout(SOON).await.expect("what ran is done");
        let error = next.get().timeout(SOON).await.expect_err("revoked");
        assert!(error.to_string().contains("revoked"), "{error}");
        // Another one comes after it: by then it was taken.
        let after = note.with().app(&client).delay(format!("after {what}")).await.expect("sent");
        after.get().timeout(SOON).await.expect("what is not revoked runs");
        assert!(!ran(&what), "it ran: {what}");
    }
    worker.stop().await.expect("an orderly end");
}

/// Symptom: revocations were read every five seconds; what was taken in between ran.
#[tokio::test]
async fn what_is_revoked_just_before_it_is_taken_does_not_run_on_redis() {
    let redis = RedisServer::start();
    it_was_revoked_just_before_the_take(&redis.url(0), &redis.url(1)).await;
}

#[tokio::test]
async fn what_is_revoked_just_before_it_is_taken_does_not_run_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/taskq.db", folder.path().display());
    it_was_revoked_just_before_the_take(&url, &url).await;
}

#[tokio::test]
async fn what_is_revoked_just_before_it_is_taken_does_not_run_on_rabbitmq_with_results_elsewhere() {
    let redis = RedisServer::start();
    it_was_revoked_just_before_the_take(&amqp(), &redis.url(0)).await;
}

#[tokio::test]
async fn what_is_revoked_just_before_it_is_taken_does_not_run_on_rabbitmq_alone() {
    it_was_revoked_just_before_the_take(&amqp(), "rpc://").await;
}

/// What is revoked while a worker is cut off is known to it when it is back, and so is what comes later: the stream is read
/// on from where it was.
#[tokio::test]
async fn revocations_on_rabbitmq_alone_go_on_after_the_connection_was_cut() {
    let url = url::Url::parse(&amqp()).expect("an address");
    let hole = Hole::before(url.port().expect("a port")).await;
    it_was_revoked_before_the_take(&amqp(), "rpc://", Some(&hole)).await;
}
