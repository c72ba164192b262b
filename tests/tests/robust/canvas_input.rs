//! Workflows that are too large, too deep or cannot end: refused where they are sent, or run to their end.
//!
//! A cycle of links cannot be built: signatures own what they link to.

use std::time::Duration;

use taskq::core::config::Sources;
use taskq::{App, Error, Signature, args, task};
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

const LARGE: usize = 100_000;
const DEEP: usize = 1_000;
/// All of a large workflow, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(200);

#[task(name = "conf_tasks.add_ignore_result", ignore_result)]
async fn add_ignore_result(x: i64, y: i64) -> i64 {
    x + y
}

fn call(name: &str, args: taskq::Args) -> Signature {
    Signature::by_name(format!("conf_tasks.{name}"), args)
}

fn client(redis: &RedisServer) -> Result<App, Error> {
    let sources = Sources::none().set("broker_url", redis.url(0)).set("result_backend", redis.url(1));
    App::builder().sources(sources).build()
}

fn worker(redis: &RedisServer, logs: &tempfile::TempDir) -> Node {
    Node::new("rust@large", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
}

#[tokio::test]
async fn a_group_of_a_hundred_thousand_is_sent_and_run() -> Result<(), Error> {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let app = client(&redis)?;
    let members = (0..LARGE).map(|_| call("redis_count", args!["count"]).ignore_result(true));
    let sent = app.send_canvas(Signature::group(members)).await?;
    assert_eq!(sent.members().map(|members| members.len()), Some(LARGE));

    let _worker = worker(&redis, &logs).concurrency(32).start_rust(WORKER);
    eventually("every member has run", PATIENCE, || {
        let count: Option<usize> =
            redis::cmd("GET").arg("count").query(&mut redis.connect(2)).expect("an answer from redis");
        count == Some(LARGE)
    });
    app.close().await
}

#[tokio::test]
async fn a_chain_a_thousand_deep_runs_to_its_end() -> Result<(), Error> {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let _worker = worker(&redis, &logs).start_rust(WORKER);
    let app = client(&redis)?;
    let steps = (0..DEEP).map(|at| if at == 0 { call("add", args![0, 1]) } else { call("add", args![1]) });
    let sent = app.send_canvas(Signature::chain(steps)).await?;
    let value = sent.get_within(PATIENCE).await.expect("a result");
    assert_eq!(value.as_u64(), Some(DEEP as u64));
    app.close().await
}

#[tokio::test]
async fn what_cannot_run_is_refused_where_it_is_sent() -> Result<(), Error> {
    let redis = RedisServer::start();
    let app = client(&redis)?;
    let sum = || call("tsum", args![]);
    let ignored = Signature::chord([add_ignore_result.s(1, 1), add_ignore_result.s(2, 2)], sum());
    for (what, canvas, named) in [
        ("an empty chain", Signature::chain::<Signature>([]), "chain"),
        ("a chord of tasks that ignore their results", ignored, "add_ignore_result"),
    ] {
        let error = app.send_canvas(canvas).await.expect_err(what).to_string();
        assert!(error.contains(named), "{what}: {error}");
    }
    let left: u64 = redis::cmd("DBSIZE").query(&mut redis.connect(0)).expect("an answer from redis");
    assert_eq!(left, 0, "nothing was sent");
    app.close().await
}
