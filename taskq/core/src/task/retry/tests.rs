//! Celery's rules of retrying, one test each.

use super::*;
use crate::{
    codec::Value,
    protocol::{Body, DeliveryInfo, Headers, Properties, Protocol, TaskId},
};

fn request(retries: u32) -> Request {
    let mut headers = Headers::new("proj.add", TaskId::from("id-1"));
    headers.retries = retries;
    let Body { embed, .. } = Body::default();
    Request {
        headers,
        properties: Properties::default(),
        delivery: DeliveryInfo::default(),
        arguments: Arguments::Raw { args: Bytes::from_static(b"[1, 2]"), kwargs: Bytes::from_static(b"{}") },
        embed,
        protocol: Protocol::V2,
        content_type: "application/json".into(),
        eta: None,
        expires: None,
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn run(result: Result<Bytes, TaskError>, options: &TaskOptions, retries: u32) -> Outcome {
    decide(result, options, &request(retries), NOW, &mut fastrand::Rng::with_seed(7))
}

fn seconds(outcome: &Outcome) -> f64 {
    let Outcome::Retry { not_before, .. } = outcome else { panic!("no retry: {outcome:?}") };
    not_before.duration_since(NOW).as_secs_f64()
}

fn value_error() -> TaskError {
    Failure::new("ValueError", "bad").into()
}

const BACKOFF: TaskOptions =
    TaskOptions { retry_backoff: Some(Duration::from_secs(1)), retry_jitter: false, ..TaskOptions::DEFAULT };

#[test]
fn backoff_doubles_up_to_its_maximum() {
    let rng = &mut fastrand::Rng::with_seed(1);
    let delays: Vec<u64> = (0..12).map(|n| retry_delay(&BACKOFF, n, rng).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    assert_eq!(retry_delay(&BACKOFF, u32::MAX, rng).as_secs(), 600);
}

#[test]
fn jitter_is_full() {
    let options = TaskOptions { retry_jitter: true, ..BACKOFF };
    let rng = &mut fastrand::Rng::with_seed(1);
    let delays: Vec<f64> = (0..2_000).map(|_| retry_delay(&options, 3, rng).as_secs_f64()).collect();
    assert!(delays.iter().all(|delay| (0.0..=8.0).contains(delay)));
    let mean = delays.iter().sum::<f64>() / 2_000.0;
    assert!((3.7..4.3).contains(&mean), "{mean}");
    assert!(delays.iter().any(|delay| *delay < 0.1) && delays.iter().any(|delay| *delay > 7.9));
}

#[test]
fn without_backoff_the_default_delay_holds() {
    assert_eq!(retry_delay(&TaskOptions::DEFAULT, 5, &mut fastrand::Rng::with_seed(1)).as_secs(), 180);
}

#[test]
fn failures_are_not_retried_unless_the_task_says_so() {
    assert!(matches!(run(Err(value_error()), &TaskOptions::DEFAULT, 0), Outcome::Failure(_)));
    let only_limit = TaskOptions { max_retries: Some(9), ..TaskOptions::DEFAULT };
    assert!(matches!(run(Err(value_error()), &only_limit, 0), Outcome::Failure(_)));
}

#[test]
fn backoff_alone_retries_any_error_until_the_limit() {
    assert_eq!(seconds(&run(Err(value_error()), &BACKOFF, 0)), 1.0);
    assert_eq!(seconds(&run(Err(value_error()), &BACKOFF, 2)), 4.0);
    let Outcome::Failure(failure) = run(Err(value_error()), &BACKOFF, 3) else { panic!("no failure") };
    assert_eq!(failure.to_string(), "ValueError: bad");
}

#[test]
fn retry_on_decides_when_given() {
    let options = TaskOptions { retry_on: Some(|failure| failure.is_named("KeyError")), ..BACKOFF };
    assert!(matches!(run(Err(value_error()), &options, 0), Outcome::Failure(_)));
    assert_eq!(seconds(&run(Err(Failure::new("KeyError", "k").into()), &options, 0)), 1.0);
}

#[test]
fn no_limit_means_for_ever() {
    let options = TaskOptions { max_retries: None, ..BACKOFF };
    assert_eq!(seconds(&run(Err(value_error()), &options, u32::MAX)), 600.0);
}

#[test]
fn bad_arguments_are_never_retried_and_lost_workers_only_on_request() {
    let bad = |kind| Err(Failure::new("TypeError", "x").of_kind(kind).into());
    assert!(matches!(run(bad(FailureKind::BadArguments), &BACKOFF, 0), Outcome::Failure(_)));
    assert!(matches!(run(bad(FailureKind::WorkerLost), &BACKOFF, 0), Outcome::Failure(_)));
    let options = TaskOptions { retry_on_worker_lost: Some(true), ..TaskOptions::DEFAULT };
    assert_eq!(seconds(&run(bad(FailureKind::WorkerLost), &options, 0)), 0.0);
    assert!(matches!(run(bad(FailureKind::WorkerLost), &options, 3), Outcome::Failure(_)));
}

#[test]
fn an_explicit_retry_waits_as_it_says() {
    let ask = || RetryRequest::default();
    let run = |asked: RetryRequest| run(Err(asked.into()), &TaskOptions::DEFAULT, 0);
    assert_eq!(seconds(&run(ask())), 180.0);
    assert_eq!(seconds(&run(ask().countdown(Duration::from_millis(300)))), 0.3);
    let eta = NOW + SignedDuration::from_secs(77);
    assert_eq!(seconds(&run(ask().countdown(Duration::from_secs(1)).eta(eta))), 77.0);
    let Outcome::Retry { not_before, .. } = run(ask().countdown(Duration::MAX)) else { panic!("no retry") };
    assert_eq!(not_before, Timestamp::MAX);
}

#[test]
fn a_retry_without_a_cause_is_stored_as_celerys() {
    let asked = RetryRequest::default().countdown(Duration::from_secs(2));
    let Outcome::Retry { cause, .. } = run(Err(asked.into()), &TaskOptions::DEFAULT, 0) else {
        panic!("no retry")
    };
    assert_eq!(
        (cause.error.exc_module.as_str(), cause.to_string()),
        ("celery.exceptions", "Retry: Retry in 2s".into())
    );
}

#[test]
fn a_used_up_retry_ends_as_its_cause_or_as_max_retries_exceeded() {
    let end = |asked: RetryRequest| match run(Err(asked.into()), &TaskOptions::DEFAULT, 3) {
        Outcome::Failure(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(end(RetryRequest::default().error(value_error())).to_string(), "ValueError: bad");

    let failure = end(RetryRequest::default());
    assert_eq!(failure.error.exc_type, "MaxRetriesExceededError");
    assert_eq!(failure.error.exc_module, "celery.exceptions");
    assert_eq!(
        failure.error.exc_message,
        [Value::Str("Can't retry proj.add[id-1] args:(1, 2) kwargs:{}".into())]
    );
}

#[test]
fn a_call_may_have_its_own_limit() {
    let asked = |limit: Option<u32>| Err(RetryRequest::default().max_retries(limit).into());
    assert!(matches!(run(asked(Some(1)), &TaskOptions::DEFAULT, 1), Outcome::Failure(_)));
    assert!(matches!(run(asked(Some(5)), &TaskOptions::DEFAULT, 4), Outcome::Retry { .. }));
    assert!(matches!(run(asked(None), &TaskOptions::DEFAULT, 1_000), Outcome::Retry { .. }));
}

#[test]
fn other_ends_pass_through() {
    let options = &TaskOptions::DEFAULT;
    assert!(matches!(run(Ok(Bytes::from_static(b"3")), options, 0), Outcome::Success(value) if value == "3"));
    assert!(matches!(run(Err(TaskError::Ignore), options, 0), Outcome::Ignore));
    let reject = TaskError::Reject { requeue: true, reason: "not ours".into() };
    assert!(matches!(run(Err(reject), options, 0), Outcome::Reject { requeue: true, .. }));
}
