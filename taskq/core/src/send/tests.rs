//! Sending, against a broker that does as it is told.

mod recorded;
mod script;

use std::{
    future::IntoFuture,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use script::{Script, Step, add_call, app, app_with};

use super::*;
use crate::{
    ErrorKind, args,
    broker::BrokerErrorKind,
    canvas::Signature,
    codec::{Map, Value, json},
    config::Settings,
    kwargs,
    protocol::{Headers, TaskId},
};

fn headers(out: &crate::broker::Outgoing) -> Headers {
    Headers::parse(&out.message.headers).unwrap()
}

#[tokio::test]
async fn a_lone_call_goes_out_at_once_and_is_confirmed() {
    let script = Script::new();
    let app = app(&script);
    let result = add_call(2, 3).app(&app).task_id("one").await.unwrap();
    assert_eq!(result.id().as_str(), "one");
    let batches = script.batches();
    assert_eq!(batches.len(), 1);
    let out = &batches[0][0];
    assert_eq!((out.exchange.as_str(), out.routing_key.as_str()), ("", "celery"));
    let headers = headers(out);
    assert_eq!((headers.task.as_str(), headers.id.as_str()), ("proj.add", "one"));
    assert_eq!((headers.argsrepr.as_deref(), headers.kwargsrepr.as_deref()), (Some("(2, 3)"), Some("{}")));
    assert_eq!(headers.root_id, Some(TaskId::from("one")));
    assert_eq!(headers.ignore_result, Some(false));
    assert!(headers.origin.unwrap().starts_with(&format!("gen{}@", std::process::id())));
    let body: Value = json::from_slice(&out.message.body).unwrap();
    assert_eq!(body.as_list().unwrap()[0], Value::List(vec![Value::Int(2), Value::Int(3)]));
    assert_eq!(body.as_list().unwrap().len(), 3);
    assert_eq!(script.declared(), ["celery"]);
}

#[tokio::test]
async fn every_option_reaches_the_message() {
    let script = Script::new();
    let app = app(&script);
    let eta = "2030-01-02T03:04:05Z".parse().unwrap();
    add_call(1, 2)
        .app(&app)
        .eta(eta)
        .expires(jiff::Timestamp::MAX)
        .shadow("shown")
        .queue("low")
        .priority(9)
        .header("tenant", "acme")
        .stamp("batch", 7)
        .property("app_id", "me")
        .time_limit(Duration::from_secs(30))
        .soft_time_limit(Duration::from_millis(500))
        .ignore_result(true)
        .reply_to("replies")
        .delivery_mode(crate::protocol::DeliveryMode::Transient)
        .compression("zlib")
        .link(Signature::by_name("proj.done", args![1]))
        .await
        .unwrap();
    let batches = script.batches();
    let out = &batches[0][0];
    let headers = headers(out);
    assert_eq!(out.routing_key, "low");
    assert_eq!(headers.eta.as_deref(), Some("2030-01-02T03:04:05.000000+00:00"));
    assert!(headers.expires.is_some());
    assert_eq!(headers.shadow.as_deref(), Some("shown"));
    assert_eq!(headers.timelimit, (Some(30.0), Some(0.5)));
    assert_eq!(headers.ignore_result, Some(true));
    assert_eq!(headers.stamped_headers, Some(vec!["batch".to_owned()]));
    assert_eq!(headers.stamps["batch"], Value::Int(7));
    assert_eq!(headers.get("tenant"), Some(&Value::Str("acme".into())));
    assert_eq!(headers.compression.as_deref(), Some("application/x-gzip"));
    let properties = &out.message.properties;
    assert_eq!(properties.priority, Some(9));
    assert_eq!(properties.reply_to.as_deref(), Some("replies"));
    assert_eq!(properties.extra["app_id"], Value::Str("me".into()));
    assert_eq!(properties.delivery_mode.as_u8(), 1);
    assert_eq!(properties.expiration, None, "RabbitMQ would drop the message without a trace");
    assert_eq!(out.not_before, None, "the broker of this test cannot keep a message for later");
}

#[tokio::test]
async fn a_broker_that_keeps_messages_gets_the_due_time() {
    let script = Script::new();
    script.delays.store(true, Ordering::Relaxed);
    let app = app(&script);
    let before = jiff::Timestamp::now();
    add_call(1, 2).app(&app).countdown(Duration::from_secs(60)).await.unwrap();
    let due = script.batches()[0][0].not_before.unwrap();
    let delay = due.duration_since(before).as_secs();
    assert!((59..=61).contains(&delay), "{delay}");
}

#[tokio::test]
async fn calls_that_come_while_one_is_on_its_way_go_out_together() {
    let script = Script::new();
    let gate = script.hold();
    let app = app(&script);
    let first = tokio::spawn(add_call(0, 0).app(&app).into_future());
    script.began(1).await;
    let mut rest = Vec::new();
    for n in 1..=300 {
        let call = add_call(n, n).app(&app).into_future();
        rest.push(tokio::spawn(call));
    }
    script.waiting(&app, 301).await;
    gate.open();
    first.await.unwrap().unwrap();
    for call in rest {
        call.await.unwrap().unwrap();
    }
    let sizes: Vec<usize> = script.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 256, 44]);
    assert_eq!(script.declared(), ["celery"], "once per connection");
}

