//! Chords: counted, joined, failed, and never sent twice, wherever a worker dies.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use taskq_core::{
    args,
    backend::State,
    canvas::Signature,
    codec::Value,
    protocol::TaskId,
    task::{Failure, TaskError},
};
use taskq_worker::WorkerOptions;

use crate::{
    rig::{Builder, Rig, until},
    trace::Fault,
};

/// Tasks that chords are made of. `t.body` counts its runs.
fn tasks(bodies: &Arc<AtomicUsize>) -> Builder {
    let bodies = Arc::clone(bodies);
    Builder::new()
        .set(|settings| settings.lease = Duration::from_secs(1))
        .one("t.echo", |_, value| async move { Ok(value) })
        .one("t.fail", |_, _| async { Err(Failure::new("ValueError", "bad").into()) })
        .one("t.ignore", |_, _| async { Err(TaskError::Ignore) })
        .one("t.body", move |_, results| {
            bodies.fetch_add(1, Ordering::SeqCst);
            async move { Ok(results) }
        })
}

fn echo(n: i64) -> Signature {
    Signature::by_name("t.echo", args![n])
}

fn body() -> Signature {
    Signature::by_name("t.body", args![]).task_id("body")
}

fn numbers(numbers: impl IntoIterator<Item = i64>) -> Value {
    Value::List(numbers.into_iter().map(Value::Int).collect())
}

async fn send(rig: &Rig, canvas: Signature) {
    rig.app.send_canvas(canvas).await.expect("sent");
}

