//! Tasks that write down that they ran, and some that never come that far.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use taskq::prelude::*;
use taskq::{Value, task};

use crate::interop::Interop;

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[task]
pub(crate) async fn record(
    #[state] interop: &Interop,
    id: String,
    #[default = "rec"] key: String,
) -> Result<String, TaskError> {
    interop.push(&key, &id).await?;
    Ok(id)
}

#[task]
pub(crate) async fn record_result(
    #[state] interop: &Interop,
    value: Value,
    id: String,
    #[default = "rec"] key: String,
) -> Result<(String, Value), TaskError> {
    interop.push(&key, &id).await?;
    Ok((id, value))
}

#[task(bind)]
pub(crate) async fn record_worker(
    cx: &TaskContext,
    #[state] interop: &Interop,
    id: String,
    #[default = "rec"] key: String,
) -> Result<String, TaskError> {
    interop.push(&key, &format!("{} {id}", cx.hostname())).await?;
    Ok(id)
}

#[task]
pub(crate) async fn record_time(
    #[state] interop: &Interop,
    id: String,
    #[default = "rec"] key: String,
) -> Result<String, TaskError> {
    interop.push(&key, &format!("{id} {}", now())).await?;
    Ok(id)
}

#[task]
pub(crate) async fn slow_record(
    #[state] interop: &Interop,
    id: String,
    seconds: f64,
    #[default = "rec"] key: String,
) -> Result<String, TaskError> {
    interop.push(&format!("{key}:start"), &id).await?;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    interop.push(&key, &id).await?;
    Ok(id)
}

/// Appends `id hostname start end` when it ends.
#[task(bind)]
pub(crate) async fn record_run(
    cx: &TaskContext,
    #[state] interop: &Interop,
    id: String,
    seconds: f64,
    #[default = "rec"] key: String,
) -> Result<String, TaskError> {
    let began = now();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    interop.push(&key, &format!("{id} {} {began:.3} {:.3}", cx.hostname(), now())).await?;
    Ok(id)
}

#[task]
pub(crate) async fn redis_echo(
    #[state] interop: &Interop,
    message: String,
    #[default = "redis-echo"] redis_key: String,
) -> Result<(), TaskError> {
    Ok(interop.push(&redis_key, &message).await?)
}

#[task(bind)]
pub(crate) async fn redis_echo_group_id(
    cx: &TaskContext,
    #[state] interop: &Interop,
    x: Value,
    #[default = "redis-group-ids"] redis_key: String,
) -> Result<(), TaskError> {
    drop(x);
    let group = cx.request().headers.group.clone().unwrap_or_default();
    Ok(interop.push(&redis_key, &group).await?)
}

#[task]
pub(crate) async fn redis_count(
    #[state] interop: &Interop,
    #[default = "redis-count"] redis_key: String,
) -> Result<(), TaskError> {
    Ok(interop.account(redis::cmd("INCR").arg(redis_key)).await?)
}

#[task]
pub(crate) async fn crash(
    #[state] interop: &Interop,
    key: Option<String>,
    id: Option<String>,
) -> Result<(), TaskError> {
    if let Some(key) = key {
        interop.push(&key, id.as_deref().unwrap_or("crash")).await?;
    }
    std::process::abort();
}

#[task]
pub(crate) async fn hang(
    #[state] interop: &Interop,
    key: Option<String>,
    id: Option<String>,
) -> Result<(), TaskError> {
    if let Some(key) = key {
        interop.push(&key, id.as_deref().unwrap_or("hang")).await?;
    }
    std::future::pending().await
}

#[task]
pub(crate) fn alloc(mb: usize) -> usize {
    const MIB: usize = 1024 * 1024;
    let mut block = vec![0_u8; mb * MIB];
    // Memory counts only once it is touched.
    block.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(&block);
    block.len() / MIB
}

#[task]
pub(crate) async fn log(level: String, message: String) {
    match level.as_str() {
        "DEBUG" => tracing::debug!("{message}"),
        "INFO" => tracing::info!("{message}"),
        "WARNING" => tracing::warn!("{message}"),
        _ => tracing::error!("{message}"),
    }
}

#[task(bind)]
pub(crate) async fn progress(
    cx: &TaskContext,
    steps: i64,
    #[default = 0.1] delay: f64,
) -> Result<String, TaskError> {
    for current in 0..steps {
        let mut meta = taskq::core::codec::Map::default();
        meta.insert("current".into(), Value::Int(current));
        meta.insert("total".into(), Value::Int(steps));
        cx.update_state("PROGRESS", Value::Map(meta)).await?;
        tokio::time::sleep(Duration::from_secs_f64(delay)).await;
    }
    Ok("done".to_owned())
}