#[tokio::test]
async fn many_calls_take_one_round_trip() {
    let script = Script::new();
    let app = app(&script);
    let results = app.delay_many((0..3_000).map(|n| add_call(n, n))).await.unwrap();
    assert_eq!(results.len(), 3_000);
    let batches = script.batches();
    assert_eq!(batches.len(), 1);
    let sent: Vec<TaskId> = batches[0].iter().map(|out| headers(out).id).collect();
    let got: Vec<TaskId> = results.iter().map(|result| result.id().clone()).collect();
    assert_eq!(sent, got);

    let large = "x".repeat(300_000);
    let calls = (0..8).map(|_| app.draft(Signature::by_name("proj.large", args![large])).unwrap());
    app.publish_many(calls.collect()).await.unwrap();
    let sizes: Vec<usize> = script.batches()[1..].iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4], "by size, too");
    app.publish_many(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_hangs_costs_no_more_than_the_deadline() {
    let script = Script::new();
    let _held = script.hold();
    let app = app(&script);
    let start = Instant::now();
    let error = add_call(1, 2).app(&app).queue("high").timeout(Duration::from_millis(100)).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.to_string();
    assert!(
        text.contains("`high`") && text.contains("script://u:**@h") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_slow_connection_is_there_for_the_next_call() {
    let script = Script::new();
    let gate = script.hold_connections();
    let app = app(&script);
    let error = add_call(1, 2).app(&app).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_timeout());
    assert!(error.to_string().contains("within 50ms"), "{error}");
    gate.open();
    add_call(1, 2).app(&app).await.unwrap();
    assert_eq!(script.connections.load(Ordering::Relaxed), 1, "the first attempt was not given up");
}

#[tokio::test]
async fn what_may_pass_is_repeated_and_what_may_not_is_not() {
    let script = Script::new();
    script.then([Step::Fail(BrokerErrorKind::Connection), Step::Fail(BrokerErrorKind::Connection)]);
    let app = app(&script);
    add_call(1, 2).app(&app).await.unwrap();
    assert_eq!(script.attempts(), 3);
    assert_eq!(
        script.declared(),
        ["celery", "celery", "celery"],
        "a lost connection forgets what was declared"
    );

    script.then([Step::Fail(BrokerErrorKind::Refused)]);
    let error = add_call(1, 2).app(&app).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broker);
    assert_eq!(script.attempts(), 4);

    script.then([Step::Fail(BrokerErrorKind::Connection)]);
    let error = add_call(1, 2).app(&app).retry(false).await.unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert!(error.to_string().contains("script://u:**@h"), "{error}");
}

#[tokio::test]
async fn a_broker_that_stays_away_gives_its_error_after_the_last_repetition() {
    let script = Script::new();
    script.then([(); 10].map(|()| Step::Fail(BrokerErrorKind::Connection)));
    let app = app(&script);
    let policy = RetryPolicy { interval_step: Duration::from_millis(1), ..RetryPolicy::default() };
    let error = add_call(1, 2).app(&app).retry_policy(policy).await.unwrap_err();
    assert!(error.is_connection());
    assert_eq!(script.attempts(), 4);
}

#[tokio::test]
async fn one_refused_message_does_not_fail_its_neighbours() {
    let script = Script::new();
    let gate = script.hold();
    let app = app(&script);
    let first = tokio::spawn(add_call(0, 0).app(&app).into_future());
    script.began(1).await;
    script.refuse_queue("bad");
    let good = tokio::spawn(add_call(1, 1).app(&app).into_future());
    let bad = tokio::spawn(add_call(2, 2).app(&app).queue("bad").into_future());
    script.waiting(&app, 3).await;
    gate.open();
    first.await.unwrap().unwrap();
    good.await.unwrap().unwrap();
    assert_eq!(bad.await.unwrap().unwrap_err().kind(), ErrorKind::Broker);
}

#[test]
fn the_batcher_outlives_the_runtime_that_used_it_first() {
    let script = Script::new();
    let app = app(&script);
    for n in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(add_call(n, n).app(&app).into_future()).unwrap();
    }
    add_call(3, 3).app(&app).send_blocking().unwrap();
    assert_eq!(script.batches().len(), 4);
    assert_eq!(script.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn closing_sends_what_waits_and_refuses_the_rest() {
    let script = Script::new();
    let gate = script.hold();
    let app = app(&script);
    let waiting = tokio::spawn(add_call(1, 1).app(&app).into_future());
    script.began(1).await;
    let closing = tokio::spawn({
        let app = app.clone();
        async move { app.close().await }
    });
    gate.open();
    closing.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    let error = add_call(1, 1).app(&app).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
}

#[tokio::test]
async fn impossible_calls_are_refused_before_anything_is_sent() {
    let script = Script::new();
    let app = app(&script);
    let error = add_call(1, 2).app(&app).priority(10).await.unwrap_err();
    assert!(error.to_string().contains("priority 10"), "{error}");
    let error =
        app.send("proj.x", args![std::path::Path::new("a")], kwargs! { "k" => script::Unencodable }).await;
    assert!(error.unwrap_err().to_string().contains("argument `k`"));
    let dates: Map = [("at".to_owned(), Value::DateTime("2030-01-01T00:00:00".into()))].into_iter().collect();
    let dated = Signature::by_name("proj.x", vec![Value::Map(dates)].into())
        .serializer(crate::codec::Serializer::Msgpack);
    assert_eq!(app.send_signature(dated).await.unwrap_err().kind(), ErrorKind::Encode);
    assert_eq!(script.attempts(), 0);
}

#[tokio::test]
async fn a_name_is_sent_without_knowing_the_task() {
    let script = Script::new();
    let app = app(&script);
    app.send("proj.py_task", args![1, "two"], kwargs! { "depth" => 3 }).await.unwrap();
    let batches = script.batches();
    let headers = headers(&batches[0][0]);
    assert_eq!(headers.ignore_result, None, "the worker knows, not we");
    assert_eq!(headers.kwargsrepr.as_deref(), Some("{'depth': 3}"));
    let body: Value = json::from_slice(&batches[0][0].message.body).unwrap();
    assert_eq!(body.as_list().unwrap()[0], Value::List(vec![Value::Int(1), Value::Str("two".into())]));
}

#[tokio::test]
async fn settings_of_the_task_and_of_the_app_are_defaults() {
    let script = Script::new();
    let mut settings = Settings::default();
    settings.task_default_priority = Some(4);
    settings.message_expiration = true;
    settings.task_default_queue = "mine".into();
    let app = app_with(&script, settings);
    add_call(1, 2).app(&app).expires(Duration::ZERO).await.unwrap();
    script::quick_call().app(&app).await.unwrap();
    let sent: Vec<_> = script.batches().concat();
    assert_eq!(sent[0].routing_key, "mine");
    assert_eq!(sent[0].message.properties.priority, Some(4));
    assert_eq!(sent[0].message.properties.expiration.as_deref(), Some("0"));
    assert_eq!(sent[1].routing_key, "quick");
    assert_eq!(sent[1].message.properties.priority, Some(8));
    assert_eq!(headers(&sent[1]).timelimit, (Some(60.0), Some(45.0)));
}
