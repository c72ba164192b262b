//! From what a run returned to what becomes of the task: fail, retry, or done. Pure: time and chance come in.
//!
//! Kept true here: a retry is never asked for beyond its limit, bad arguments are never retried (they would be
//! bad again), and delays never overflow.

use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;

use super::{Failure, FailureKind, Outcome, RetryRequest, TaskError, TaskOptions};
use crate::{
    Timestamp,
    codec::{json, repr},
    protocol::{Arguments, Request},
};

/// Turns what a run returned into its outcome: Celery's `Task.retry` and `autoretry_for`.
///
/// `now` is the time the run ended; `rng` draws the jitter.
pub fn decide(
    result: Result<Bytes, TaskError>,
    options: &TaskOptions,
    request: &Request,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Outcome {
    match result {
        Ok(value) => Outcome::Success(value),
        Err(TaskError::Ignore) => Outcome::Ignore,
        Err(TaskError::Replace(signature)) => Outcome::Replace(signature),
        Err(TaskError::Reject { requeue, reason }) => Outcome::Reject { requeue, reason },
        Err(TaskError::Retry(asked)) => retry(asked, options, request, now),
        Err(TaskError::Failure(failure)) if retries_by_itself(options, &failure) => {
            let countdown = match failure.kind {
                FailureKind::WorkerLost => Duration::ZERO,
                _ => retry_delay(options, request.headers.retries, rng),
            };
            let asked =
                RetryRequest { cause: Some(failure), countdown: Some(countdown), ..Default::default() };
            retry(Box::new(asked), options, request, now)
        }
        Err(TaskError::Failure(failure)) => Outcome::Failure(failure),
    }
}

/// The delay before automatic retry number `retries + 1`.
///
/// With `retry_backoff` it is `factor × 2^retries`, at most `retry_backoff_max`, and with `retry_jitter` a
/// uniform pick between zero and that; without, it is `default_retry_delay`.
pub fn retry_delay(options: &TaskOptions, retries: u32, rng: &mut fastrand::Rng) -> Duration {
    let Some(factor) = options.retry_backoff else { return options.default_retry_delay };
    let backoff = 2_u32
        .checked_pow(retries)
        .and_then(|times| factor.checked_mul(times))
        .map_or(options.retry_backoff_max, |backoff| backoff.min(options.retry_backoff_max));
    if options.retry_jitter { backoff.mul_f64(rng.f64()) } else { backoff }
}

fn retries_by_itself(options: &TaskOptions, failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::BadArguments => false,
        FailureKind::WorkerLost => options.retry_on_worker_lost == Some(true),
        FailureKind::Error | FailureKind::Panic | FailureKind::Timeout => match options.retry_on {
            Some(matches) => matches(failure),
            None => options.retry_backoff.is_some(),
        },
    }
}

fn retry(asked: Box<RetryRequest>, options: &TaskOptions, request: &Request, now: Timestamp) -> Outcome {
    let limit = asked.max_retries.unwrap_or(options.max_retries);
    if limit.is_some_and(|limit| request.headers.retries >= limit) {
        return Outcome::Failure(asked.cause.clone().unwrap_or_else(|| exhausted(&asked, request)));
    }
    let countdown = asked.countdown.unwrap_or(options.default_retry_delay);
    let not_before = asked.eta.unwrap_or_else(|| after(now, countdown));
    let cause = asked.cause.clone().unwrap_or_else(|| {
        let when = match asked.eta {
            Some(eta) => format!("Retry at {eta}"),
            None => format!("Retry in {}s", countdown.as_secs_f64()),
        };
        Failure::new("Retry", when).in_module("celery.exceptions")
    });
    Outcome::Retry { not_before, cause, request: asked }
}

/// `now + delay`, or the end of time.
fn after(now: Timestamp, delay: Duration) -> Timestamp {
    SignedDuration::try_from(delay)
        .ok()
        .and_then(|delay| now.checked_add(delay).ok())
        .unwrap_or(Timestamp::MAX)
}

/// `MaxRetriesExceededError`, with Celery's text.
fn exhausted(asked: &RetryRequest, request: &Request) -> Failure {
    let headers = &request.headers;
    let (mut args, mut kwargs) = shown(&request.arguments);
    if let Some(changed) = &asked.args {
        args = repr::raw_args(changed);
    }
    // The names of what stands where are not known here: as the sender shows them, or not at all.
    if repr::hides_any() {
        let of_sender = headers.argsrepr.clone().filter(|_| asked.args.is_none());
        args = of_sender.unwrap_or_else(|| "(...)".to_owned());
    }
    if let Some(changed) = &asked.kwargs {
        kwargs = repr::raw_kwargs(changed);
    }
    let text = format!("Can't retry {}[{}] args:{args} kwargs:{kwargs}", headers.task, headers.id);
    Failure::new("MaxRetriesExceededError", text).in_module("celery.exceptions")
}

/// Arguments as Python shows them.
fn shown(arguments: &Arguments) -> (String, String) {
    match arguments {
        Arguments::Raw { args, kwargs } => (repr::raw_args(args), repr::raw_kwargs(kwargs)),
        Arguments::Values { args, kwargs } => {
            let kwargs = json::to_bytes(kwargs).unwrap_or_default();
            (repr::args(args), repr::raw_kwargs(&kwargs))
        }
    }
}

#[cfg(test)]
mod tests;
