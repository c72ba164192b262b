//! Time limits: soft and hard, of the task and of the call.

use std::time::Duration;

use taskq_core::{
    args,
    backend::State,
    canvas::Signature,
    codec::Value,
    task::{TaskError, TaskOptions},
};
use taskq_worker::{Worker, WorkerOptions};

use crate::{
    rig::{Builder, until},
    trace::{How, Step},
};

fn limits(soft: Option<u64>, hard: Option<u64>) -> TaskOptions {
    TaskOptions {
        soft_time_limit: soft.map(Duration::from_millis),
        time_limit: hard.map(Duration::from_millis),
        ..TaskOptions::DEFAULT
    }
}

async fn forever() -> Result<Value, TaskError> {
    std::future::pending().await
}

#[tokio::test]
async fn a_task_beyond_its_soft_limit_is_dropped_and_fails_as_celerys() {
    let (rig, worker) =
        Builder::new().task_with("t.soft", limits(Some(30), None), |_, _| forever()).start().await;
    let id = rig.send("t.soft", args![]).await;
    let error = rig.error(&id).await;
    assert_eq!(
        (error.exc_type.as_str(), error.exc_module.as_str(), error.exc_message.len()),
        ("SoftTimeLimitExceeded", "billiard.exceptions", 0)
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_that_watches_its_token_ends_in_its_own_way() {
    let (rig, worker) = Builder::new()
        .task_with("t.guard", limits(Some(30), None), |cx, _| async move {
            tokio::select! {
                () = cx.cancellation().cancelled() => {}
                _ = forever() => {}
            }
            // It may take its time.
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Value::Str("soft".into()))
        })
        .blocking("t.block", limits(Some(30), None), |cx, _| {
            while !cx.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(Value::Str("soft".into()))
        })
        .start()
        .await;
    for task in ["t.guard", "t.block"] {
        let id = rig.send(task, args![]).await;
        assert_eq!(rig.value(&id).await, Value::Str("soft".into()), "{task}");
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_hard_limit_ends_even_those_that_watch() {
    let (rig, worker) = Builder::new()
        .task_with("t.hard", limits(Some(10), Some(1000)), |cx, _| async move {
            cx.cancellation().cancelled().await;
            forever().await
        })
        .start()
        .await;
    let id = rig.send("t.hard", args![]).await;
    let error = rig.error(&id).await;
    assert_eq!((error.exc_type.as_str(), error.exc_message), ("TimeLimitExceeded", vec![Value::Int(1)]));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn the_limits_of_a_call_win_over_the_tasks() {
    let (rig, worker) = Builder::new()
        .task_with("t.long", limits(None, Some(60_000)), |_, _| forever())
        .blocking("t.block", TaskOptions::DEFAULT, |_, _| Ok(Value::Bool(true)))
        .start()
        .await;
    let short = Signature::by_name("t.long", args![]).time_limit(Duration::from_millis(20));
    let id = rig.send_signature(short).await;
    assert_eq!(rig.error(&id).await.exc_type, "TimeLimitExceeded");
    // Not enforced on a thread, so not a failure either.
    let blocking = Signature::by_name("t.block", args![]).time_limit(Duration::from_millis(1));
    let id = rig.send_signature(blocking).await;
    assert_eq!(rig.value(&id).await, Value::Bool(true));
    worker.stop().await.unwrap();
}

/// Symptom: a hard limit in the settings held for blocking tasks in name only.
#[tokio::test]
async fn a_hard_limit_of_the_settings_on_a_blocking_task_is_refused_at_start() {
    let rig = Builder::new()
        .set(|settings| settings.task_time_limit = Some(Duration::from_secs(60)))
        .blocking("t.block", TaskOptions::DEFAULT, |_, _| Ok(Value::Bool(true)))
        .build();
    let error = Worker::new(&rig.app, &WorkerOptions::new()).unwrap_err().to_string();
    assert!(error.contains("`task_time_limit` (60 s)") && error.contains("`async fn`"), "{error}");
    assert!(Worker::new(&rig.app, &WorkerOptions::new().unenforced_limits(true)).is_ok());
}

#[tokio::test]
async fn a_hard_limit_can_requeue_instead() {
    let options = TaskOptions { acks_on_timeout: Some(false), ..limits(None, Some(50)) };
    let (rig, worker) = Builder::new()
        .task_with("t.again", options, |cx, _| async move {
            if cx.request().delivery.redelivered { Ok(Value::Int(2)) } else { forever().await }
        })
        .start()
        .await;
    let id = rig.send("t.again", args![]).await;
    until("the second run is through", async || {
        rig.stored(&id).await.is_some_and(|meta| meta.state == State::Success)
    })
    .await;
    assert!(rig.trace.steps().contains(&Step::Settled(vec![(How::Requeue, 0)])));
    worker.stop().await.unwrap();
}