#[tokio::test]
async fn the_body_gets_the_results_in_order() {
    let bodies = Arc::default();
    let (rig, worker) = tasks(&bodies).start().await;
    send(&rig, Signature::chord((0..50).map(echo), body())).await;
    assert_eq!(rig.value(&"body".into()).await, numbers(0..50));
    rig.settled().await;
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_group_in_a_chain_is_a_chord_and_canvases_nest() {
    let (rig, worker) = tasks(&Arc::default()).start().await;
    let inner = Signature::group([echo(1), echo(2) | Signature::by_name("t.add", args![10])]);
    send(&rig, echo(0) | Signature::group([echo(5).immutable(), echo(6).immutable()]) | body()).await;
    assert_eq!(rig.value(&"body".into()).await, numbers([5, 6]));
    let nested = Signature::chord([inner, echo(3)], Signature::by_name("t.body", args![]).task_id("nested"));
    send(&rig, nested).await;
    assert_eq!(
        rig.value(&"nested".into()).await,
        numbers([1, 12, 3]),
        "members of a group in a header are members of the header, as in Celery"
    );
    let chord = Signature::chord([echo(1), echo(2)], Signature::by_name("t.body", args![]));
    send(&rig, Signature::chord([chord, echo(3)], Signature::by_name("t.body", args![]).task_id("outer")))
        .await;
    assert_eq!(rig.value(&"outer".into()).await, Value::List(vec![numbers([1, 2]), Value::Int(3)]));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_member_fails_the_body_its_chain_and_tells_its_errbacks() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let (rig, worker) = tasks(&Arc::default())
        .task("t.errback", move |_, args| {
            seen.lock().unwrap().push(args);
            async { Ok(Value::Null) }
        })
        .start()
        .await;
    let bad = Signature::by_name("t.fail", args![1]).task_id("bad");
    let errback = Signature::by_name("t.errback", args![]);
    let chord = Signature::chord([echo(1), bad], body().link_error(errback));
    send(&rig, chord | Signature::by_name("t.echo", args![]).task_id("after")).await;
    let error = rig.error(&"body".into()).await;
    assert_eq!(
        (error.exc_type.as_str(), error.message()),
        ("ChordError", "Dependency bad raised ValueError('bad')".to_owned())
    );
    assert_eq!(rig.error(&"after".into()).await.exc_type, "ChordError");
    until("the errback is told", async || !told.lock().unwrap().is_empty()).await;
    let told = told.lock().unwrap().clone();
    let [args] = &told[..] else { panic!("{told:?}") };
    let [request, error, _] = &args[..] else { panic!("{args:?}") };
    assert_eq!(request.get("id").and_then(Value::as_str), Some("body"));
    assert_eq!(error.get("exc_type").and_then(Value::as_str), Some("ChordError"));
    rig.settled().await;
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn members_that_cannot_end_fail_the_chord_by_name() {
    let (rig, worker) = tasks(&Arc::default()).start().await;
    for (n, bad, text) in [
        (0, Signature::by_name("no.such", args![]), "NotRegistered('no.such')"),
        (1, Signature::by_name("t.ignore", args![1]), "was ignored"),
        (2, Signature::by_name("t.add", args![1]), "TypeError("),
        (3, echo(1).expires(Duration::ZERO), "TaskRevokedError('expired')"),
        (4, Signature::by_name("t.fail", args![1]) | echo(3), "ValueError('bad')"),
    ] {
        let id = TaskId::from(format!("body-{n}"));
        let body = Signature::by_name("t.body", args![]).task_id(id.clone());
        send(&rig, Signature::chord([echo(1), bad], body)).await;
        let error = rig.error(&id).await;
        assert!(error.exc_type == "ChordError" && error.message().contains(text), "{n}: {error:?}");
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn an_inner_chord_that_fails_fails_the_outer_one() {
    let (rig, worker) = tasks(&Arc::default()).start().await;
    let bad = Signature::by_name("t.fail", args![1]);
    let inner = Signature::chord([echo(1), bad], Signature::by_name("t.body", args![]));
    send(&rig, Signature::chord([echo(0), inner], body())).await;
    let error = rig.error(&"body".into()).await;
    assert!(error.message().contains("ChordError("), "{error:?}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_task_goes_on_in_what_replaces_it() {
    let (rig, worker) = tasks(&Arc::default())
        .one("t.task", |cx, _| async move { Err(cx.replace(echo(7))) })
        .one(
            "t.chain",
            |cx, _| async move { Err(cx.replace(echo(7) | Signature::by_name("t.add", args![1]))) },
        )
        .one("t.group", |cx, _| async move { Err(cx.replace(Signature::group([echo(1), echo(2)]))) })
        .one("t.twice", |cx, _| async move { Err(cx.replace(Signature::by_name("t.task", args![0]))) })
        .one("t.empty", |cx, _| async move { Err(cx.replace(Signature::chain([] as [Signature; 0]))) })
        .start()
        .await;
    for (name, value) in [
        ("t.task", Value::Int(7)),
        ("t.chain", Value::Int(8)),
        ("t.group", numbers([1, 2])),
        ("t.twice", Value::Int(7)),
    ] {
        let id = rig.send(name, args![0]).await;
        assert_eq!(rig.value(&id).await, value, "{name}");
        let after = TaskId::from(format!("after-{name}"));
        let next = Signature::by_name("t.body", args![]).task_id(after.clone());
        let linked = TaskId::from(format!("linked-{name}"));
        let callback = Signature::by_name("t.body", args![]).task_id(linked.clone());
        send(&rig, Signature::by_name(name, args![0]).link(callback) | next).await;
        assert_eq!(rig.value(&after).await, value, "after {name}");
        assert_eq!(rig.value(&linked).await, value, "linked to {name}");
        let in_chord = TaskId::from(format!("chord-{name}"));
        let body = Signature::by_name("t.body", args![]).task_id(in_chord.clone());
        send(&rig, Signature::chord([Signature::by_name(name, args![0]), echo(5)], body)).await;
        assert_eq!(rig.value(&in_chord).await, Value::List(vec![value, Value::Int(5)]), "{name} in a chord");
    }
    let id = rig.send("t.empty", args![0]).await;
    assert_eq!(rig.error(&id).await.exc_type, "ImproperlyConfigured");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_member_adds_others_to_its_chord() {
    let (rig, worker) = tasks(&Arc::default())
        .one("t.more", |cx, value| async move {
            cx.add_to_chord(echo(10)).await?;
            cx.add_to_chord(echo(20)).await?;
            Ok(value)
        })
        .start()
        .await;
    send(&rig, Signature::chord([Signature::by_name("t.more", args![1]), echo(2)], body())).await;
    let Value::List(mut results) = rig.value(&"body".into()).await else { panic!("a list") };
    results.sort_by_key(Value::as_i64);
    assert_eq!(results, [1, 2, 10, 20].map(Value::Int));
    let id = rig.send("t.more", args![1]).await;
    assert!(rig.error(&id).await.message().contains("header of a chord"));
    worker.stop().await.unwrap();
}

/// Where the first worker stops for ever, and is dropped.
#[derive(Clone, Copy, Debug)]
enum At {
    Store,
    Count,
    Settle,
    Finish,
}

/// A worker dies at a step of the member that completes the header; another one takes over.
async fn crash(at: At) {
    let bodies = Arc::new(AtomicUsize::new(0));
    let rig = tasks(&bodies).build();
    let options = WorkerOptions::new().concurrency(1);
    let first = rig.worker(&options).await;
    // Two of three members are over.
    let gate = Signature::by_name("t.echo", args![3]).countdown(Duration::from_millis(300));
    send(&rig, Signature::chord([echo(1), echo(2), gate], body())).await;
    until("two members are over", async || first.stats().succeeded == 2).await;
    let faults = match at {
        At::Store => &rig.trace.on_store,
        At::Count => &rig.trace.on_count,
        At::Settle => &rig.trace.on_settle,
        At::Finish => &rig.trace.on_finish,
    };
    faults.lock().unwrap().push_back(Fault::Hang);
    until("it hangs", async || faults.lock().unwrap().is_empty()).await;
    drop(first);
    let second = rig.worker(&options).await;
    assert_eq!(rig.value(&"body".into()).await, numbers([1, 2, 3]), "{at:?}");
    rig.settled().await;
    assert_eq!(bodies.load(Ordering::SeqCst), 1, "bodies after a crash at {at:?}");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_crash_before_the_last_result_is_stored_runs_the_body_once() {
    crash(At::Store).await;
}

#[tokio::test]
async fn a_crash_before_the_last_member_is_counted_runs_the_body_once() {
    crash(At::Count).await;
}

#[tokio::test]
async fn a_crash_between_the_claim_and_the_settlement_runs_the_body_once() {
    crash(At::Settle).await;
}

#[tokio::test]
async fn a_crash_after_the_settlement_runs_the_body_once() {
    crash(At::Finish).await;
}

/// Symptom: the answer of a count was lost; the claim it had taken stood in the way of the next one.
#[tokio::test]
async fn a_lost_answer_of_a_count_delays_the_body_and_loses_nothing() {
    let bodies = Arc::new(AtomicUsize::new(0));
    let rig = tasks(&bodies).build();
    rig.trace.on_count.lock().unwrap().push_back(Fault::Passing);
    let worker = rig.worker(&WorkerOptions::new().concurrency(1)).await;
    send(&rig, Signature::chord([echo(1)], body())).await;
    assert_eq!(rig.value(&"body".into()).await, numbers([1]));
    rig.settled().await;
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    worker.stop().await.unwrap();
}

/// Symptom: two workers came to the end of a chord, each too late for the other: the one had lost its claim and
/// acknowledged the member without the body, the other had the claim and no longer the member.
#[tokio::test]
async fn a_claim_that_is_lost_to_somebody_who_sends_nothing_does_not_lose_the_body() {
    let bodies = Arc::new(AtomicUsize::new(0));
    let (rig, worker) = tasks(&bodies).start().await;
    rig.trace.on_renew.lock().unwrap().push_back(Fault::Lost);
    send(&rig, Signature::chord((0..3).map(echo), body())).await;
    assert_eq!(rig.value(&"body".into()).await, numbers(0..3));
    rig.settled().await;
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    worker.stop().await.unwrap();
}

/// A member whose lease was lost at its settlement runs again and is not counted again.
#[tokio::test]
async fn a_redelivered_member_does_not_run_the_body_again() {
    let bodies = Arc::new(AtomicUsize::new(0));
    let (rig, worker) = tasks(&bodies).start().await;
    rig.trace.on_settle.lock().unwrap().push_back(Fault::Lost);
    send(&rig, Signature::chord((0..10).map(echo), body())).await;
    assert_eq!(rig.value(&"body".into()).await, numbers(0..10));
    rig.settled().await;
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    assert_eq!(rig.meta(&"body".into()).await.state, State::Success);
    worker.stop().await.unwrap();
}
