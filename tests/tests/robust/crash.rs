//! Workers killed with `kill -9` at random moments while they work off a full queue.
//!
//! Nothing is lost, and nothing runs twice but what a dead worker had started and not settled.

use std::time::{Duration, Instant};

use taskq::core::broker::Broker;
use taskq::core::config::Sources;
use taskq::{App, Error, task};
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::redis_server::RedisServer;

use serde_json::json;

use crate::WORKER;
use crate::ledger::{self, Ledger};

const TASKS: usize = 20_000;
const CONCURRENCY: u32 = 4;
/// Fewer kills than this would test nothing.
const KILLS: usize = 8;
/// How long a worker lives at most, in milliseconds from the moment it consumes.
const LIFE: std::ops::Range<u64> = 100..700;
/// What one worker may have ended and not settled.
const UNSETTLED: usize = CONCURRENCY as usize + ledger::UNSETTLED;
/// All of it, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(200);
const STOPPING: Duration = Duration::from_secs(30);
/// The list that tasks append to.
const BOOK: &str = "book";

#[task(name = "conf_tasks.record")]
async fn record(id: String, key: String) -> String {
    drop(key);
    id
}

#[tokio::test]
async fn killed_workers_on_redis_lose_nothing_and_double_nothing() -> Result<(), Error> {
    let redis = RedisServer::start();
    survive(&redis, &redis.url(0), &redis.url(1)).await
}

#[tokio::test]
async fn killed_workers_on_sqlite_lose_nothing_and_double_nothing() -> Result<(), Error> {
    let account = RedisServer::start();
    let dir = tempfile::tempdir().expect("a folder for the database");
    let url = format!("sqlite:{}", dir.path().join("taskq.db").display());
    survive(&account, &url, &url).await
}

/// Fills the queue, kills worker after worker, and audits the books of the tasks.
async fn survive(account: &RedisServer, broker: &str, backend: &str) -> Result<(), Error> {
    let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
    let app = App::builder().sources(sources).build()?;
    let sent: Vec<String> = (0..TASKS).map(|number| number.to_string()).collect();
    let calls = sent.iter().map(|id| record.with().delay(id.clone(), BOOK.to_owned()));
    let results = app.delay_many(calls).await?;

    let logs = tempfile::tempdir().expect("a folder for logs");
    let settings = json!({"task_acks_late": true, "lease": 3});
    let node = Node::new("w@crash", broker, backend, &account.url(2), logs.path())
        .conf(settings)
        .concurrency(CONCURRENCY);
    let mut kills = Vec::new();
    let began = Instant::now();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    while kills.len() < KILLS {
        let mut worker = node.clone().named(&format!("w{}@crash", kills.len())).start_rust(WORKER);
        let life = Instant::now() + Duration::from_millis(random.u64(LIFE));
        // A fast worker dies earlier, so that there is work left for every one that is killed.
        let enough = kills.last().copied().unwrap_or(0) + random.usize(1..TASKS / (KILLS + 2));
        eventually("the worker's life is over", PATIENCE, || {
            Instant::now() > life || ends(account).len() >= enough
        });
        worker.kill();
        kills.push(ends(account).len());
    }
    let before = ends(account).len();
    assert!(before < TASKS, "all tasks were done before the last kill: nothing was left to lose");

    let mut last = node.named("last@crash").start_rust(WORKER);
    let mut distinct = 0;
    eventually("every task has run", PATIENCE, || {
        let ids = ends(account);
        distinct = ids.iter().collect::<std::collections::HashSet<_>>().len();
        distinct == TASKS || last.exited().is_some()
    });
    last.terminate();
    let status = last.wait(STOPPING);
    assert!(status.success(), "the last worker ended with {status}:\n{}", last.output());

    let verdict = Ledger::new(ends(account), kills.clone()).audit(&sent, UNSETTLED);
    println!(
        "{TASKS} tasks, {} kills at {kills:?}, {} repeated, {:.1} s",
        kills.len(),
        verdict.repeated,
        began.elapsed().as_secs_f32()
    );
    assert_eq!(verdict.lost, Vec::<String>::new(), "tasks that never ran");
    assert_eq!(verdict.doubled, Vec::<String>::new(), "tasks that ran twice without a reason");
    assert!(verdict.repeated <= KILLS * UNSETTLED, "{} tasks ran twice", verdict.repeated);
    for result in results {
        let meta = result.meta().await?;
        let state = meta.map(|meta| meta.state);
        assert_eq!(state, Some(taskq::State::Success), "the result of task `{}`", result.id());
    }
    assert_empty(&app).await?;
    app.close().await
}

/// What the tasks have written, in order.
fn ends(account: &RedisServer) -> Vec<String> {
    redis::cmd("LRANGE")
        .arg(BOOK)
        .arg(0)
        .arg(-1)
        .query(&mut account.connect(2))
        .expect("an answer from redis")
}

/// Nothing waits, nothing is held, nothing was put aside.
pub(crate) async fn assert_empty(app: &App) -> Result<(), Error> {
    assert_eq!(left(app).await?, (0, 0, 0, 0), "ready, delayed, in flight, dead");
    Ok(())
}

/// What is in the queue `celery`: ready, delayed, in flight, dead.
pub(crate) async fn left(app: &App) -> Result<(u64, u64, u64, u64), Error> {
    let broker: std::sync::Arc<dyn Broker> = app.broker().await?;
    let admin = broker.admin().expect("a broker that can be looked into");
    let stats = admin.stats(&["celery".to_owned()]).await?;
    let [queue] = stats.as_slice() else { panic!("one queue was asked for: {stats:?}") };
    Ok((queue.ready, queue.delayed, queue.in_flight, queue.dead))
}
