//! One meaning of priority: 9 first on every broker, in the task's context too, and kept through a retry, a
//! delay and a child. `redis_priority = "celery"` gives Celery's numbers on Redis.

use std::time::Duration;

use taskq::{core::config::Sources, prelude::*};
use taskq_tests::redis_server::RedisServer;
use taskq_worker::{Stop, Worker, WorkerOptions};

/// Until a task of a worker in this process has run, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// When it ran, and what its context says.
#[task(bind, name = "priority.when")]
async fn when(cx: &TaskContext) -> (i128, Option<i64>) {
    (jiff::Timestamp::now().as_nanosecond(), cx.request().delivery.priority)
}

/// The level of its second attempt, which waited in the broker.
#[task(bind, name = "priority.again")]
async fn again(cx: &TaskContext) -> Result<Option<i64>, TaskError> {
    match cx.retries() {
        0 => Err(cx.retry().countdown(20.milliseconds()).into()),
        _ => Ok(cx.request().delivery.priority),
    }
}

/// The level of a task that it sends and that names none.
#[task(name = "priority.parent")]
async fn parent() -> Result<String, Error> {
    Ok(when.with().delay().await?.id().to_string())
}

fn app(url: &str, more: &[(&str, &str)]) -> App {
    let sources = Sources::none().set("broker_url", url).set("result_backend", url);
    let sources = sources.set("task_inherit_parent_priority", true);
    let sources = more.iter().fold(sources, |all, (name, value)| all.set(*name, *value));
    App::builder().sources(sources).build().expect("an app")
}

/// Runs one task at a time while `body` waits for results.
async fn with_worker(app: &App, body: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let stop = Stop::new();
    let worker =
        Worker::new(app, &WorkerOptions::new().queues(["celery"]).concurrency(1).prefetch_multiplier(1))?;
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });
    tokio::time::timeout(PATIENCE, body).await.expect("everything has run")?;
    stop.warm();
    running.await.expect("no panic").map(drop)
}

/// The levels in the order in which they ran, published in another one.
async fn order(app: &App, published: &[u8]) -> Result<Vec<i64>, Error> {
    let mut sent = Vec::new();
    for priority in published {
        sent.push(when.with().app(app).priority(*priority).delay().await?);
    }
    let mut ran = Vec::new();
    with_worker(app, async {
        for result in sent {
            ran.push(result.get().await?);
        }
        Ok(())
    })
    .await?;
    ran.sort_unstable();
    Ok(ran.into_iter().map(|(_, priority)| priority.expect("a level")).collect())
}

async fn higher_first(url: &str) -> Result<(), Error> {
    let app = app(url, &[]);
    assert_eq!(order(&app, &[3, 9, 0, 6]).await?, [9, 6, 3, 0]);
    let retried = again.with().app(&app).priority(6).delay().await?;
    let elder = parent.with().app(&app).priority(3).delay().await?;
    let delayed = when.with().app(&app).priority(9).countdown(50.milliseconds()).delay().await?;
    with_worker(&app, async {
        assert_eq!(retried.get().await?, Some(6), "a retry keeps the level");
        assert_eq!(delayed.get().await?.1, Some(9), "a delay keeps the level");
        let child: AsyncResult<(i128, Option<i64>)> = AsyncResult::new(&app, elder.get().await?);
        assert_eq!(child.get().await?.1, Some(3), "a child takes over the level");
        Ok(())
    })
    .await?;
    app.close().await
}

#[tokio::test]
async fn nine_goes_first_in_memory() -> Result<(), Error> {
    higher_first("memory://").await
}

#[tokio::test]
async fn nine_goes_first_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder");
    higher_first(&format!("sqlite:{}", dir.path().join("taskq.db").display())).await
}

#[tokio::test]
async fn nine_goes_first_on_redis() -> Result<(), Error> {
    higher_first(&RedisServer::start().url(0)).await
}

/// What kombu's envelope says, and the list it is in.
fn on_the_wire(redis: &RedisServer, list: &str) -> i64 {
    let raw: String = redis::cmd("LINDEX").arg(list).arg(0).query(&mut redis.connect(0)).expect("a message");
    let envelope: serde_json::Value = serde_json::from_str(&raw).expect("an envelope");
    envelope["properties"]["priority"].as_i64().expect("a number")
}

#[tokio::test]
async fn on_redis_numbers_are_turned_round_and_a_call_without_one_is_written_as_celery_does()
-> Result<(), Error> {
    let redis = RedisServer::start();
    let app = app(&redis.url(0), &[]);
    when.with().app(&app).delay().await?;
    assert_eq!(on_the_wire(&redis, "celery"), 0);
    when.with().app(&app).priority(0).delay().await?;
    assert_eq!(on_the_wire(&redis, "celery\u{6}\u{16}9"), 9);
    when.with().app(&app).priority(9).delay().await?;
    assert_eq!(on_the_wire(&redis, "celery"), 0);
    when.with().app(&app).priority(5).delay().await?;
    assert_eq!(on_the_wire(&redis, "celery\u{6}\u{16}3"), 4);
    app.close().await
}

#[tokio::test]
async fn celerys_numbers_on_redis_when_asked_for() -> Result<(), Error> {
    let redis = RedisServer::start();
    let app = app(&redis.url(0), &[("redis_priority", "celery")]);
    when.with().app(&app).priority(9).delay().await?;
    assert_eq!(on_the_wire(&redis, "celery\u{6}\u{16}9"), 9);
    redis::cmd("FLUSHALL").query::<()>(&mut redis.connect(0)).expect("empty");
    assert_eq!(order(&app, &[3, 9, 0, 6]).await?, [0, 3, 6, 9]);
    app.close().await
}
