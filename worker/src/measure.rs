//! Measures for monitors: outcomes and run times by task, through the crate `metrics`. Without a recorder in the
//! program they cost a look at a flag.

use metrics::{counter, histogram};

use crate::emit::{Ended, How};

/// Says what the measures mean; called by whoever installs a recorder.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_histogram};
    describe_counter!("taskq_tasks_total", "Deliveries that ended, by task and outcome");
    describe_histogram!("taskq_task_run_seconds", Unit::Seconds, "Run time of tasks");
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
        How::Duplicate => "duplicate",
        How::Dead(_) => "dead",
    }
}
