//! Tasks that take their time, with and without limits.

use std::time::{Duration, Instant};

use taskq::core::codec::Map;
use taskq::prelude::*;
use taskq::{Value, task};

use crate::accounting::now;
use crate::interop::Interop;

#[task]
pub(crate) async fn sleeping(i: f64, #[kwargs] _kwargs: Map) {
    tokio::time::sleep(Duration::from_secs_f64(i)).await;
}

#[task]
pub(crate) fn spin(seconds: f64) -> bool {
    let began = Instant::now();
    let mut turns = 0_u64;
    while began.elapsed().as_secs_f64() < seconds {
        turns += 1;
    }
    turns > 0
}

#[task(soft_time_limit = "1s")]
pub(crate) async fn soft_limited(#[default = 10.0] seconds: f64) -> String {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    "finished".to_owned()
}

#[task(time_limit = "1s")]
pub(crate) async fn hard_limited(#[default = 10.0] seconds: f64) -> String {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    "finished".to_owned()
}

#[task(bind)]
pub(crate) async fn soft_guard(cx: &TaskContext, #[default = 10.0] seconds: f64) -> String {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => "finished".to_owned(),
        () = cx.cancellation().cancelled() => "soft".to_owned(),
    }
}

#[task(rate_limit = "5/s")]
pub(crate) async fn rate_limited(
    #[state] interop: &Interop,
    x: Value,
    key: Option<String>,
) -> Result<Value, TaskError> {
    if let Some(key) = key {
        interop.push(&key, &now().to_string()).await?;
    }
    Ok(x)
}
