//! RabbitMQ cut off, stopped, and swallowed by the network, again and again, under 20,000 tasks.
//!
//! Nothing that was confirmed to its sender is lost, each time the worker is back within ten seconds, and nothing
//! runs twice but what it held when its connection went.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use taskq::core::config::Sources;
use taskq::core::protocol::TaskId;
use taskq::prelude::*;
use taskq::{App, Error, task};
use taskq_tests::hole::Hole;
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::rabbit_server::RabbitServer;
use taskq_tests::redis_server::RedisServer;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::WORKER;
use crate::crash::assert_empty;

const TASKS: usize = 20_000;
/// Sent as fast as it goes, to have a full queue; the rest is sent all the time, also during outages.
const AT_ONCE: usize = 4_000;
/// Sent by one call, and the pause before the next.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(60);
const CONCURRENCY: u32 = 16;
/// What the worker holds at most, started or not: RabbitMQ hands out no more before some of it is settled.
const HELD: usize = CONCURRENCY as usize * 4;
/// How long a task runs, in seconds.
const RUNS: f64 = 0.005;
const FAULTS: [Fault; 6] =
    [Fault::Closed, Fault::Swallowed, Fault::Stopped, Fault::Swallowed, Fault::Closed, Fault::Stopped];
/// Tasks that end between two faults.
const STEP: usize = TASKS / (FAULTS.len() + 1);
/// How long the network is silent.
const SILENCE: Duration = Duration::from_secs(1);
/// From the moment at which the broker can be reached again.
const BACK: Duration = Duration::from_secs(10);
/// All of it, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(200);
const STOPPING: Duration = Duration::from_secs(30);
/// The list that tasks append to.
const BOOK: &str = "book";

#[task(name = "conf_tasks.slow_record")]
async fn slow_record(id: String, seconds: f64, key: String) -> String {
    drop((seconds, key));
    id
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// `rabbitmqctl close_all_connections`.
    Closed,
    /// Everything is silent for a while, and connections from before stay so.
    Swallowed,
    /// `rabbitmqctl stop_app`, `start_app`.
    Stopped,
}

impl Fault {
    fn happen(self, server: &RabbitServer, hole: &Hole) {
        match self {
            Self::Closed => drop(server.ctl(&["close_all_connections", "a fault of the test"])),
            Self::Swallowed => {
                hole.close();
                thread::sleep(SILENCE);
                hole.open();
            }
            Self::Stopped => {
                server.ctl(&["stop_app"]);
                server.ctl(&["start_app"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outages_of_rabbitmq_lose_nothing_of_a_classic_queue() -> Result<(), Error> {
    survive("classic").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outages_of_rabbitmq_lose_nothing_of_a_quorum_queue() -> Result<(), Error> {
    survive("quorum").await
}

async fn survive(kind: &str) -> Result<(), Error> {
    let (server, account) = (RabbitServer::start(), RedisServer::start());
    let hole = Hole::before(server.port()).await;
    let (url, results) = (format!("amqp://guest:guest@{}//", hole.address()), account.url(1));
    let sources = Sources::none().set("broker_url", url.as_str()).set("result_backend", results.as_str());
    // What is sent again is counted here.
    let sources = sources.set("task_publish_retry", false).set("task_default_queue_type", kind);
    let app = App::builder().sources(sources).build()?;
    let logs = tempfile::tempdir().expect("a folder for logs");
    let settings = json!({"task_acks_late": true, "task_default_queue_type": kind});
    let mut worker = Node::new("w@outage", &url, &results, &account.url(2), logs.path())
        .conf(settings)
        .concurrency(CONCURRENCY)
        .start_rust(WORKER);

    let began = Instant::now();
    let sender = tokio::spawn(send(app.clone()));
    let mut back = Vec::new();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        back.push(block_in_place(|| {
            let due = number * STEP + STEP / 2;
            eventually("the next fault is due", PATIENCE, || ended(&account) >= due);
            fault.happen(&server, &hole);
            let (over, before) = (Instant::now(), ended(&account));
            // More than it may have held.
            eventually(&format!("the worker is back after {fault:?}"), BACK, || {
                ended(&account) > before + HELD
            });
            over.elapsed().as_secs_f32()
        }));
    }
    let (sent, again) = sender.await.expect("the sender does not panic");
    let mut ids = Vec::new();
    block_in_place(|| {
        eventually("every task has run", PATIENCE, || {
            if ended(&account) >= TASKS {
                ids = ends(&account);
            }
            ids.iter().collect::<HashSet<_>>().len() == TASKS || worker.exited().is_some()
        });
        worker.terminate();
        let status = worker.wait(STOPPING);
        assert!(status.success(), "the worker ended with {status}:\n{}", worker.output());
    });

    let ids = ends(&account);
    let done: HashSet<&String> = ids.iter().collect();
    let (lost, doubled) = (TASKS - done.len(), ids.len() - done.len());
    println!(
        "{kind}: {TASKS} sent ({again} of them again), {} done, {lost} lost, {doubled} doubled, {} faults, back \
         after {back:.1?} s, {:.1} s in all",
        done.len(),
        FAULTS.len(),
        began.elapsed().as_secs_f32(),
    );
    assert_eq!(lost, 0, "tasks that never ran");
    assert!(doubled <= FAULTS.len() * HELD + again, "{doubled} tasks ran twice");
    for result in sent {
        let state = result.meta().await?.map(|meta| meta.state);
        assert_eq!(state, Some(taskq::State::Success), "the result of task `{}`", result.id());
    }
    assert_empty(&app).await?;
    app.close().await
}

/// Sends them all; answers how many had to be sent again.
async fn send(app: App) -> (Vec<AsyncResult<String>>, usize) {
    let (mut sent, mut again) = (Vec::with_capacity(TASKS), 0);
    while sent.len() < TASKS {
        if sent.len() >= AT_ONCE {
            sleep(PAUSE).await;
        }
        let numbers = sent.len()..(sent.len() + BATCH).min(TASKS);
        let ids: Vec<TaskId> = numbers.clone().map(|_| TaskId::new()).collect();
        loop {
            let mut calls = Vec::with_capacity(BATCH);
            for (number, id) in numbers.clone().zip(&ids) {
                let call = slow_record.with().task_id(id.clone());
                calls.push(call.delay(number.to_string(), RUNS, BOOK.to_owned()));
            }
            match app.delay_many(calls).await {
                Ok(results) => {
                    sent.extend(results);
                    break;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    again += numbers.len();
                    sleep(PAUSE).await;
                }
            }
        }
    }
    (sent, again)
}

/// How many have ended, doubled ones too.
fn ended(account: &RedisServer) -> usize {
    redis::cmd("LLEN").arg(BOOK).query(&mut account.connect(2)).expect("an answer from redis")
}

fn ends(account: &RedisServer) -> Vec<String> {
    let mut list = redis::cmd("LRANGE");
    list.arg(BOOK).arg(0).arg(-1).query(&mut account.connect(2)).expect("an answer from redis")
}
