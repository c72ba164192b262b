//! What does not get to run, and what becomes of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    Timestamp, args,
    backend::State,
    broker::{DeadKind, Outgoing},
    canvas::Signature,
    codec::Value,
    protocol::{Message, Properties, RawHeaders, TaskId},
    task::{TaskError, TaskOptions},
    time::Clock,
};
use taskq_worker::{Worker, WorkerOptions};

use crate::{
    rig::{Builder, Rig, error_of, until},
    trace::{How, Step},
};

/// Puts a message of these headers and this body into the queue.
async fn put(rig: &Rig, headers: &str, content_type: Option<&str>, body: &'static [u8]) {
    let message = Message {
        headers: RawHeaders(Bytes::copy_from_slice(headers.as_bytes())),
        properties: Properties::default(),
        content_type: content_type.map(str::to_owned),
        content_encoding: Some("utf-8".into()),
        body: Bytes::from_static(body),
    };
    rig.broker.publish(&[Outgoing::to_queue("celery", message)]).await.expect("published");
}

async fn dead_kinds(rig: &Rig, count: usize) -> Vec<DeadKind> {
    until("the dead letters are there", async || rig.dead().await.len() == count).await;
    let mut kinds: Vec<DeadKind> = rig.dead().await.iter().map(|dead| dead.reason.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    kinds
}

#[tokio::test]
async fn an_unknown_task_is_kept_and_its_caller_told() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send("no.such.task", args![1]).await;
    let error = rig.error(&id).await;
    assert_eq!((error.exc_type.as_str(), error.exc_module.as_str()), ("NotRegistered", "celery.exceptions"));
    assert_eq!(error.exc_message, [Value::Str("no.such.task".into())]);
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::UnknownTask]);
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.received, report.stats.dead, report.stats.started), (1, 1, 0));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_kept_and_its_caller_told() {
    let (rig, worker) = Builder::new().start().await;
    put(&rig, r#"{"task": "t.add", "id": "bad-1"}"#, Some("application/json"), b"[[1, 2], {}").await;
    let error = rig.error(&TaskId::from("bad-1")).await;
    assert_eq!((error.exc_type.as_str(), error.exc_module.as_str()), ("DecodeError", "kombu.exceptions"));
    assert!(!error.message().is_empty());
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::Undecodable]);
    // And it goes on.
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_content_type_is_kept_and_its_caller_told() {
    let (rig, worker) = Builder::new().start().await;
    put(&rig, r#"{"task": "t.add", "id": "p-1"}"#, Some("application/x-python-serialize"), b"\x80\x04K\x01.")
        .await;
    let error = rig.error(&TaskId::from("p-1")).await;
    assert_eq!(error.exc_type, "ContentDisallowed");
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::RefusedContentType]);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn headers_that_are_no_tasks_are_kept() {
    let (rig, worker) = Builder::new().start().await;
    for headers in ["null", "[1]", "{}", r#"{"task": 7, "id": "x"}"#, "{\"task\"", ""] {
        put(&rig, headers, Some("application/json"), b"[[], {}, {}]").await;
    }
    let kinds = dead_kinds(&rig, 6).await;
    assert!(kinds.iter().all(|kind| *kind == DeadKind::Undecodable), "{kinds:?}");
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn bad_arguments_fail_as_pythons_do_and_are_kept() {
    let (rig, worker) = Builder::new().start().await;
    let missing = rig.send("t.add", args![1]).await;
    let surplus = rig.send("t.add", args![1, 2, 3]).await;
    let wrong = rig.send("t.add", args!["one", 2]).await;
    for id in [&missing, &surplus, &wrong] {
        let error = rig.error(id).await;
        assert_eq!(
            (error.exc_type.as_str(), error.exc_module.as_str()),
            ("TypeError", "builtins"),
            "{error:?}"
        );
    }
    let text = rig.error(&missing).await.message();
    assert!(text.contains("missing 1 required positional argument: 'y'"), "{text}");
    assert_eq!(dead_kinds(&rig, 3).await, [DeadKind::BadArguments; 3]);
    worker.stop().await.unwrap();
}

/// Symptom: acknowledged early, a call with wrong arguments was gone, and could not be replayed after the fix.
#[tokio::test]
async fn bad_arguments_are_kept_with_early_acknowledgement_too() {
    let (rig, worker) = Builder::new().set(|settings| settings.task_acks_late = false).start().await;
    let wrong = rig.send("t.add", args!["one", 2]).await;
    assert_eq!(rig.error(&wrong).await.exc_type, "TypeError");
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::BadArguments]);
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn an_expired_task_is_revoked_and_does_not_run() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send_signature(Signature::by_name("t.add", args![1, 2]).expires(past(&rig))).await;
    let meta = rig.meta(&id).await;
    assert_eq!(meta.state, State::Revoked);
    let error = error_of(&meta);
    assert_eq!((error.exc_type.as_str(), error.message().as_str()), ("TaskRevokedError", "expired"));
    rig.settled().await;
    assert!(rig.dead().await.is_empty());
    assert_eq!(worker.stop().await.unwrap().stats.started, 0);
}

