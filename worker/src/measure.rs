//! Measures for monitors: outcomes and run times by task, through the crate `metrics`. Without a recorder in the
//! program they cost a look at a flag.

use metrics::{counter, histogram};
use taskq_core::{Timestamp, codec::Value, protocol::Request};
use uuid::Uuid;

use crate::emit::{Ended, How};

/// Says what the measures mean; called by whoever installs a recorder.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_histogram};
    describe_counter!("taskq_tasks_total", "Deliveries that ended, by task and outcome");
    describe_histogram!("taskq_task_run_seconds", Unit::Seconds, "Run time of tasks");
    describe_histogram!(
        "taskq_task_wait_seconds",
        Unit::Seconds,
        "Time from the call, or its ETA, to the first run"
    );
}

/// Measures how long a task has waited for its first run: since it was called, or since its ETA.
///
/// A message says when it was sent where a broker stamps it (the property `timestamp`, the header `timestamp_in_ms`),
/// and ids that taskq makes do (UUID version 7). Others are left out.
pub(crate) fn started(request: &Request, now: Timestamp) {
    if request.headers.retries > 0 {
        return;
    }
    let Some(called) = stamped(request).or_else(|| called(request.id().as_str())) else { return };
    let since = request.eta.map_or(called, |eta| eta.max(called));
    let waited = now.duration_since(since).as_secs_f64().max(0.0);
    histogram!("taskq_task_wait_seconds", "task" => request.headers.task.clone()).record(waited);
}

/// When the broker took the message, if it stamped it.
fn stamped(request: &Request) -> Option<Timestamp> {
    let exact = request.headers.extra.get("timestamp_in_ms").and_then(Value::as_i64);
    if let Some(at) = exact.and_then(|at| Timestamp::from_millisecond(at).ok()) {
        return Some(at);
    }
    let seconds = request.properties.extra.get("timestamp").and_then(Value::as_i64)?;
    Timestamp::from_second(seconds).ok().filter(|at| at.as_second() > 0)
}

/// When an id was made, if it says so.
fn called(id: &str) -> Option<Timestamp> {
    let id = Uuid::parse_str(id).ok().filter(|id| id.get_version_num() == 7)?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}

/// Measures the end of a delivery.
pub(crate) fn ended(ended: &Ended, lost: bool) {
    let outcome = if lost { "lost" } else { outcome(&ended.how) };
    counter!("taskq_tasks_total", "task" => ended.task.to_string(), "outcome" => outcome).increment(1);
    if let Some(runtime) = ended.runtime {
        histogram!("taskq_task_run_seconds", "task" => ended.task.to_string()).record(runtime);
    }
}

fn outcome(how: &How) -> &'static str {
    match how {
        How::Succeeded(_) => "succeeded",
        How::Failed { .. } => "failed",
        How::Retried { .. } => "retried",
        How::Ignored => "ignored",
        How::Replaced => "replaced",
        How::Rejected { .. } => "rejected",
        How::Revoked(_) => "revoked",
        How::Postponed { .. } => "postponed",
        How::GivenBack => "given_back",
        How::Duplicate(_) => "duplicate",
        How::Dead(_) => "dead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_taskqs_own_say_when_they_were_made() {
        let id = taskq_core::protocol::TaskId::new();
        let age = Timestamp::now().duration_since(called(id.as_str()).expect("a time"));
        assert!(age.as_secs_f64().abs() < 5.0, "{age}");
        for id in ["", "no id", "7f9c2e4a-3b1d-4e5f-8a6b-1c2d3e4f5a6b"] {
            assert_eq!(called(id), None, "{id}");
        }
    }
}
