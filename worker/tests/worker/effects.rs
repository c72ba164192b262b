//! The order of effects, and what happens when one of them fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq_core::{args, backend::State, broker::DeadKind, canvas::Signature, codec::Value};
use taskq_worker::WorkerOptions;

use crate::{
    rig::{Builder, until},
    trace::{Fault, How, Step},
};

/// What was stored and settled, without the publishes of the test itself.
fn effects(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| matches!(step, Step::Stored(_) | Step::Settled(_))).collect()
}

#[tokio::test]
async fn the_result_is_stored_before_the_delivery_is_settled() {
    let (rig, worker) = Builder::new().start().await;
    let link = Signature::by_name("t.add", args![1]);
    let id = rig.send_signature(Signature::by_name("t.add", args![1, 2]).link(link)).await;
    rig.meta(&id).await;
    rig.settled().await;
    assert_eq!(
        effects(rig.trace.steps())[..2],
        [Step::Stored(vec![(id.to_string(), State::Success)]), Step::Settled(vec![(How::Ack, 1)])]
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_backend_that_is_away_delays_the_ack_until_the_result_is_stored() {
    let rig = Builder::new().build();
    rig.trace.on_store.lock().unwrap().extend([Fault::Passing; 3]);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    rig.settled().await;
    assert_eq!(
        effects(rig.trace.steps()),
        [Step::Stored(vec![(id.to_string(), State::Success)]), Step::Settled(vec![(How::Ack, 0)])]
    );
    assert_eq!(worker.stop().await.unwrap().stats.started, 1, "it ran once");
}

#[tokio::test]
async fn a_broker_that_is_away_settles_later() {
    let rig = Builder::new().build();
    rig.trace.on_settle.lock().unwrap().extend([Fault::Passing; 3]);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    rig.settled().await;
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.started, report.left), (1, 0));
}

#[tokio::test]
async fn a_result_that_the_backend_refuses_becomes_a_failure() {
    let rig = Builder::new().build();
    rig.trace.on_store.lock().unwrap().push_back(Fault::Lasting);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let id = rig.send("t.add", args![1, 2]).await;
    let error = rig.error(&id).await;
    assert_eq!(error.exc_type, "EncodeError");
    assert!(error.message().contains("too large"), "{error:?}");
    rig.settled().await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn one_refused_result_does_not_take_its_batch_along() {
    let rig = Builder::new().build();
    let ids: Vec<_> = {
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(rig.send("t.add", args![n, 1]).await);
        }
        ids
    };
    // The batch is refused as a whole, then the first one alone.
    rig.trace.on_store.lock().unwrap().extend([Fault::Lasting, Fault::Lasting]);
    let worker = rig.worker(&WorkerOptions::new().concurrency(20)).await;
    let mut failed = 0;
    for id in &ids {
        if rig.meta(id).await.state == State::Failure {
            failed += 1;
        }
    }
    assert!(failed <= 1, "{failed} of {} failed", ids.len());
    rig.settled().await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_follow_up_that_the_broker_refuses_puts_the_message_aside() {
    let rig = Builder::new().build();
    rig.trace.on_settle.lock().unwrap().push_back(Fault::Lasting);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let link = Signature::by_name("t.add", args![1]);
    let id = rig.send_signature(Signature::by_name("t.add", args![1, 2]).link(link)).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    until("it is aside", async || rig.dead().await.len() == 1).await;
    assert_eq!(rig.dead().await[0].reason.kind, DeadKind::Rejected);
    assert!(rig.dead().await[0].reason.detail.contains("no queue"));
    worker.stop().await.unwrap();
}

/// A worker dies at a step (the call hangs, then everything of the worker is dropped); the lease lapses and
/// another worker takes over. Answers the steps of both.
async fn crash_at(on_store: Option<Fault>, on_settle: Option<Fault>) -> Vec<Step> {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let rig = Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .task("t.work", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(Value::Int(1)) }
        })
        .build();
    rig.trace.on_store.lock().unwrap().extend(on_store);
    rig.trace.on_settle.lock().unwrap().extend(on_settle);
    let first = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let link = Signature::by_name("t.add", args![1]).task_id("linked");
    let id = rig.send_signature(Signature::by_name("t.work", args![]).link(link)).await;
    until("it hangs", async || {
        let left = (rig.trace.on_store.lock().unwrap().len(), rig.trace.on_settle.lock().unwrap().len());
        left == (0, 0)
    })
    .await;
    drop(first);
    let second = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    until("another worker runs it", async || runs.load(Ordering::SeqCst) == 2).await;
    assert_eq!(rig.value(&id).await, Value::Int(1));
    assert_eq!(rig.value(&"linked".into()).await, Value::Int(2));
    rig.settled().await;
    second.stop().await.unwrap();
    effects(rig.trace.steps())
}

#[tokio::test]
async fn a_crash_before_the_result_is_stored_loses_nothing() {
    let steps = crash_at(Some(Fault::Hang), None).await;
    let [Step::Stored(_), settled, Step::Stored(_), _] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(*settled, Step::Settled(vec![(How::Ack, 1)]));
}

#[tokio::test]
async fn a_crash_between_result_and_settlement_doubles_no_follow_up() {
    let steps = crash_at(None, Some(Fault::Hang)).await;
    let [Step::Stored(_), Step::Stored(_), settled, Step::Stored(_), _] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(*settled, Step::Settled(vec![(How::Ack, 1)]));
}

#[tokio::test]
async fn many_short_tasks_share_their_round_trips() {
    let rig = Builder::new().build();
    let calls = 500;
    for n in 0..calls {
        rig.send("t.add", args![n, 1]).await;
    }
    let worker = rig.worker(&WorkerOptions::new().concurrency(100)).await;
    rig.settled().await;
    let steps = effects(rig.trace.steps());
    let settles = steps.iter().filter(|step| matches!(step, Step::Settled(_))).count();
    assert!(settles < 100, "{settles} round trips for {calls} tasks");
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.succeeded, report.left), (500, 0));
}
