//! Tasks that ask for another attempt, or get one.

use std::time::Duration;

use taskq::core::codec::Map;
use taskq::prelude::*;
use taskq::{Failure, Timestamp, Value, task};

use crate::accounting::now;
use crate::interop::Interop;
use crate::request;

#[task(bind, max_retries = 3)]
pub(crate) async fn retry(
    cx: &TaskContext,
    #[state] interop: &Interop,
    return_value: Option<Value>,
    #[default = 0.3] countdown: f64,
) -> Result<Value, TaskError> {
    match return_value {
        Some(value) if cx.retries() >= 3 => Ok(value),
        _ => Err(cx.retry().error(interop.expected("retrying")).countdown(seconds(countdown)).into()),
    }
}

#[task(bind, expires = "120s", max_retries = 1)]
pub(crate) async fn retry_once(
    cx: &TaskContext,
    #[args] _args: Vec<Value>,
    expires: Option<f64>,
    #[default = 1] max_retries: u32,
    #[default = 0.1] countdown: f64,
) -> Result<u32, TaskError> {
    if cx.retries() > 0 {
        return Ok(cx.retries());
    }
    let mut again = cx.retry().countdown(seconds(countdown)).max_retries(max_retries);
    if let Some(expires) = expires {
        again = again.expires(Timestamp::now() + seconds(expires));
    }
    Err(again.into())
}

#[task(bind, max_retries = 1)]
pub(crate) async fn retry_once_priority(
    cx: &TaskContext,
    #[args] _args: Vec<Value>,
    #[default = 0.1] countdown: f64,
) -> Result<Option<i64>, TaskError> {
    again_once(cx, countdown)?;
    Ok(cx.request().delivery.priority)
}

#[task(bind, max_retries = 1)]
pub(crate) async fn retry_once_headers(
    cx: &TaskContext,
    #[args] _args: Vec<Value>,
    #[default = 0.1] countdown: f64,
) -> Result<Value, TaskError> {
    again_once(cx, countdown)?;
    Ok(request::custom_headers(cx.request()))
}

#[task(bind, max_retries = 1)]
pub(crate) async fn retry_once_info(
    cx: &TaskContext,
    #[default = 0.1] countdown: f64,
) -> Result<Map, TaskError> {
    again_once(cx, countdown)?;
    let mut all = request::info(cx);
    let wanted = [
        "id",
        "root_id",
        "parent_id",
        "group",
        "retries",
        "timelimit",
        "expires",
        "eta",
        "stamped_headers",
        "stamps",
        "delivery_info",
    ];
    all.retain(|name, _| wanted.contains(&name.as_str()));
    Ok(all)
}

fn again_once(cx: &TaskContext, countdown: f64) -> Result<(), TaskError> {
    match cx.retries() {
        0 => Err(cx.retry().countdown(seconds(countdown)).into()),
        _ => Ok(()),
    }
}

#[task(bind, max_retries = 1)]
pub(crate) async fn retry_unpickleable(
    cx: &TaskContext,
    #[state] interop: &Interop,
    foo: Value,
    bar: Value,
    retry_kwargs: Option<Map>,
) -> Result<(), TaskError> {
    drop(bar);
    let options = retry_kwargs.unwrap_or_default();
    let mut again = cx.retry().error(interop.failure("UnpickleableException", vec![foo]));
    if let Some(countdown) = options.get("countdown").and_then(Value::as_f64) {
        again = again.countdown(seconds(countdown));
    }
    if let Some(limit) = options.get("max_retries").and_then(Value::as_i64) {
        again = again.max_retries(u32::try_from(limit).unwrap_or(0));
    }
    Err(again.into())
}

#[task(bind, max_retries = 2, default_retry_delay = "100ms")]
pub(crate) async fn retry_exhaust(cx: &TaskContext) -> Result<(), TaskError> {
    Err(cx.retry().into())
}

#[task(bind, max_retries = 5, default_retry_delay = "100ms")]
pub(crate) async fn retry_args(cx: &TaskContext, x: i64) -> Result<i64, TaskError> {
    if x >= 3 {
        return Ok(x);
    }
    Err(cx.retry().args(&(x + 1,))?.into())
}

#[task(bind, max_retries = 3)]
pub(crate) async fn retry_eta(
    cx: &TaskContext,
    #[state] interop: &Interop,
    key: String,
    seconds: f64,
) -> Result<u32, TaskError> {
    interop.push(&key, &now().to_string()).await?;
    if cx.retries() > 0 {
        return Ok(cx.retries());
    }
    Err(cx.retry().eta(Timestamp::now() + Duration::from_secs_f64(seconds)).into())
}

#[task(bind, retry_on("ValueError"), max_retries = 1, default_retry_delay = "100ms")]
pub(crate) async fn auto_retry(cx: &TaskContext) -> Result<u32, Failure> {
    match cx.retries() {
        0 => Err(Failure::new("ValueError", "first")),
        retries => Ok(retries),
    }
}

#[task(
    retry_on("ExpectedException"),
    max_retries = 3,
    retry_backoff = "1s",
    retry_backoff_max = "2s",
    retry_jitter = false
)]
pub(crate) async fn retry_backoff(#[state] interop: &Interop, key: String) -> Result<(), TaskError> {
    interop.push(&key, &now().to_string()).await?;
    Err(interop.expected("backoff").into())
}

#[task(retry_on(_), dont_retry_on("ExpectedException"), max_retries = 3, default_retry_delay = "100ms")]
pub(crate) async fn auto_retry_except(#[state] interop: &Interop, key: String) -> Result<(), TaskError> {
    interop.push(&key, "1").await?;
    Err(interop.expected("not retried").into())
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

#[task(bind, max_retries = 100)]
pub(crate) async fn fail_until(
    cx: &TaskContext,
    #[state] interop: &Interop,
    key: String,
    n: i64,
    #[default = 0.05] countdown: f64,
) -> Result<u32, TaskError> {
    let runs: i64 = interop.account(redis::cmd("INCR").arg(&key)).await?;
    if runs <= n {
        return Err(cx.retry().error(interop.expected("not yet")).countdown(seconds(countdown)).into());
    }
    Ok(cx.retries())
}
