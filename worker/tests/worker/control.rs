//! Revoking: before a task arrives, while it waits, while it runs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use taskq_core::{
    args,
    backend::State,
    canvas::Signature,
    codec::Value,
    control::ok,
    protocol::{Message, TaskId},
    result::Revoke,
};
use taskq_worker::WorkerOptions;
use tokio::sync::Semaphore;

use crate::rig::{Builder, DEADLINE, error_of, until};

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
    let worker = rig.worker(&WorkerOptions::new().concurrency(1).prefetch_multiplier(4)).await;
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

/// A workflow that runs its first step until it is let go, or is ended.
async fn held_workflow() -> (crate::rig::Rig, taskq_worker::WorkerHandle, Arc<Semaphore>, Arc<AtomicUsize>) {
    let gate = Arc::new(Semaphore::new(0));
    let (wait, starts) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&starts);
    let (rig, worker) = Builder::new()
        .task("t.hold", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            let wait = Arc::clone(&wait);
            async move {
                wait.acquire().await.expect("open").forget();
                Ok(Value::Int(1))
            }
        })
        .start()
        .await;
    (rig, worker, gate, starts)
}

#[tokio::test]
async fn a_workflow_is_cancelled_by_its_root() {
    let (rig, worker, gate, starts) = held_workflow().await;
    let step = |id: &str| Signature::by_name("t.add", args![1]).task_id(id);
    let root = TaskId::from("root");
    let first = Signature::by_name("t.hold", args![]).task_id(root.clone());
    rig.app.send_canvas(first | step("second") | step("third")).await.expect("sent");
    until("the first step runs", async || starts.load(Ordering::SeqCst) == 1).await;
    // Broadcasts are lossy: the listener may not be there yet.
    for _ in 0..3 {
        rig.app.revoke_workflow(root.clone()).await.expect("sent");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    gate.add_permits(1);
    assert_eq!(rig.value(&root).await, Value::Int(1), "what runs may end");
    for later in ["second", "third"] {
        assert_eq!(rig.meta(&later.into()).await.state, State::Revoked, "{later}");
    }
    let other = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&other).await, Value::Int(3), "other workflows go on");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_workflow_ends_what_runs_and_fails_its_chord() {
    let (rig, worker, _gate, starts) = held_workflow().await;
    let root = TaskId::from("root");
    let mut member = Signature::by_name("t.hold", args![]);
    member.options.flow_mut().root_id = Some(root.clone());
    let body = Signature::by_name("t.add", args![]).task_id("body");
    rig.app.send_canvas(Signature::chord([member], body)).await.expect("sent");
    until("the member runs", async || starts.load(Ordering::SeqCst) == 1).await;
    until("it is ended", async || {
        rig.app.revoke_workflow(root.clone()).terminate("SIGTERM").await.expect("sent");
        rig.stored(&"body".into()).await.is_some()
    })
    .await;
    let error = rig.error(&"body".into()).await;
    assert!(error.message().contains("TaskRevokedError('terminated')"), "{error:?}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn tasks_are_revoked_by_a_stamp() {
    let (rig, worker, gate, starts) = held_workflow().await;
    let stamped = |tenant: &str| Signature::by_name("t.hold", args![]).stamp("tenant", tenant);
    let running = rig.send_signature(stamped("a")).await;
    until("it runs", async || starts.load(Ordering::SeqCst) == 1).await;
    until("it is ended", async || {
        rig.app.revoke_by_stamp("tenant", "a").terminate("SIGTERM").await.expect("sent");
        rig.stored(&running).await.is_some()
    })
    .await;
    let later = rig.send_signature(stamped("a")).await;
    assert_eq!(rig.meta(&later).await.state, State::Revoked);
    gate.add_permits(1);
    let other = rig.send_signature(stamped("b")).await;
    assert_eq!(rig.value(&other).await, Value::Int(1));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_that_was_revoked_while_no_worker_was_there_does_not_run() {
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let rig = Builder::new()
        .task("t.count", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(Value::Null) }
        })
        .build();
    let id = rig.send("t.count", args![]).await;
    Revoke::new(&rig.app, vec![id.clone()]).await.expect("sent");
    let worker = rig.worker(&WorkerOptions::new()).await;
    assert_eq!(rig.meta(&id).await.state, State::Revoked);
    rig.settled().await;
    assert_eq!(starts.load(Ordering::SeqCst), 0);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn broken_control_messages_are_counted_and_the_next_command_is_answered() {
    let (rig, worker) = Builder::new().start().await;
    let broadcast = rig.broker.broadcast().expect("the memory broker has fan-out");
    // Broadcasts are lossy: the listener may not be there yet.
    until("they are counted", async || {
        for body in ["", "[]", r#"{"method": 3}"#, r#"{"method": "ping", "destination": 7}"#, "\u{0}"] {
            let message = Message { body: body.to_owned().into(), ..Message::default() };
            broadcast.publish("celery.pidbox", "", &message).await.expect("sent");
        }
        worker.stats().bad_commands >= 5
    })
    .await;
    let replies = rig.app.control().ask("ping").limit(1).timeout(DEADLINE).await.expect("asked");
    assert_eq!(replies.get(worker.name()), Some(&ok("pong")));
    assert_eq!(rig.broker.admin().expect("it has one").queues().await.unwrap(), ["celery"]);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_pool_that_grew_runs_more_at_once() {
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    let rig = Builder::new()
        .task("t.long", move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .build();
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    for _ in 0..3 {
        rig.send("t.long", args![]).await;
    }
    until("one runs", async || running.load(Ordering::SeqCst) == 1).await;
    let grown =
        rig.app.control().ask("pool_grow").arg("n", 2).limit(1).timeout(DEADLINE).await.expect("asked");
    assert_eq!(grown.get(worker.name()), Some(&ok("pool will grow")));
    until("all run", async || running.load(Ordering::SeqCst) == 3).await;
    worker.stopper().cold();
    worker.stop().await.unwrap();
}
