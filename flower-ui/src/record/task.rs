//! A task, and each time that it was tried.

use taskq_core::backend::State;

use super::EndReason;

/// What is known of a task. Times are seconds since 1970 by the clock of whoever told; texts are as the events
/// carry them: shown, not to be read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskRecord {
    /// Its id.
    pub id: String,
    /// Its name; unknown for a task that was first heard of when it already ran.
    pub name: Option<String>,
    /// Its state by Celery's name; an event of a program's own is its state in capitals.
    pub state: State,
    /// Why it ended, where the state does not say so.
    pub reason: Option<EndReason>,
    /// When it was sent last.
    pub sent: Option<f64>,
    /// When a worker received it last.
    pub received: Option<f64>,
    /// When it was started last.
    pub started: Option<f64>,
    /// When it succeeded.
    pub succeeded: Option<f64>,
    /// When it failed for good.
    pub failed: Option<f64>,
    /// When it asked for another attempt last.
    pub retried: Option<f64>,
    /// When it was revoked, or expired.
    pub revoked: Option<f64>,
    /// When it was rejected.
    pub rejected: Option<f64>,
    /// When the event that gave it its state was told.
    pub timestamp: f64,
    /// Positional arguments.
    pub args: Option<String>,
    /// Keyword arguments.
    pub kwargs: Option<String>,
    /// What it returned.
    pub result: Option<String>,
    /// Its last error.
    pub exception: Option<String>,
    /// That error's traceback.
    pub traceback: Option<String>,
    /// Not before, in ISO 8601.
    pub eta: Option<String>,
    /// Not after, in ISO 8601.
    pub expires: Option<String>,
    /// Retries so far, as the message counts them.
    pub retries: Option<i64>,
    /// How long it ran, in seconds, as the worker measured it.
    pub runtime: Option<f64>,
    /// Node name of the worker that has, or had it.
    pub worker: Option<String>,
    /// Who sent it.
    pub client: Option<String>,
    /// The queue it was sent to; told by `task-sent` only.
    pub queue: Option<String>,
    /// The exchange it was sent to.
    pub exchange: Option<String>,
    /// The routing key it was sent with.
    pub routing_key: Option<String>,
    /// Logical time of the newest event.
    pub clock: i64,
    /// The first task of its workflow.
    pub root_id: Option<String>,
    /// The task that sent it. Never its own id: a retried task names itself, which is dropped.
    pub parent_id: Option<String>,
    /// Each time it was tried, the first one first. Older ones than the newest 80 or so are dropped.
    pub attempts: Vec<Attempt>,
    /// Whether arguments, result and errors were stored once and are deleted now (they are kept for less time).
    pub payload_dropped: bool,
    /// Whether something of it is known from the result backend or a worker's answer, not from events.
    pub inferred: bool,
}

impl TaskRecord {
    /// When it ended, if it did.
    pub fn ended(&self) -> Option<f64> {
        match self.state {
            State::Success => self.succeeded,
            State::Failure => self.failed,
            State::Revoked => self.revoked,
            State::Rejected => self.rejected,
            _ => None,
        }
    }

    /// Seconds that it ran, the last time: as the worker measured it, else from start to end.
    pub fn ran(&self) -> Option<f64> {
        self.runtime.or_else(|| self.attempts.last()?.run)
    }

    /// Seconds until it was started, the last time that it was.
    pub fn waited(&self) -> Option<f64> {
        self.attempts.iter().rev().find_map(Attempt::queued)
    }
}

/// One time that a task was tried: from its message being sent to how that ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempt {
    /// 1 for the first that is known.
    pub number: u32,
    /// Retries before it, as the message counts them.
    pub retries: Option<u32>,
    /// The worker that took it.
    pub worker: Option<String>,
    /// When its message was sent.
    pub sent: Option<f64>,
    /// Not before: the end of a countdown or backoff.
    pub eta: Option<f64>,
    /// When the worker received it.
    pub received: Option<f64>,
    /// When it was started.
    pub started: Option<f64>,
    /// When it ended.
    pub ended: Option<f64>,
    /// How it ended, or how far it is.
    pub state: State,
    /// Why it ended, where the state does not say so.
    pub reason: Option<EndReason>,
    /// Its error.
    pub exception: Option<String>,
    /// Seconds it waited for a worker: from being sent, or from its eta, until it was received or started.
    pub wait: Option<f64>,
    /// Seconds it waited in the worker: from being received, or from its eta, until it was started.
    pub prefetch: Option<f64>,
    /// Seconds it ran.
    pub run: Option<f64>,
    /// Seconds between the end of the attempt before and the time it was due.
    pub backoff: Option<f64>,
}

impl Attempt {
    /// Seconds until it was started: on the way, and in the worker.
    pub fn queued(&self) -> Option<f64> {
        match (self.wait, self.prefetch) {
            (Some(wait), Some(prefetch)) => Some(wait + prefetch),
            (wait, None) if self.started.is_some() => wait,
            (None, prefetch) => prefetch,
            _ => None,
        }
    }
}
