//! A Rust program calls tasks of a Python worker.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use taskq::core::codec::Serializer;
use taskq::prelude::*;
use taskq::{App, Value, args, kwargs};
use taskq_tests::node::Node;
use taskq_tests::redis_server::RedisServer;

use crate::client::{add, app, big, identity, raise_error, tsum};

const CALLS: i64 = 10_000;
/// How many calls wait for their results at once.
const AT_ONCE: usize = 200;
/// One result, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rust_calls_run_on_a_python_worker() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("py@calls", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
        .conf(json!({"worker_prefetch_multiplier": 32}));
    let _worker = node.start_python();
    let app = app(&redis, &[]).expect("an app");
    app.install();

    let wrong: Vec<String> = stream::iter(0..CALLS)
        .map(|number| call(&app, number))
        .buffer_unordered(AT_ONCE)
        .filter_map(|outcome| async move { outcome.err() })
        .collect()
        .await;
    app.close().await.expect("connections close");

    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {CALLS} calls went wrong, among them\n{shown}", wrong.len());
}

/// One call of the kind that its number says, and its result compared with what it has to be.
async fn call(app: &App, number: i64) -> Result<(), String> {
    /// Awaits a call, then its result, and compares.
    macro_rules! expect {
        ($call:expr, $expected:expr) => {{
            let result = $call.await.map_err(|error| format!("{number}: not sent: {error}"))?;
            let got = result.get().timeout(PATIENCE).await.map_err(|error| format!("{number}: {error}"))?;
            if got == $expected {
                Ok(())
            } else {
                Err(format!("{number}: expected {:?}, got {got:?}", $expected))
            }
        }};
    }
    let text = format!("你好 🦀 {number} \" \\ \u{0} \u{202e}");
    match number % 16 {
        0..=3 => expect!(add.delay(number, 1), number + 1),
        4 => expect!(tsum.delay(vec![0.5, number as f64]), number as f64 + 0.5),
        5 | 6 => expect!(identity.delay(Value::Str(text.clone())), Value::Str(text.clone())),
        7 => expect!(big.delay(5_000), "x".repeat(5_000)),
        8 => {
            let nested = taskq::core::codec::to_value(&json!({"a": [1, {"b": [null, [], {}]}], "n": number}));
            let nested = nested.map_err(|error| error.to_string())?;
            expect!(identity.delay(nested.clone()), nested)
        }
        9 => {
            let keywords = kwargs! { "y" => number, "x" => 2 };
            expect!(app.send("conf_tasks.add", args![], keywords), Value::Int(number + 2))
        }
        10 => {
            let bytes = Value::Bytes(vec![0, 255, 254].into());
            expect!(identity.delay(bytes.clone()), bytes)
        }
        11 => {
            let date = Value::Date("2026-02-28".into());
            expect!(identity.delay(date.clone()), date)
        }
        12 => expect!(
            add.with().serializer(Serializer::Msgpack).compression("zstd").delay(number, 2),
            number + 2
        ),
        13 => {
            let later = add.with().priority(9).countdown(100.milliseconds()).expires(1.hour());
            expect!(later.delay(number, 3), number + 3)
        }
        14 => {
            // Celery stores RETRY after it has sent the retry: one that is sooner than a loaded machine gets to
            // that is overwritten by it, and its result lost.
            let later = kwargs! { "countdown" => 1.0 };
            expect!(app.send("conf_tasks.retry_once", args![], later), Value::Int(1))
        }
        _ => {
            let result = raise_error.delay().await.map_err(|error| format!("{number}: not sent: {error}"))?;
            match result.get().timeout(PATIENCE).await {
                Err(WaitError::Failed(failure)) if failure.error.exc_type == "ValueError" => Ok(()),
                other => Err(format!("{number}: expected a ValueError, got {other:?}")),
            }
        }
    }
}
