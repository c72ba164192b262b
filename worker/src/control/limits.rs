//! Limits that change while the worker runs: `rate_limit`, `time_limit`, `task_concurrency`, `queue_concurrency`.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use taskq_core::{
    backend::StoredError,
    codec::{Value, repr},
    control::{nok, ok},
    task::{RateLimit, TaskKind},
};
use tracing::info;

use super::{
    args::{Args, value_error},
    panel::{Done, Panel},
};
use crate::consume::Ask;

/// The longest limit that can be set, in seconds: 100 years.
const LONGEST: f64 = 3_155_760_000.0;

pub(super) async fn rate_limit(panel: &Panel, args: &Args<'_>) -> Done {
    let name = args.text("task_name")?;
    let given = args.required("rate_limit")?;
    let rate = rate(given)?;
    let Some(known) = panel.node.tasks.get(name) else { return Ok(nok("unknown task")) };
    if rate.is_some() && known.shares_rate() && panel.node.rate_limits.is_none() {
        return Err(value_error(format!(
            "the rate limit of `{name}` is for all workers together, and neither the broker nor the result backend \
             keeps it: use Redis or SQLite as `result_backend`"
        )));
    }
    known.set_rate_limit(rate);
    if !known.shares_rate() {
        // It owns the buckets; when it is gone the worker stops anyway.
        let _ = panel.asks.send(Ask::Rate(Arc::clone(&known.name), rate)).await;
    }
    info!(task = name, rate = rate.map(|rate| rate.to_string()), "new rate limit");
    // The text "0" is a limit to Python, which then does not limit.
    let is_said = matches!(given, Value::Str(text) if !text.is_empty());
    Ok(ok(match is_said || rate.is_some() {
        true => "new rate limit set successfully",
        false => "rate limit disabled successfully",
    }))
}

/// `"100/m"`, a number a second, or nothing for no limit; errors as Python's.
fn rate(value: &Value) -> Result<Option<RateLimit>, StoredError> {
    let a_second = |count: f64| {
        (count > 0.0 && count.is_finite()).then(|| RateLimit::new(count, Duration::from_secs(1)))
    };
    let text = match value {
        Value::Null | Value::Bool(false) => return Ok(None),
        Value::Int(count) => return Ok(a_second(*count as f64)),
        Value::Float(count) => return Ok(a_second(*count)),
        Value::Str(text) => text,
        other => return Err(value_error(format!("no rate: {}", repr::value(other)))),
    };
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    if !matches!(unit, "s" | "m" | "h") {
        return Err(StoredError::builtin("KeyError", unit));
    }
    match count.trim().parse::<f64>() {
        Ok(count) if count <= 0.0 => Ok(None),
        Ok(_) => text.parse().map(Some).map_err(|why: String| value_error(why)),
        Err(_) if text.is_empty() => Ok(None),
        Err(_) => Err(value_error(format!("could not convert string to float: '{count}'"))),
    }
}

pub(super) fn time_limit(panel: &Panel, args: &Args<'_>) -> Done {
    let name = args.text("task_name")?;
    let limit = |name| {
        let seconds = args.number(name)?;
        let usable = |seconds: &f64| *seconds > 0.0 && *seconds < LONGEST;
        Ok::<_, StoredError>(seconds.filter(usable).map(Duration::from_secs_f64))
    };
    let (soft, hard) = (limit("soft")?, limit("hard")?);
    let Some(known) = panel.node.tasks.get(name) else { return Ok(nok("unknown task")) };
    if hard.is_some() && known.kind == TaskKind::Blocking {
        return Err(value_error(format!(
            "a hard limit cannot be enforced: `{name}` blocks a thread, which cannot be stopped; `-P processes` can"
        )));
    }
    known.set_time_limits(hard, soft);
    info!(task = name, ?soft, ?hard, "new time limits");
    Ok(ok("time limits set successfully"))
}

/// How many of a task may run at once here. Celery has none of it.
pub(super) fn task_concurrency(panel: &Panel, args: &Args<'_>) -> Done {
    let (name, most) = (args.text("task_name")?, at_once(args)?);
    let Some(known) = panel.node.tasks.get(name) else { return Ok(nok("unknown task")) };
    known.share.set(most);
    panel.pool.look_again();
    info!(task = name, ?most, "new limit of runs at once");
    Ok(ok(changed(most)))
}

/// How many may run at once out of a queue here. It holds for a queue that is consumed later, too.
pub(super) fn queue_concurrency(panel: &Panel, args: &Args<'_>) -> Done {
    let (queue, most) = (args.text("queue")?, at_once(args)?);
    panel.node.shares.of(&queue.into()).set(most);
    panel.pool.look_again();
    info!(queue, ?most, "new limit of runs at once");
    Ok(ok(changed(most)))
}

/// 0, or nothing: no limit.
fn at_once(args: &Args<'_>) -> Result<Option<NonZeroU32>, StoredError> {
    let given = args.number("n")?.unwrap_or_default();
    if given.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&given) {
        return Err(args.wrong("n", args.get("n").unwrap_or(&Value::Null), "a whole number of runs"));
    }
    Ok(NonZeroU32::new(given as u32))
}

fn changed(most: Option<NonZeroU32>) -> String {
    most.map_or_else(|| "no limit of runs at once".to_owned(), |most| format!("at most {most} at once"))
}
