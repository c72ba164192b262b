//! One thing that was told of a task, reduced to what merging needs.
//!
//! Kept true here: marks have one total order that depends on nothing but what was told, so that any order of
//! arrival ends the same.

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};
use taskq_core::backend::State;

/// What was told, in the order in which a task goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Step {
    Sent,
    Received,
    Started,
    /// An event of the program's own.
    Custom,
    Rejected,
    Retried,
    Revoked,
    Failed,
    Succeeded,
}

impl Step {
    /// Of the type of an event, without its `task-`.
    pub(crate) fn of(what: &str) -> Self {
        match what {
            "sent" => Self::Sent,
            "received" => Self::Received,
            "started" => Self::Started,
            "rejected" => Self::Rejected,
            "retried" => Self::Retried,
            "revoked" => Self::Revoked,
            "failed" => Self::Failed,
            "succeeded" => Self::Succeeded,
            _ => Self::Custom,
        }
    }

    /// Whether an attempt is over with it.
    pub(crate) fn is_end(self) -> bool {
        self > Self::Custom
    }
}

/// Something that was told of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Seconds since 1970, by the sender's clock.
    pub(crate) at: f64,
    pub(crate) step: Step,
    /// Who told. Empty when nobody knows.
    pub(crate) host: Arc<str>,
    pub(crate) clock: u64,
    /// Learnt from the result backend or a worker's answer, not from an event.
    pub(crate) inferred: bool,
    /// Of `sent` and `received`: retries so far.
    pub(crate) retries: Option<u32>,
    /// Of `sent` and `received`: not before, in seconds since 1970.
    pub(crate) eta: Option<f64>,
    /// Of an end, or an event of the program's own.
    pub(crate) end: Option<Box<End>>,
}

/// What is told with an end.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) result: Option<String>,
    pub(crate) exception: Option<String>,
    pub(crate) traceback: Option<String>,
    /// Seconds.
    pub(crate) runtime: Option<f64>,
    pub(crate) signal: Option<i64>,
    pub(crate) terminated: bool,
    pub(crate) expired: bool,
    pub(crate) requeue: bool,
    /// The state that an event of the program's own stands for.
    pub(crate) custom: Option<String>,
}

impl Mark {
    /// The order of marks. Equal ones are the same event, told twice. The logical time of a client is left out:
    /// receivers replace it by their own.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let clock = |mark: &Self| if mark.step == Step::Sent { 0 } else { mark.clock };
        self.at
            .total_cmp(&other.at)
            .then(self.step.cmp(&other.step))
            .then_with(|| clock(self).cmp(&clock(other)))
            .then_with(|| self.host.cmp(&other.host))
            .then(self.inferred.cmp(&other.inferred))
    }

    /// Of two that are the same event, and yet differ: the one that says more.
    pub(crate) fn settle(&mut self, other: Self) {
        self.clock = self.clock.max(other.clock);
        self.retries = self.retries.max(other.retries);
        if other.eta > self.eta {
            self.eta = other.eta;
        }
        if other.end > self.end {
            self.end = other.end;
        }
    }

    /// The state that it stands for.
    pub(crate) fn state(&self) -> State {
        match self.step {
            Step::Sent => State::Pending,
            Step::Received => State::Received,
            Step::Started => State::Started,
            Step::Rejected => State::Rejected,
            Step::Retried => State::Retry,
            Step::Revoked => State::Revoked,
            Step::Failed => State::Failure,
            Step::Succeeded => State::Success,
            Step::Custom => {
                State::from(self.end.as_ref().and_then(|end| end.custom.as_deref()).unwrap_or_default())
            }
        }
    }
}
