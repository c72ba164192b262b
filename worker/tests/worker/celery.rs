//! What Celery's worker stored and sent in the recordings, this worker stores and sends too.
//!
//! Each case replays the message of the producer to tasks that do what the recorded ones did. Left out of the
//! comparison: times, tracebacks, ids and process numbers that a worker draws itself, the double FAILURE at a
//! hard limit, and the children of a RETRY (Celery names the retry itself).

use std::{fs, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use taskq_core::{
    args,
    backend::{Child, TaskMeta, TaskOutput},
    broker::Outgoing,
    codec::{self, Value},
    protocol::{Message, Properties, RawHeaders},
    task::{Failure, TaskContext, TaskError, TaskOptions},
};

use crate::rig::{Builder, until};

const CASES: [&str; 25] = [
    "success",
    "late",
    "ignored-result",
    "minimal-v2",
    "v1-message",
    "compressed",
    "started",
    "progress",
    "expired",
    "unknown-task",
    "wrong-args",
    "late-failure",
    "late-failure-noack",
    "ignore",
    "reject",
    "reject-requeue",
    "retry",
    "retry-exhausted",
    "retry-noexc",
    "autoretry",
    "soft-limit",
    "soft-limit-caught",
    "hard-limit",
    "link",
    "chain",
];
const LINKED: [&str; 4] = ["link-two", "link-error-old", "link-error-unknown", "chain-failure"];

#[tokio::test]
async fn runs_end_as_celerys_do() {
    for case in CASES {
        replay(case).await;
    }
}

#[tokio::test]
async fn links_are_followed_as_celery_follows_them() {
    for case in LINKED {
        replay(case).await;
    }
}

#[tokio::test]
async fn children_are_recorded_as_celery_records_them() {
    replay("children").await;
}

/// The recorded tasks.
fn tasks() -> Builder {
    let late = TaskOptions { acks_late: Some(true), ..TaskOptions::DEFAULT };
    let limit = |soft: Option<u64>, hard: Option<u64>| TaskOptions {
        soft_time_limit: soft.map(Duration::from_millis),
        time_limit: hard.map(Duration::from_millis),
        ..TaskOptions::DEFAULT
    };
    let retries = |max| TaskOptions { max_retries: Some(max), ..TaskOptions::DEFAULT };
    Builder::new()
        .task("t.mul", |_, args| async move {
            let number = |value: &Value| value.as_i64().unwrap_or_default();
            Ok(Value::Int(args.iter().map(number).product()))
        })
        .task("t.fail", |_, _| async {
            Err(Failure::new("ValueError", "")
                .with_args(vec![Value::Str("bad value".into()), Value::Int(42)])
                .into())
        })
        .one("t.errback_old", |_, id| async move {
            Ok(Value::Str(format!("old style {}", id.as_str().unwrap_or_default())))
        })
        .task_with("t.ignored", TaskOptions { ignore_result: Some(true), ..TaskOptions::DEFAULT }, same)
        .task_with("t.started", TaskOptions { track_started: Some(true), ..TaskOptions::DEFAULT }, same)
        .task_with("t.late", late, same)
        .task("t.progress", |cx, args| async move {
            let meta =
                codec::Map::from_iter([("done".into(), Value::Int(3)), ("total".into(), Value::Int(10))]);
            cx.update_state("PROGRESS", meta).await.map_err(Failure::from_error)?;
            Ok(args[0].clone())
        })
        .task_with("t.late_fail", late, |_, _| async { fails("late failure") })
        .task_with("t.late_fail_noack", TaskOptions { acks_on_failure: Some(false), ..late }, |_, _| async {
            fails("late failure, not acked")
        })
        .task("t.ignore", |_, _| async { Err(TaskError::Ignore) })
        .task_with("t.reject", late, |_, _| async {
            Err(TaskError::Reject { requeue: false, reason: "no thanks".into() })
        })
        .task_with("t.reject_once", late, |cx, _| async move {
            if cx.request().delivery.redelivered {
                return Ok(Value::Str("second delivery".into()));
            }
            Err(TaskError::Reject { requeue: true, reason: "again please".into() })
        })
        .task_with("t.retry_once", retries(3), |cx, args| async move {
            if cx.retries() > 0 { Ok(args[0].clone()) } else { again(&cx, Some("first try fails")) }
        })
        .task_with("t.retry_always", retries(1), |cx, _| async move { again(&cx, Some("never works")) })
        .task_with("t.retry_noexc", retries(0), |cx, _| async move { again(&cx, None) })
        .task_with(
            "t.autoretry",
            TaskOptions {
                retry_on: Some(|failure| failure.error.exc_type == "ZeroDivisionError"),
                default_retry_delay: Duration::from_millis(50),
                ..retries(1)
            },
            |_, _| async { Err(Failure::new("ZeroDivisionError", "division by zero").into()) },
        )
        .task_with("t.soft", limit(Some(50), Some(30_000)), |cx, args| async move {
            if args.is_empty() {
                return std::future::pending().await;
            }
            cx.cancellation().cancelled().await;
            Ok(Value::Str("cleaned up".into()))
        })
        .task_with("t.hard", limit(None, Some(1_000)), |_, _| std::future::pending())
        .task("t.spawn", |_, args| async move {
            let app = taskq_core::app::App::current()?;
            for n in 0..args[0].as_i64().unwrap_or_default() {
                app.send("t.add", args![n, n], Default::default()).await?;
            }
            Ok(args[0].clone())
        })
}

async fn same(_: TaskContext, args: Vec<Value>) -> Result<Value, TaskError> {
    Ok(args[0].clone())
}

fn fails(text: &str) -> Result<Value, TaskError> {
    Err(Failure::new("ValueError", text).into())
}

fn again(cx: &TaskContext, error: Option<&str>) -> Result<Value, TaskError> {
    let mut asked = cx.retry().countdown(Duration::from_millis(50));
    if let Some(text) = error {
        asked = asked.error(Failure::new("ValueError", text));
    }
    Err(asked.into())
}

async fn replay(case: &str) {
    let path = format!("{}/../tests/fixtures/celery/redis.worker.{case}.json", env!("CARGO_MANIFEST_DIR"));
    let recorded: Json = serde_json::from_slice(&fs::read(&path).expect("a recording")).expect("JSON");
    let messages = recorded["messages"].as_array().expect("messages");
    let (rig, worker) = tasks().start().await;
    rig.broker.publish(&[incoming(&messages[0]["envelope"])]).await.expect("published");

    let mut results: Vec<Json> = recorded["results"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|result| stored(&result["decoded"]))
        .collect();
    let mut sent: Vec<Json> = messages[1..]
        .iter()
        // The same message again, redelivered, was not sent by the worker.
        .filter(|message| message["envelope"]["headers"]["redelivered"].is_null())
        .map(|message| outgoing(&message["where"]["key"], &message["envelope"]["headers"], &message["body"]))
        .collect();
    results.dedup();
    let deliveries = 1 + messages[1..].iter().filter(|message| message["where"]["key"] == "celery").count();
    until(&format!("`{case}` is over"), async || {
        let stats = rig.stats().await;
        worker.stats().received >= deliveries as u64 && stats.ready + stats.delayed + stats.in_flight == 0
    })
    .await;

    let mut ours: Vec<Json> =
        rig.trace.stored.lock().unwrap().iter().map(|meta| stored(&of_meta(meta))).collect();
    let mut our_sent: Vec<Json> = rig.trace.sent.lock().unwrap()[1..]
        .iter()
        .map(|message| {
            let headers = serde_json::from_slice(&message.message.headers.0).expect("headers");
            let body = serde_json::from_slice(&message.message.body).expect("a body");
            outgoing(&json!(message.routing_key), &headers, &body)
        })
        .collect();
    for list in [&mut results, &mut ours, &mut sent, &mut our_sent] {
        list.sort_by_key(Json::to_string);
    }
    assert_eq!(ours, results, "results of `{case}`");
    assert_eq!(our_sent, sent, "messages of `{case}`");
    worker.stop().await.expect("stopped");
}

/// A recorded message as a broker delivers it.
fn incoming(envelope: &Json) -> Outgoing {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let body = BASE64_STANDARD.decode(envelope["body"].as_str().expect("a body")).expect("base64");
    let properties = &envelope["properties"];
    let message = Message {
        headers: RawHeaders(Bytes::from(envelope["headers"].to_string())),
        properties: Properties {
            correlation_id: text(&properties["correlation_id"]),
            reply_to: text(&properties["reply_to"]),
            priority: properties["priority"].as_i64(),
            ..Properties::default()
        },
        content_type: text(&envelope["content-type"]),
        content_encoding: text(&envelope["content-encoding"]),
        body: Bytes::from(body),
    };
    Outgoing::to_queue("celery", message)
}

/// A meta in Celery's shape.
fn of_meta(meta: &TaskMeta) -> Json {
    let parse = |json: &[u8]| serde_json::from_slice::<Json>(json).expect("JSON");
    let value = |value: &Value| parse(&codec::json::to_bytes(value).expect("JSON"));
    let result = match &meta.output {
        TaskOutput::Json(json) => parse(json),
        TaskOutput::Value(inner) => value(inner),
        TaskOutput::Error(error) => json!({
            "exc_type": error.exc_type,
            "exc_message": error.exc_message.iter().map(value).collect::<Vec<_>>(),
            "exc_module": error.exc_module,
        }),
    };
    json!({
        "status": meta.state.as_str(),
        "result": result,
        "children": meta.children.as_ref().map(|children| children.iter().map(child).collect::<Vec<_>>()),
        "date_done": meta.date_done.map(|at| at.to_string()),
        "task_id": meta.id.as_str(),
        "parent_id": meta.parent_id.as_ref().map(|id| id.as_str()),
        "group_id": meta.group_id,
    })
}

fn child(child: &Child) -> Json {
    let members = child.members.as_ref().map(|all| all.iter().map(self::child).collect::<Vec<_>>());
    json!([[child.id, child.parent.as_deref().map(self::child)], members])
}

/// What is compared of a stored result.
fn stored(meta: &Json) -> Json {
    let mut result = meta["result"].clone();
    if meta["status"] == "STARTED" {
        result = json!(result.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()));
    }
    let children = if meta["status"] == "RETRY" { Json::Null } else { meta["children"].clone() };
    drawn(json!({
        "status": meta["status"],
        "result": result,
        "children": children,
        "done": !meta["date_done"].is_null(),
        "id": meta["task_id"],
        "parent": meta["parent_id"],
        "group": meta["group_id"],
    }))
}

/// What is compared of a sent message.
fn outgoing(queue: &Json, headers: &Json, body: &Json) -> Json {
    let mut kept = json!({ "queue": queue, "body": body, "eta": !headers["eta"].is_null() });
    for name in [
        "task",
        "id",
        "group",
        "group_index",
        "retries",
        "parent_id",
        "root_id",
        "argsrepr",
        "kwargsrepr",
        "timelimit",
        "replaced_task_nesting",
        "shadow",
        "stamps",
        "stamped_headers",
        "ignore_result",
        "expires",
    ] {
        kept[name] = headers[name].clone();
    }
    drawn(kept)
}

/// Hides ids that a worker drew, and the module that Python puts before a function's name.
fn drawn(value: Json) -> Json {
    match value {
        Json::String(text) => {
            let of_client = text.starts_with("aaaaaaaa-") || text.starts_with("c1");
            if !of_client && uuid::Uuid::parse_str(&text).is_ok() {
                return json!("<drawn>");
            }
            json!(text.replace("make_app.<locals>.", ""))
        }
        Json::Array(list) => list.into_iter().map(drawn).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, drawn(value))).collect(),
        other => other,
    }
}
