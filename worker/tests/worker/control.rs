//! Revoking: before a task arrives, while it waits, while it runs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use taskq_core::{args, backend::State, codec::Value, protocol::TaskId, result::Revoke};
use taskq_worker::WorkerOptions;
use tokio::sync::Semaphore;

use crate::rig::{Builder, error_of, until};

#[tokio::test]
async fn a_revoked_task_does_not_run_and_its_caller_is_told_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let (wait, starts) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&starts);
    let rig = Builder::new()
        .task("t.hold", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            let wait = Arc::clone(&wait);
            async move {
                wait.acquire().await.expect("open").forget();
                Ok(Value::Null)
            }
        })
        .build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    let first = rig.send("t.hold", args![]).await;
    let second = rig.send("t.hold", args![]).await;
    until("one runs and one waits", async || {
        worker.stats().received == 2 && starts.load(Ordering::SeqCst) == 1
    })
    .await;
    // Broadcasts are lossy: the listener may not be there yet.
    until("it is revoked", async || {
        Revoke::new(&rig.app, vec![second.clone()]).await.expect("sent");
        rig.stored(&second).await.is_some()
    })
    .await;
    let meta = rig.meta(&second).await;
    assert_eq!((meta.state.clone(), error_of(&meta).message()), (State::Revoked, "revoked".into()));
    gate.add_permits(2);
    assert_eq!(rig.value(&first).await, Value::Null);
    rig.settled().await;
    assert_eq!(starts.load(Ordering::SeqCst), 1, "the second never ran");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn terminate_drops_a_running_task() {
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let (rig, worker) = Builder::new()
        .task("t.long", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .start()
        .await;
    let id = rig.send("t.long", args![]).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    until("it is terminated", async || {
        Revoke::new(&rig.app, vec![id.clone()]).terminate("SIGTERM").await.expect("sent");
        rig.stored(&id).await.is_some()
    })
    .await;
    let meta = rig.meta(&id).await;
    assert_eq!((meta.state.clone(), error_of(&meta).message()), (State::Revoked, "terminated".into()));
    rig.settled().await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_that_has_ended_keeps_its_result() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    // The second one shows that the command was heard.
    let other = TaskId::from("never-sent");
    until("it is revoked", async || {
        Revoke::new(&rig.app, vec![id.clone(), other.clone()]).await.expect("sent");
        rig.stored(&other).await.is_some()
    })
    .await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}
