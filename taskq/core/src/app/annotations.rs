//! The setting `task_annotations`: options of tasks changed by configuration.

use std::time::Duration;

use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
    config::Settings,
    task::{RateLimit, RateScope, Registry, TaskDef, TaskOptions},
};

/// The registry with the annotations applied: those of `*` first, then those of the name.
pub(super) fn apply(registry: Registry, settings: &Settings) -> Result<Registry, Error> {
    let annotations = &settings.task_annotations;
    if annotations.is_empty() {
        return Ok(registry);
    }
    let mut annotated = Registry::new();
    for def in registry.iter() {
        let mut def = TaskDef::clone(def);
        for name in ["*", def.name.clone().as_ref()] {
            if let Some(map) = annotations.get(name) {
                annotate(&mut def.options, name, map)?;
            }
        }
        annotated.add(def)?;
    }
    Ok(annotated)
}

fn annotate(options: &mut TaskOptions, task: &str, map: &Map) -> Result<(), Error> {
    for (key, value) in map {
        set(options, key, value).map_err(|expected| {
            Error::new(
                ErrorKind::Config,
                format!("`task_annotations`: `{key}` of `{task}`: expected {expected}"),
            )
        })?;
    }
    Ok(())
}

fn set(options: &mut TaskOptions, key: &str, value: &Value) -> Result<(), &'static str> {
    let truth = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::Bool(is) => Ok(Some(*is)),
        _ => Err("true or false"),
    };
    let limit = |value: &Value| match value {
        Value::Null => Ok(None),
        value => seconds(value).map(Some),
    };
    match key {
        "rate_limit" => {
            options.rate_limit = match value {
                Value::Null => None,
                Value::Str(text) => Some(text.parse().map_err(|_| "a rate such as `10/s`")?),
                value => match value.as_f64() {
                    Some(count) if count > 0.0 => Some(RateLimit::new(count, Duration::from_secs(1))),
                    _ => return Err("a rate such as `10/s`"),
                },
            };
        }
        "rate_limit_scope" => {
            options.rate_limit_scope = match value.as_str() {
                Some("worker") => RateScope::Worker,
                Some("cluster") => RateScope::Cluster,
                _ => return Err("`worker` or `cluster`"),
            };
        }
        "max_concurrency" => {
            options.max_concurrency = match value {
                Value::Null => None,
                Value::Int(slots @ 1..) => {
                    Some(u32::try_from(*slots).map_err(|_| "a number of runs, 1 or more")?)
                }
                _ => return Err("a number of runs, 1 or more"),
            };
        }
        "time_limit" => options.time_limit = limit(value)?,
        "soft_time_limit" => options.soft_time_limit = limit(value)?,
        "default_retry_delay" => options.default_retry_delay = seconds(value)?,
        "max_retries" => {
            options.max_retries = match value {
                Value::Null => None,
                Value::Int(number) => Some(u32::try_from(*number).map_err(|_| "a whole number, or none")?),
                _ => return Err("a whole number, or none"),
            };
        }
        "priority" => match value.as_i64().map(u8::try_from) {
            Some(Ok(priority @ 0..=9)) => options.priority = Some(priority),
            _ => return Err("0 to 9"),
        },
        "acks_late" => options.acks_late = truth(value)?,
        "ignore_result" => options.ignore_result = truth(value)?,
        "store_errors_even_if_ignored" => options.store_errors_even_if_ignored = truth(value)?,
        "track_started" => options.track_started = truth(value)?,
        "reject_on_worker_lost" => options.reject_on_worker_lost = truth(value)?,
        "send_events" => options.send_events = truth(value)?.unwrap_or(true),
        "trail" => options.trail = truth(value)?.unwrap_or(true),
        _ => {
            return Err(
                "one of `rate_limit`, `rate_limit_scope`, `max_concurrency`, `time_limit`, `soft_time_limit`, \
                        `default_retry_delay`, `max_retries`, `priority`, `acks_late`, `ignore_result`, \
                        `store_errors_even_if_ignored`, `track_started`, `reject_on_worker_lost`, \
                        `send_events`, `trail`",
            );
        }
    }
    Ok(())
}

fn seconds(value: &Value) -> Result<Duration, &'static str> {
    value.as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or("seconds, 0 or more")
}
