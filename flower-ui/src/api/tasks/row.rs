//! A task as a row of a table.
//!
//! Kept true here: waiting, running and backing off are three numbers; what was not told is `null`.

use serde::Serialize;

use crate::{
    auth::Caller,
    record::{Attempt, TaskRecord},
};

/// A row. Times are seconds since 1970, spans are seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) received: Option<f64>,
    pub(crate) sent: Option<f64>,
    pub(crate) started: Option<f64>,
    pub(crate) ended: Option<f64>,
    pub(crate) wait: Option<f64>,
    pub(crate) run: Option<f64>,
    pub(crate) backoff: Option<f64>,
    pub(crate) attempts: usize,
    pub(crate) worker: Option<String>,
    pub(crate) args: Option<String>,
    pub(crate) kwargs: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) exception: Option<String>,
    pub(crate) timestamp: f64,
    pub(crate) eta: Option<String>,
    pub(crate) root_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) client: Option<String>,
    /// Arguments and results were deleted because they are kept for less time.
    pub(crate) payload_dropped: bool,
    /// Something of it is known from elsewhere than events.
    pub(crate) inferred: bool,
}

impl TaskRow {
    /// Without arguments and results for those who may not see them.
    pub(crate) fn of(task: &TaskRecord, caller: &Caller) -> Self {
        let last = task.attempts.last();
        let payload = caller.sees(task);
        let text = |text: &Option<String>| text.clone().filter(|_| payload);
        Self {
            id: task.id.clone(),
            name: task.name.clone(),
            state: task.state.as_str().to_owned(),
            reason: task.reason.as_ref().map(ToString::to_string),
            queue: task.queue.clone(),
            received: task.received,
            sent: task.sent,
            started: task.started,
            ended: task.ended(),
            wait: last.and_then(wait),
            run: task.runtime.or(last.and_then(|attempt| attempt.run)),
            backoff: last.and_then(|attempt| attempt.backoff),
            attempts: task.attempts.len(),
            worker: task.worker.clone(),
            args: text(&task.args),
            kwargs: text(&task.kwargs),
            result: text(&task.result),
            exception: text(&task.exception),
            timestamp: task.timestamp,
            eta: task.eta.clone(),
            root_id: task.root_id.clone(),
            parent_id: task.parent_id.clone(),
            client: task.client.clone(),
            payload_dropped: task.payload_dropped,
            inferred: task.inferred,
        }
    }
}

/// Seconds from being due until it was started: in the queue, and in the worker.
pub(super) fn wait(attempt: &Attempt) -> Option<f64> {
    match (attempt.wait, attempt.prefetch) {
        (Some(queue), Some(worker)) => Some(queue + worker),
        (one, other) => one.or(other),
    }
}

/// Characters of a text that a list shows: as many as Celery's events carry.
const SHOWN: usize = 1_024;

/// Rows of tasks, with the beginnings of their texts.
pub(crate) fn rows(tasks: &[TaskRecord], caller: &Caller) -> Vec<TaskRow> {
    let shown = |task| {
        let mut row = TaskRow::of(task, caller);
        for text in
            [&mut row.args, &mut row.kwargs, &mut row.result, &mut row.exception].into_iter().flatten()
        {
            if let Some((end, _)) = text.char_indices().nth(SHOWN) {
                text.truncate(end);
                text.push('…');
            }
        }
        row
    };
    tasks.iter().map(shown).collect()
}
