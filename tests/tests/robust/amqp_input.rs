//! Broken and hostile messages in a queue of RabbitMQ: each is put aside as it was, and the worker goes on.

use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use taskq::core::config::Sources;
use taskq::{App, Error, task};
use taskq_tests::node::Node;
use taskq_tests::rabbit_server::RabbitServer;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

const PATIENCE: Duration = Duration::from_secs(60);

#[task(name = "conf_tasks.add")]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// What AMQP carries, with headers of a task if `task` is one.
fn thrown(task: Option<AMQPValue>, content_type: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    if let Some(task) = task {
        headers.insert("task".into(), task);
        headers.insert("id".into(), text(&uuid::Uuid::new_v4().to_string()));
        headers.insert("lang".into(), text("py"));
    }
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_content_encoding("utf-8".into())
        .with_headers(headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_messages_in_rabbitmq_are_kept_and_stop_nobody() -> Result<(), Error> {
    let (server, redis) = (RabbitServer::start(), RedisServer::start());
    let logs = tempfile::tempdir().expect("a folder for logs");
    let mut node = Node::new("rust@amqp", &server.url(), &redis.url(1), &redis.url(2), logs.path());
    node.conf = json!({"task_acks_late": true});
    let worker = node.start_rust(WORKER);

    let name = |task: &str| Some(AMQPValue::LongString(format!("conf_tasks.{task}").into()));
    let (json, pickle) = ("application/json", "application/x-python-serialize");
    let embed = r#"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}"#;
    let deep = format!("[{}{}, {{}}, {embed}]", "[".repeat(100_000), "]".repeat(100_000));
    let call = |args: &str| format!("[{args}, {{}}, {embed}]").into_bytes();
    let hostile: Vec<(&str, BasicProperties, Vec<u8>)> = vec![
        ("bytes without properties", BasicProperties::default(), b"\xff\xfe\x00".to_vec()),
        ("nothing at all", BasicProperties::default(), Vec::new()),
        ("no task", thrown(None, json), call("[1, 2]")),
        ("the task is a number", thrown(Some(AMQPValue::LongInt(7)), json), call("[1, 2]")),
        ("unknown task", thrown(name("nobody_wrote_this"), json), call("[]")),
        ("missing argument", thrown(name("add"), json), call("[1]")),
        ("a pickle", thrown(name("noop"), pickle), call("[]")),
        ("a body that is not utf-8", thrown(name("identity"), json), b"[[\"\xff\xfe\"], {}, {}]".to_vec()),
        ("100,000 nested arrays", thrown(name("identity"), json), deep.into_bytes()),
    ];
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2F", server.port());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("connect");
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm.select");
    for (case, properties, body) in &hostile {
        let (options, queue) = (BasicPublishOptions::default(), "celery".into());
        let sent = channel.basic_publish("".into(), queue, options, body, properties.clone()).await;
        sent.expect(case).await.expect(case);
    }

    let sources = Sources::none().set("broker_url", server.url()).set("result_backend", redis.url(1));
    let app = App::builder().sources(sources).build()?;
    let good = add.delay(2, 3).app(&app).await?;
    assert_eq!(good.get().timeout(PATIENCE).await.expect("a result"), 5);
    let admin = app.broker().await?.admin().expect("a broker that can be looked into");
    let began = Instant::now();
    let dead = loop {
        let dead = admin.dead("celery", 0, 100).await?;
        if dead.len() >= hostile.len() || began.elapsed() > PATIENCE {
            break dead;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for (case, _, body) in &hostile {
        assert!(dead.iter().any(|letter| letter.original == *body), "{case}: not among the dead letters");
    }
    assert_eq!(dead.len(), hostile.len());
    worker.terminate();
    app.close().await
}
