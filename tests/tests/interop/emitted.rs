//! What we send, looked at by Celery's own code as a worker would.

use std::time::Duration;

use taskq::core::codec::Serializer;
use taskq::core::protocol::DeliveryMode;
use taskq::prelude::*;
use taskq::{Signature, Timestamp, Value, args, kwargs};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::client::{add, app, identity};

const PATIENCE: Duration = Duration::from_secs(60);

/// As Celery writes it. Not ours by default: RabbitMQ would drop expired messages without a trace.
const EXPIRATION: (&str, Value) = ("message_expiration", Value::Bool(true));

/// Celery's checker: how many messages, and that nothing is wrong with them, nor other than Celery writes it.
fn check(redis: &RedisServer, queue: &str, expected: usize) {
    let logs = tempfile::tempdir().expect("a folder for logs");
    let mut checker = python::script("check_emitted.py");
    checker.args([redis.url(0).as_str(), queue, "--accept", "json,msgpack,yaml"]);
    checker.args(["--expect", &expected.to_string()]);
    let output = python::run(&mut checker, &logs.path().join("check.log"), PATIENCE);
    assert!(output.contains(&format!("{expected} messages, 0 errors, 0 differences")), "{output}");
}

#[tokio::test]
async fn celery_finds_nothing_wrong_with_a_call_of_any_kind() -> Result<(), Error> {
    let redis = RedisServer::start();
    let app = app(&redis, &[EXPIRATION])?;
    app.install();
    let mut sent = 0;
    /// Sends a call and counts it.
    macro_rules! send {
        ($($call:expr;)+) => { $($call.await?; sent += 1;)+ };
    }
    let after = |task: &str| Signature::by_name(task, args![7]);
    send! {
        add.delay(2, 2);
        add.delay(i64::MIN, i64::MAX);
        identity.delay(Value::Str("你好 🦀 e\u{301} \u{202e} \"\\\n\t\u{0}".into()));
        identity.delay(Value::Str("long ".repeat(2_000)));
        identity.delay(Value::Float(f64::NAN));
        identity.delay(Value::BigInt("1208925819614629174706176".into()));
        identity.delay(Value::Bytes(vec![0, 255, 254].into()));
        identity.delay(Value::DateTime("2026-01-02T03:04:05.678901+00:00".into()));
        identity.delay(Value::Date("2026-02-28".into()));
        identity.delay(Value::Time("23:59:58.000007".into()));
        identity.delay(Value::Uuid(uuid::Uuid::new_v4()));
        identity.delay(Value::Decimal("1.10".into()));
        app.send("conf_tasks.add", args![], kwargs! { "x" => 1, "y" => 2 });
        app.send("conf_tasks.noop", args![], kwargs! {});
        add.with().priority(0).delay(1, 1);
        add.with().priority(3).delay(1, 1);
        add.with().priority(5).delay(1, 1);
        add.with().priority(9).delay(1, 1);
        add.with().expires(1.hour()).delay(1, 1);
        add.with().expires(Timestamp::now() + 90.seconds()).delay(1, 1);
        add.with().time_limit(30.seconds()).soft_time_limit(20.seconds()).delay(1, 1);
        add.with().header("tenant", "a").header("n", 1).delay(1, 1);
        add.with().shadow("shown.as").delay(1, 1);
        add.with().task_id(uuid::Uuid::new_v4().to_string()).delay(1, 1);
        add.with().ignore_result(true).delay(1, 1);
        add.with().delivery_mode(DeliveryMode::Transient).delay(1, 1);
        add.with().reply_to("0a1b2c3d-0000-4000-8000-000000000000").delay(1, 1);
        add.with().property("app_id", "tests").delay(1, 1);
        add.with().stamp("tenant", "a").stamp("trace", vec!["b"]).delay(1, 1);
        add.with().link(after("conf_tasks.identity")).delay(1, 1);
        add.with().link(after("conf_tasks.identity")).link(after("conf_tasks.add").immutable()).delay(1, 1);
        add.with().link_error(after("conf_tasks.errback_key")).delay(1, 1);
        add.with().serializer(Serializer::Msgpack).delay(1, 1);
        add.with().serializer(Serializer::Yaml).delay(1, 1);
        add.with().serializer(Serializer::Msgpack).compression("zstd").delay(1, 1);
    }
    for compression in ["zlib", "bzip2", "lzma", "brotli", "zstd"] {
        send! { add.with().compression(compression).delay(1, 1); }
    }
    app.close().await?;
    check(&redis, "celery", sent);
    Ok(())
}

#[tokio::test]
async fn celery_finds_nothing_wrong_with_a_batch() -> Result<(), Error> {
    let redis = RedisServer::start();
    let app = app(&redis, &[EXPIRATION])?;
    app.install();
    app.delay_many((0..2_000).map(|number| add.with().queue("batch").delay(number, 1))).await?;
    app.close().await?;
    check(&redis, "batch", 2_000);
    Ok(())
}

#[tokio::test]
async fn celery_finds_nothing_wrong_with_version_1() -> Result<(), Error> {
    let redis = RedisServer::start();
    let app = app(&redis, &[("task_protocol", Value::Int(1)), EXPIRATION])?;
    app.install();
    add.delay(1, 2).await?;
    add.with().expires(1.hour()).link(Signature::by_name("conf_tasks.identity", args![])).delay(1, 2).await?;
    app.close().await?;
    check(&redis, "celery", 2);
    Ok(())
}
