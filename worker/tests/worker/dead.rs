//! What is kept as a dead letter when the settings ask for it, and what comes back by itself.

use jiff::SignedDuration;
use taskq_core::{
    args,
    backend::State,
    broker::DeadKind,
    canvas::Signature,
    codec::Value,
    task::{Failure, TaskOptions},
};
use taskq_worker::WorkerOptions;

use crate::rig::{Builder, Rig, until};

/// Waits for so many dead letters.
async fn dead_kinds(rig: &Rig, count: usize) -> Vec<DeadKind> {
    until("the messages are put aside", async || rig.dead().await.len() >= count).await;
    rig.dead().await.into_iter().map(|letter| letter.reason.kind).collect()
}

fn failing_twice() -> Builder {
    let options = TaskOptions { max_retries: Some(2), ..TaskOptions::DEFAULT };
    Builder::new().task_with("t.fails", options, |cx, _| async move {
        let failure = Failure::new("ValueError", format!("attempt {}", cx.retries()));
        Err(cx.retry().countdown(SignedDuration::ZERO).error(failure).into())
    })
}

/// The last attempt is kept with what each attempt before it failed with.
#[tokio::test]
async fn a_task_whose_retries_are_used_up_is_kept_with_its_errors_when_asked_for() {
    let (rig, worker) = failing_twice().set(|settings| settings.dead_letter_exhausted = true).start().await;
    let id = rig.send("t.fails", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "attempt 2");
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::RetriesExhausted]);
    let letter = rig.dead().await.remove(0);
    assert!(letter.reason.detail.contains("attempt 2"), "{}", letter.reason);
    let errors: Vec<String> = letter.errors().into_iter().map(|error| error.text).collect();
    assert_eq!(errors, ["ValueError: attempt 0", "ValueError: attempt 1"]);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_whose_retries_are_used_up_is_acknowledged_by_default() {
    let (rig, worker) = failing_twice().start().await;
    let id = rig.send("t.fails", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "attempt 2");
    rig.settled().await;
    assert!(rig.dead().await.is_empty());
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn an_expired_task_is_kept_when_asked_for() {
    let (rig, worker) = Builder::new().set(|settings| settings.dead_letter_expired = true).start().await;
    let past = rig.app.clock().now() - SignedDuration::from_secs(5);
    let id = rig.send_signature(Signature::by_name("t.add", args![1, 2]).expires(past)).await;
    assert_eq!(rig.meta(&id).await.state, State::Revoked);
    assert_eq!(dead_kinds(&rig, 1).await, [DeadKind::Expired]);
    worker.stop().await.unwrap();
}

/// Symptom: a message that came to an old worker during a deployment stayed a dead letter until somebody replayed it.
#[tokio::test]
async fn a_worker_that_starts_gets_what_waited_for_a_task_that_it_knows() {
    let (rig, worker) = Builder::new().start().await;
    let new = rig.send("t.new", args![7]).await;
    let other = rig.send("t.other", args![]).await;
    let wrong = rig.send("t.add", args!["one", 2]).await;
    dead_kinds(&rig, 3).await;
    assert_eq!(rig.error(&new).await.exc_type, "NotRegistered");
    worker.stop().await.unwrap();

    let broker = rig.broker;
    let next =
        Builder::new().task("t.new", |_, mut args| async move { Ok(args.remove(0)) }).on(broker, rig.backend);
    let worker = next.worker(&WorkerOptions::new().concurrency(1)).await;
    until("it has run", async || next.stored(&new).await.is_some_and(|meta| meta.state == State::Success))
        .await;
    assert_eq!(next.value(&new).await, Value::Int(7));
    let left: Vec<_> = next.dead().await.into_iter().filter_map(|letter| letter.task()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.iter().all(|task| task == "t.other" || task == "t.add"), "{left:?}");
    assert_eq!(next.error(&other).await.exc_type, "NotRegistered");
    assert_eq!(next.error(&wrong).await.exc_type, "TypeError");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_handed_over_when_that_is_switched_off() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send("t.new", args![7]).await;
    dead_kinds(&rig, 1).await;
    worker.stop().await.unwrap();
    let next = Builder::new()
        .set(|settings| settings.dead_letter_hand_over = false)
        .task("t.new", |_, mut args| async move { Ok(args.remove(0)) })
        .on(rig.broker, rig.backend);
    let worker = next.worker(&WorkerOptions::new().concurrency(1)).await;
    // It has looked at what there is once another task has run.
    let after = next.send("t.add", args![1, 2]).await;
    assert_eq!(next.value(&after).await, Value::Int(3));
    assert_eq!(next.dead().await.len(), 1);
    assert_eq!(next.error(&id).await.exc_type, "NotRegistered");
    worker.stop().await.unwrap();
}
