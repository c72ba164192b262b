//! How runs end, and what is stored and settled for each end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use taskq_core::{
    BoxFuture, args,
    backend::State,
    broker::DeadKind,
    canvas::Signature,
    codec::Value,
    middleware::{ExecuteNext, Hooks, Middleware, hooks},
    protocol::Request,
    task::{Failure, Outcome, TaskError, TaskOptions},
};

use crate::rig::{Builder, error_of, until};

fn fails(text: &str) -> Result<Value, TaskError> {
    Err(Failure::new("ValueError", text).into())
}

#[tokio::test]
async fn a_success_stores_the_value_and_acknowledges() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send("t.add", args![2, 3]).await;
    let meta = rig.meta(&id).await;
    assert_eq!(crate::rig::value_of(&meta), Value::Int(5));
    assert!(meta.date_done.is_some() && meta.traceback.is_none());
    assert_eq!(meta.children, Some(Vec::new()));
    rig.settled().await;
    let stats = worker.stop().await.unwrap().stats;
    assert_eq!((stats.received, stats.started, stats.succeeded, stats.failed), (1, 1, 1, 0));
}

#[tokio::test]
async fn a_failure_stores_type_message_and_traceback() {
    let (rig, worker) = Builder::new().task("t.fail", |_, _| async { fails("deliberate") }).start().await;
    let id = rig.send("t.fail", args![]).await;
    let meta = rig.meta(&id).await;
    assert_eq!(meta.state, State::Failure);
    let error = error_of(&meta);
    assert_eq!((error.exc_type.as_str(), error.message().as_str()), ("ValueError", "deliberate"));
    rig.settled().await;
    assert!(rig.dead().await.is_empty());
    assert_eq!(worker.stop().await.unwrap().stats.failed, 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_worker_goes_on() {
    let (rig, worker) = Builder::new()
        .task("t.panic", |_, _| async { panic!("boom {}", 7) })
        .blocking("t.block", TaskOptions::DEFAULT, |_, _| panic!("thud"))
        .start()
        .await;
    for (task, text) in [("t.panic", "boom 7"), ("t.block", "thud")] {
        // More often than there are slots: none is lost to a panic.
        for _ in 0..6 {
            let id = rig.send(task, args![]).await;
            let meta = rig.meta(&id).await;
            assert_eq!(error_of(&meta).exc_type, "Panic");
            assert_eq!(error_of(&meta).message(), text);
            let traceback = meta.traceback.expect("a traceback");
            assert!(traceback.contains(text) && traceback.contains("outcomes.rs"), "{traceback}");
        }
    }
    let id = rig.send("t.add", args![2, 3]).await;
    assert_eq!(rig.value(&id).await, Value::Int(5));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_panic_while_a_dropped_run_is_torn_down_costs_no_slot() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("in drop");
            }
        }
    }
    let options = TaskOptions { time_limit: Some(Duration::from_millis(20)), ..TaskOptions::DEFAULT };
    let (rig, worker) = Builder::new()
        .task_with("t.bomb", options, |_, _| async {
            let _bomb = Bomb;
            std::future::pending().await
        })
        .start()
        .await;
    for _ in 0..6 {
        let id = rig.send("t.bomb", args![]).await;
        assert_eq!(rig.meta(&id).await.state, State::Failure);
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn ignored_results_are_not_stored_but_errors_can_be() {
    let quiet = TaskOptions { ignore_result: Some(true), ..TaskOptions::DEFAULT };
    let errors = TaskOptions { store_errors_even_if_ignored: Some(true), ..quiet };
    let (rig, worker) = Builder::new()
        .task_with("t.quiet", quiet, |_, args| async move {
            if args.is_empty() { fails("quiet") } else { Ok(Value::Null) }
        })
        .task_with("t.errors", errors, |_, _| async { fails("loud") })
        .start()
        .await;
    let fine = rig.send("t.quiet", args![1]).await;
    let failed = rig.send("t.quiet", args![]).await;
    let loud = rig.send("t.errors", args![]).await;
    assert_eq!(rig.error(&loud).await.message(), "loud");
    let asked = rig.send_signature(Signature::by_name("t.quiet", args![1]).ignore_result(false)).await;
    assert_eq!(rig.value(&asked).await, Value::Null, "the call wins over the task");
    rig.settled().await;
    assert_eq!((rig.stored(&fine).await, rig.stored(&failed).await), (None, None));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn ignore_leaves_the_state_as_the_task_set_it() {
    let (rig, worker) = Builder::new()
        .task("t.ignore", |cx, _| async move {
            cx.update_state("PROGRESS", 5).await.map_err(Failure::from_error)?;
            Err(TaskError::Ignore)
        })
        .start()
        .await;
    let id = rig.send("t.ignore", args![]).await;
    rig.settled().await;
    let meta = rig.stored(&id).await.expect("the state that the task stored");
    assert_eq!(meta.state, State::from("PROGRESS"));
    assert_eq!(worker.stop().await.unwrap().stats.ignored, 1);
}

#[tokio::test]
async fn a_reject_without_requeue_is_a_dead_letter_and_a_failure() {
    let (rig, worker) = Builder::new()
        .task("t.reject", |_, _| async {
            Err(TaskError::Reject { requeue: false, reason: "no thanks".into() })
        })
        .start()
        .await;
    let id = rig.send("t.reject", args![]).await;
    let error = rig.error(&id).await;
    assert_eq!((error.exc_type.as_str(), error.exc_module.as_str()), ("Reject", "celery.exceptions"));
    assert_eq!(error.exc_message, [Value::Str("no thanks".into()), Value::Bool(false)]);
    rig.settled().await;
    let dead = rig.dead().await;
    assert_eq!((dead.len(), dead[0].reason.kind), (1, DeadKind::Rejected));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_reject_with_requeue_runs_again_as_redelivered() {
    let body = |cx: taskq_core::task::TaskContext, _| async move {
        if cx.request().delivery.redelivered {
            Ok(Value::Str("second".into()))
        } else {
            Err(TaskError::Reject { requeue: true, reason: "not now".into() })
        }
    };
    let (rig, worker) = Builder::new().task("t.requeue", body).start().await;
    let id = rig.send("t.requeue", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Str("second".into()));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn an_early_ack_comes_before_the_run() {
    let seen = Arc::new(Mutex::new(None));
    let rig_stats = Arc::new(tokio::sync::OnceCell::<Arc<dyn taskq_core::broker::Broker>>::new());
    let (note, broker) = (Arc::clone(&seen), Arc::clone(&rig_stats));
    let early = TaskOptions { acks_late: Some(false), ..TaskOptions::DEFAULT };
    let rig = Builder::new()
        .task_with("t.early", early, move |_, _| {
            let (note, broker) = (Arc::clone(&note), Arc::clone(&broker));
            async move {
                let admin = broker.get().and_then(|broker| broker.admin()).expect("an admin");
                let stats = admin.stats(&["celery".to_owned()]).await.expect("stats").remove(0);
                *note.lock().unwrap() = Some(stats.in_flight);
                fails("late")
            }
        })
        .build();
    rig_stats.set(Arc::clone(&rig.broker)).expect("once");
    let worker = rig.worker(&taskq_worker::WorkerOptions::new().concurrency(2)).await;
    let id = rig.send("t.early", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "late");
    assert_eq!(*seen.lock().unwrap(), Some(0), "nothing was in flight while it ran");
    let report = worker.stop().await.unwrap();
    assert_eq!((report.stats.failed, report.left), (1, 0));
}

#[tokio::test]
async fn an_early_acked_task_can_still_be_requeued() {
    let early = TaskOptions { acks_late: Some(false), ..TaskOptions::DEFAULT };
    let runs = Arc::new(Mutex::new(0));
    let count = Arc::clone(&runs);
    let (rig, worker) = Builder::new()
        .task_with("t.early", early, move |_, _| {
            let mut runs = count.lock().unwrap();
            *runs += 1;
            let first = *runs == 1;
            async move {
                if first {
                    Err(TaskError::Reject { requeue: true, reason: "not now".into() })
                } else {
                    Ok(Value::Int(2))
                }
            }
        })
        .start()
        .await;
    let id = rig.send("t.early", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Int(2));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn failures_are_kept_when_they_are_not_to_be_acknowledged() {
    let keep = TaskOptions { acks_on_failure: Some(false), ..TaskOptions::DEFAULT };
    let (rig, worker) =
        Builder::new().task_with("t.fail", keep, |_, _| async { fails("kept") }).start().await;
    let id = rig.send("t.fail", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "kept");
    until("it is kept", async || rig.dead().await.len() == 1).await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn track_started_stores_pid_and_node_before_the_end() {
    let options = TaskOptions { track_started: Some(true), ..TaskOptions::DEFAULT };
    let open = Arc::new(tokio::sync::Notify::new());
    let wait = Arc::clone(&open);
    let (rig, worker) = Builder::new()
        .task_with("t.slow", options, move |_, _| {
            let wait = Arc::clone(&wait);
            async move {
                wait.notified().await;
                Ok(Value::Null)
            }
        })
        .start()
        .await;
    let id = rig.send("t.slow", args![]).await;
    until("STARTED is stored", async || rig.stored(&id).await.is_some()).await;
    let meta = rig.stored(&id).await.expect("stored");
    assert_eq!(meta.state, State::Started);
    let Value::Map(started) = crate::rig::value_of(&meta) else { panic!("a map") };
    assert_eq!(started.get("hostname").and_then(Value::as_str), Some(worker.name()));
    assert_eq!(started.get("pid"), Some(&Value::Int(std::process::id().into())));
    open.notify_one();
    assert_eq!(rig.value(&id).await, Value::Null);
    worker.stop().await.unwrap();
}

/// Notes what it sees.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Hooks for Seen {
    fn before_start(&self, request: &Request) {
        self.0.lock().unwrap().push(format!("start {}", request.headers.task));
    }
    fn on_success(&self, _: &Request, value: &Bytes) {
        self.0.lock().unwrap().push(format!("success {}", String::from_utf8_lossy(value)));
    }
    fn on_failure(&self, _: &Request, failure: &Failure) {
        self.0.lock().unwrap().push(format!("failure {failure}"));
    }
    fn after_return(&self, _: &Request, _: &Outcome) {
        self.0.lock().unwrap().push("return".into());
    }
}

/// Does not let tasks run.
struct Wall;

impl Middleware for Wall {
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        match request.headers.task.as_str() {
            "t.wall" => Box::pin(async { Outcome::Failure(Failure::new("PermissionError", "no")) }),
            "t.broken" => Box::pin(async { panic!("a broken middleware") }),
            _ => next.run(request),
        }
    }
}

#[tokio::test]
async fn hooks_and_middleware_stand_around_every_run() {
    let seen = Seen::default();
    let (rig, worker) = Builder::new()
        .middleware(hooks(seen.clone()))
        .middleware(Wall)
        .task("t.wall", |_, _| async { Ok(Value::Null) })
        .task("t.broken", |_, _| async { Ok(Value::Null) })
        .start()
        .await;
    let fine = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&fine).await, Value::Int(3));
    let walled = rig.send("t.wall", args![]).await;
    assert_eq!(rig.error(&walled).await.exc_type, "PermissionError");
    let broken = rig.send("t.broken", args![]).await;
    assert_eq!(rig.error(&broken).await.message(), "a broken middleware");
    assert_eq!(
        *seen.0.lock().unwrap(),
        [
            "start t.add",
            "success 3",
            "return",
            "start t.wall",
            "failure PermissionError: no",
            "return",
            "start t.broken"
        ]
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_task_sends_is_its_child() {
    let (rig, worker) = Builder::new()
        .task("t.parent", |_, _| async {
            let child =
                taskq_core::app::App::current()?.send("t.add", args![1, 2], Default::default()).await?;
            Ok(Value::Str(child.id().to_string()))
        })
        .blocking("t.blocking_parent", TaskOptions::DEFAULT, |_, _| {
            let app = taskq_core::app::App::current()?;
            let sent = tokio::runtime::Handle::current().block_on(app.send(
                "t.add",
                args![1, 2],
                Default::default(),
            ))?;
            Ok(Value::Str(sent.id().to_string()))
        })
        .start()
        .await;
    for task in ["t.parent", "t.blocking_parent"] {
        let id = rig.send(task, args![]).await;
        let meta = rig.meta(&id).await;
        let children: Vec<String> =
            meta.children.clone().unwrap_or_default().into_iter().map(|c| c.id).collect();
        assert_eq!(Value::Str(children.concat()), crate::rig::value_of(&meta), "{task}");
        let child = rig.meta(&children[0].as_str().into()).await;
        assert_eq!(child.parent_id.as_ref(), Some(&id), "{task}");
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_that_has_succeeded_is_skipped_when_the_settings_say_so() {
    let (rig, worker) = Builder::new()
        .set(|settings| settings.worker_deduplicate_successful_tasks = true)
        .task("t.twice", |cx, _| async move {
            assert!(!cx.request().delivery.redelivered, "it ran again");
            cx.update_state("SUCCESS", "first").await.map_err(Failure::from_error)?;
            Err(TaskError::Reject { requeue: true, reason: "once more".into() })
        })
        .start()
        .await;
    let id = rig.send("t.twice", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Str("first".into()));
    rig.settled().await;
    let stats = worker.stop().await.unwrap().stats;
    assert_eq!((stats.started, stats.duplicates), (1, 1));
}
