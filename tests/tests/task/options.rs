//! Every option of the attribute arrives in `TaskOptions`.

use std::{io, time::Duration};

use taskq::{
    Failure, Task, TaskContext, TaskOptions,
    core::{
        codec::Serializer,
        protocol::DeliveryMode,
        task::{FailureKind, TaskKind},
    },
    task,
};

use crate::run;

const QUEUE: &str = "from a constant";
const LIMIT: Duration = Duration::from_secs(9);

#[task]
fn plain() {}

#[task(
    bind,
    name = "proj.tasks.full",
    queue = "high",
    exchange = "x",
    routing_key = "k",
    priority = 6,
    delivery_mode = "transient",
    serializer = "msgpack",
    compression = "zstd",
    expires = "1h30m",
    max_retries = 5,
    default_retry_delay = 10,
    retry_backoff = "500ms",
    retry_backoff_max = 2.5,
    retry_jitter = false,
    retry_on(io::Error, "ValueError"),
    dont_retry_on(std::fmt::Error),
    throws("KeyError"),
    rate_limit = "100/m",
    time_limit = "30s",
    soft_time_limit = "25s",
    ignore_result,
    store_errors_even_if_ignored,
    store_eager_result = true,
    trail = false,
    send_events = false,
    track_started,
    acks_late = false,
    acks_on_failure = false,
    acks_on_timeout,
    reject_on_worker_lost,
    retry_on_worker_lost = false,
    resultrepr_maxsize = 64
)]
async fn full(_cx: &TaskContext) {}

#[task(queue = QUEUE, time_limit = LIMIT, max_retries = None, retry_backoff, delivery_mode = 2, rate_limit = 0.5)]
async fn constants() {}

#[task(max_retries = "none", retry_on(_))]
async fn any() {}

#[task(retry_backoff = 3, dont_retry_on("KeyError"))]
async fn most_failures() {}

fn options<T: Task>(_: T) -> TaskOptions {
    T::OPTIONS
}

#[test]
fn nothing_given_is_every_default() {
    assert_eq!(format!("{:?}", options(plain)), format!("{:?}", TaskOptions::DEFAULT));
}

#[test]
fn every_option_arrives() {
    let options = options(full);
    assert_eq!(run::linked(full).name, "proj.tasks.full");
    assert_eq!(options.queue, Some("high"));
    assert_eq!(options.exchange, Some("x"));
    assert_eq!(options.routing_key, Some("k"));
    assert_eq!(options.priority, Some(6));
    assert_eq!(options.delivery_mode, Some(DeliveryMode::Transient));
    assert_eq!(options.serializer, Some(Serializer::Msgpack));
    assert_eq!(options.compression, Some("zstd"));
    assert_eq!(options.expires, Some(Duration::from_secs(5_400)));
    assert_eq!(options.max_retries, Some(5));
    assert_eq!(options.default_retry_delay, Duration::from_secs(10));
    assert_eq!(options.retry_backoff, Some(Duration::from_millis(500)));
    assert_eq!(options.retry_backoff_max, Duration::from_millis(2_500));
    assert!(!options.retry_jitter);
    assert_eq!(options.rate_limit.unwrap().to_string(), "100/m");
    assert_eq!(options.time_limit, Some(Duration::from_secs(30)));
    assert_eq!(options.soft_time_limit, Some(Duration::from_secs(25)));
    assert_eq!(options.ignore_result, Some(true));
    assert_eq!(options.store_errors_even_if_ignored, Some(true));
    assert_eq!(options.store_eager_result, Some(true));
    assert!(!options.trail && !options.send_events);
    assert_eq!(options.track_started, Some(true));
    assert_eq!(options.acks_late, Some(false));
    assert_eq!(options.acks_on_failure, Some(false));
    assert_eq!(options.acks_on_timeout, Some(true));
    assert_eq!(options.reject_on_worker_lost, Some(true));
    assert_eq!(options.retry_on_worker_lost, Some(false));
    assert_eq!(options.resultrepr_maxsize, 64);
}

#[test]
fn values_may_be_constants() {
    let options = options(constants);
    assert_eq!(options.queue, Some(QUEUE));
    assert_eq!(options.time_limit, Some(LIMIT));
    assert_eq!(options.max_retries, None);
    assert_eq!(options.retry_backoff, Some(Duration::from_secs(1)));
    assert_eq!(options.delivery_mode, Some(DeliveryMode::Persistent));
    assert_eq!(options.rate_limit.unwrap().interval(), Duration::from_secs(2));
}

#[test]
fn failures_are_matched_by_type_and_by_name() {
    let retry_on = options(full).retry_on.unwrap();
    assert!(retry_on(&Failure::from_error(io::Error::other("x"))));
    assert!(retry_on(&Failure::new("ValueError", "x")));
    assert!(!retry_on(&Failure::new("KeyError", "x")));
    assert!(!retry_on(&Failure::from_error(std::fmt::Error)));
    let throws = options(full).throws.unwrap();
    assert!(throws(&Failure::new("KeyError", "x")) && !throws(&Failure::new("ValueError", "x")));

    assert!(options(any).retry_on.unwrap()(&Failure::new("E", "x").of_kind(FailureKind::Panic)));
    assert_eq!(options(any).max_retries, None);
    let most = options(most_failures).retry_on.unwrap();
    assert!(most(&Failure::new("ValueError", "x")) && !most(&Failure::new("KeyError", "x")));
}

#[test]
fn the_name_is_the_path_with_dots() {
    assert_eq!(<plain as Task>::NAME, "task.options.plain");
    assert_eq!(<full as Task>::NAME, "proj.tasks.full");
}

#[test]
fn linking_registers_with_the_place_and_kind() {
    let def = run::linked(plain);
    assert_eq!(def.kind, TaskKind::Blocking);
    assert!(def.location.contains("options.rs:"), "{}", def.location);
    assert_eq!(run::linked(full).kind, TaskKind::Async);
}