fn past(rig: &Rig) -> taskq_core::Timestamp {
    rig.app.clock().now() - jiff::SignedDuration::from_secs(5)
}

#[tokio::test]
async fn a_task_that_expires_while_it_waits_for_a_slot_does_not_run() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let rig = Builder::new()
        .task("t.wait", move |_, _| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.expect("open").forget();
                Ok(Value::Null)
            }
        })
        .build();
    let first = rig.send("t.wait", args![]).await;
    let soon = rig.app.clock().now() + jiff::SignedDuration::from_millis(300);
    let second = rig.send_signature(Signature::by_name("t.add", args![1, 2]).expires(soon)).await;
    let worker = rig.worker(&WorkerOptions::new().concurrency(1).prefetch_multiplier(4)).await;
    until("both are taken", async || worker.stats().received == 2).await;
    until("the second has expired", async || rig.app.clock().now() > soon).await;
    opened.add_permits(1);
    assert_eq!(rig.value(&first).await, Value::Null);
    assert_eq!(rig.meta(&second).await.state, State::Revoked);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_before_its_time_waits_in_the_broker() {
    let (rig, worker) = Builder::new().start().await;
    let soon = Signature::by_name("t.add", args![1, 2]).countdown(Duration::from_millis(400));
    let due = rig.app.clock().now() + jiff::SignedDuration::from_millis(400);
    let id = rig.send_signature(soon).await;
    let far = rig
        .send_signature(Signature::by_name("t.add", args![1, 2]).countdown(Duration::from_secs(3600)))
        .await;
    let meta = rig.meta(&id).await;
    assert!(meta.date_done.expect("done") >= due, "{meta:?}");
    assert_eq!(rig.stored(&far).await, None);
    until("the later one is parked", async || rig.stats().await.delayed == 1).await;
    // Nothing of it is in the worker.
    let report = worker.stop().await.unwrap();
    assert_eq!((report.left, report.stats.given_back), (0, 0));
    assert_eq!(rig.stats().await.delayed, 1);
}

#[tokio::test]
async fn a_message_that_was_delivered_too_often_is_poison() {
    let rig = Builder::new()
        .set(|settings| settings.max_deliveries = 2)
        .task_with("t.again", TaskOptions::DEFAULT, |_, _| async {
            Err(TaskError::Reject { requeue: true, reason: "again".into() })
        })
        .build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.again", args![]).await;
    let error = rig.error(&id).await;
    assert!(error.message().contains("2 times"), "{error:?}");
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::Poison]);
    assert_eq!(worker.stop().await.unwrap().stats.started, 2);
}

#[tokio::test]
async fn a_worker_refuses_to_start_with_what_it_cannot_do() {
    let blocking = TaskOptions { time_limit: Some(Duration::from_secs(1)), ..TaskOptions::DEFAULT };
    let rig = Builder::new().blocking("t.block", blocking, |_, _| Ok(Value::Null)).build();
    let error = Worker::new(&rig.app, &WorkerOptions::new()).unwrap_err();
    assert!(error.to_string().contains("`t.block`"), "{error}");
    let rig = Builder::new().build();
    for options in [
        WorkerOptions::new().concurrency(0),
        WorkerOptions::new().exclude_queues(["celery"]),
        WorkerOptions::new().exclude_queues(["typo"]),
    ] {
        assert!(Worker::new(&rig.app, &options).is_err(), "{options:?}");
    }
}

/// A clock that is behind.
#[derive(Debug)]
struct Behind(jiff::SignedDuration);

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        Timestamp::now().saturating_sub(self.0).expect("a time")
    }
}

#[tokio::test]
async fn a_worker_whose_clock_is_behind_does_not_spin_on_a_delayed_task() {
    let rig = Builder::new().clock(Behind(jiff::SignedDuration::from_secs(3))).build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    // By the broker's clock it is due at once, by the worker's in half a second.
    let delayed = Signature::by_name("t.add", args![1, 2]).countdown(Duration::from_millis(500));
    let id = rig.send_signature(delayed).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    let delays = rig.trace.steps().iter().filter(|step| is_delay(step)).count();
    assert!(delays <= 6, "it went back to the broker {delays} times");
    worker.stop().await.unwrap();
}

fn is_delay(step: &Step) -> bool {
    matches!(step, Step::Settled(ends) if ends.iter().any(|(how, _)| *how == How::Delay))
}
