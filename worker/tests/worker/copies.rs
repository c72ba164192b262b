//! The body of a chord that was sent twice runs from one of its messages.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use taskq_core::{args, canvas::Signature, codec::Value};
use taskq_worker::WorkerOptions;

use crate::{
    rig::{Builder, Rig, until},
    trace::Fault,
};

/// The messages that the body has run from: which claim each was sent under.
type Seen = Arc<Mutex<Vec<String>>>;

fn rig(seen: &Seen) -> Rig {
    let seen = Arc::clone(seen);
    Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .one("t.echo", |_, value| async move { Ok(value) })
        .one("t.body", move |cx, results| {
            let copy = cx.request().headers.get("taskq_chord").and_then(|copy| copy.get("claim"));
            let copy = copy.and_then(Value::as_str).unwrap_or_default().to_owned();
            seen.lock().unwrap().push(copy);
            async move { Ok(results) }
        })
        .build()
}

fn echo(n: i64) -> Signature {
    Signature::by_name("t.echo", args![n])
}

fn body() -> Signature {
    Signature::by_name("t.body", args![]).task_id("body")
}

/// Symptom: a worker died after it had sent the body and before it had closed its claim, while it held another
/// member of that chord, counted and not settled; whoever got that member again sent the body again, and it ran twice.
#[tokio::test]
async fn a_body_sent_again_for_a_member_of_a_dead_worker_runs_once() {
    let seen = Seen::default();
    let rig = rig(&seen);
    let options = WorkerOptions::new().concurrency(1);
    let first = rig.worker(&options).await;
    rig.trace.on_settle.lock().unwrap().push_back(Fault::Hang);
    rig.trace.on_finish.lock().unwrap().push_back(Fault::Hang);
    let later = echo(2).countdown(Duration::from_millis(300));
    rig.app.send_canvas(Signature::chord([echo(1), later], body())).await.expect("sent");
    until("it hangs twice", async || rig.trace.on_finish.lock().unwrap().is_empty()).await;
    drop(first);
    let second = rig.worker(&options).await;
    until("a copy was dropped", async || second.stats().duplicates == 1).await;
    rig.settled().await;
    assert_eq!(rig.value(&"body".into()).await, Value::List(vec![Value::Int(1), Value::Int(2)]));
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 1, "the body ran from {seen:?}");
    assert_ne!(seen[0], "", "the body says under which claim it was sent");
    second.stop().await.unwrap();
}

/// It waits for the backend, and what was taken without an answer is taken again.
#[tokio::test]
async fn a_body_runs_once_when_the_answer_to_its_taking_is_lost() {
    let seen = Seen::default();
    let rig = rig(&seen);
    rig.trace.on_take.lock().unwrap().push_back(Fault::Passing);
    let worker = rig.worker(&WorkerOptions::new()).await;
    rig.app.send_canvas(Signature::chord([echo(1)], body())).await.expect("sent");
    assert_eq!(rig.value(&"body".into()).await, Value::List(vec![Value::Int(1)]));
    rig.settled().await;
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert!(rig.trace.on_take.lock().unwrap().is_empty());
    worker.stop().await.unwrap();
}
