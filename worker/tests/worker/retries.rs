//! Another attempt: what is stored, what is sent, and when it ends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use taskq_core::{
    args,
    backend::State,
    canvas::Signature,
    codec::{Serializer, Value},
    protocol::Headers,
    task::{Failure, TaskContext, TaskError, TaskOptions},
};

use crate::{
    rig::{Builder, until},
    trace::{How, Step},
};

const SOON: Duration = Duration::from_millis(20);

fn value_error(text: &str) -> TaskError {
    Failure::new("ValueError", text).into()
}

/// Retries until it was retried so often, then answers how often.
async fn twice(cx: TaskContext) -> Result<Value, TaskError> {
    match cx.retries() {
        n @ 0..2 => Err(cx.retry().error(value_error(&format!("try {n}"))).countdown(SOON).into()),
        n => Ok(Value::Int(n.into())),
    }
}

#[tokio::test]
async fn a_retry_is_stored_then_sent_with_the_ack_and_counted() {
    let (rig, worker) = Builder::new().task("t.twice", |cx, _| twice(cx)).start().await;
    let id = rig.send("t.twice", args![]).await;
    assert_eq!(rig.value(&id).await, Value::Int(2));
    rig.settled().await;
    let name = id.to_string();
    let stored = |state| Step::Stored(vec![(name.clone(), state)]);
    let retried = Step::Settled(vec![(How::Ack, 1)]);
    let steps: Vec<Step> = rig
        .trace
        .steps()
        .into_iter()
        .filter(|step| !matches!(step, Step::Published(_) | Step::Settled(_)) || *step == retried)
        .collect();
    assert_eq!(
        steps,
        [stored(State::Retry), retried.clone(), stored(State::Retry), retried, stored(State::Success)]
    );
    assert_eq!(worker.stop().await.unwrap().stats.retried, 2);
}

#[tokio::test]
async fn retries_end_at_the_limit_with_the_error_itself() {
    let options = TaskOptions { max_retries: Some(2), ..TaskOptions::DEFAULT };
    let runs = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&runs);
    let (rig, worker) = Builder::new()
        .task_with("t.always", options, move |cx, _| {
            note.lock().unwrap().push(cx.retries());
            async move { Err(cx.retry().error(value_error("still")).countdown(SOON).into()) }
        })
        .task_with("t.bare", options, |cx, _| async move { Err(cx.retry().countdown(SOON).into()) })
        .start()
        .await;
    let id = rig.send("t.always", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "still");
    assert_eq!(*runs.lock().unwrap(), [0, 1, 2]);
    let bare = rig.send("t.bare", args![]).await;
    let error = rig.error(&bare).await;
    assert_eq!(
        (error.exc_type.as_str(), error.exc_module.as_str()),
        ("MaxRetriesExceededError", "celery.exceptions")
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn failures_are_retried_by_themselves_with_backoff() {
    let options = TaskOptions {
        retry_backoff: Some(Duration::from_millis(20)),
        retry_jitter: false,
        ..TaskOptions::DEFAULT
    };
    let times = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&times);
    let (rig, worker) = Builder::new()
        .task_with("t.flaky", options, move |_, _| {
            note.lock().unwrap().push(std::time::Instant::now());
            async { Err(value_error("flaky")) }
        })
        .start()
        .await;
    let id = rig.send("t.flaky", args![]).await;
    assert_eq!(rig.error(&id).await.message(), "flaky");
    let times = times.lock().unwrap().clone();
    assert_eq!(times.len(), 4, "one run and three retries");
    let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, least) in pauses.iter().zip([20, 40, 80]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn changed_arguments_replace_the_old_ones() {
    let (rig, worker) = Builder::new()
        .task("t.count", |cx, args| async move {
            let n = args[0].as_i64().unwrap_or_default();
            if n >= 3 {
                return Ok(Value::List(vec![
                    Value::Int(n),
                    Value::Str(cx.request().headers.argsrepr.clone().unwrap_or_default()),
                ]));
            }
            let next = cx.retry().args(&(n + 1,)).map_err(Failure::from_error)?;
            Err(next.countdown(SOON).max_retries(5).into())
        })
        .start()
        .await;
    let id = rig.send("t.count", args![1]).await;
    assert_eq!(rig.value(&id).await, Value::List(vec![Value::Int(3), Value::Str("(3,)".into())]));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn everything_else_of_the_message_survives_a_retry() {
    let seen: Arc<Mutex<Vec<Headers>>> = Arc::default();
    let note = Arc::clone(&seen);
    let (rig, worker) = Builder::new()
        .task("t.once", move |cx, args| {
            let request = cx.request();
            note.lock().unwrap().push(request.headers.clone());
            let kept = Value::List(vec![
                args[0].clone(),
                Value::Str(request.content_type.clone()),
                Value::Str(request.properties.correlation_id.clone().unwrap_or_default()),
                Value::Bool(request.embed.callbacks.is_some()),
            ]);
            async move { if cx.retries() == 0 { Err(cx.retry().countdown(SOON).into()) } else { Ok(kept) } }
        })
        .set(|settings| settings.accept_content = vec!["json".into(), "msgpack".into()])
        .start()
        .await;
    let call = Signature::by_name("t.once", args!["ünï"])
        .header("x-tenant", "acme")
        .stamp("stamp", "s")
        .shadow("shadow")
        .priority(7)
        .serializer(Serializer::Msgpack)
        .compression("zstd")
        .time_limit(Duration::from_secs(60))
        .link(Signature::by_name("t.add", args![1]));
    let id = rig.send_signature(call).await;
    let expected = ["ünï", "application/x-msgpack", id.as_str()].map(|text| Value::Str(text.into()));
    assert_eq!(rig.value(&id).await, Value::List([&expected[..], &[Value::Bool(true)]].concat()));
    let seen = seen.lock().unwrap().clone();
    let (first, second) = (&seen[0], &seen[1]);
    assert_eq!((first.retries, second.retries), (0, 1));
    assert_eq!(second.parent_id.as_ref(), Some(&id));
    assert!(second.eta.is_some());
    let comparable =
        |headers: &Headers| Headers { retries: 0, parent_id: None, eta: None, ..headers.clone() };
    assert_eq!(comparable(first), comparable(second));
    assert_eq!(second.extra.get("x-tenant"), Some(&Value::Str("acme".into())));
    assert!(second.compression.is_some());
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_retry_may_go_elsewhere() {
    let (rig, worker) = Builder::new()
        .task("t.away", |cx, _| async move { Err(cx.retry().countdown(SOON).queue("other").into()) })
        .start()
        .await;
    rig.send("t.away", args![]).await;
    let admin = rig.broker.admin().expect("an admin");
    until("it is in the other queue", async || {
        let stats = admin.stats(&["other".to_owned()]).await.expect("stats").remove(0);
        stats.ready + stats.delayed == 1
    })
    .await;
    worker.stop().await.unwrap();
}
