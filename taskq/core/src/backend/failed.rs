//! Steps of workflows that failed: what it takes to run them again.
//!
//! Kept true here: a step is written down before its message is acknowledged; it is found by its workflow, whose
//! name is the root id, or, for members of a group that was sent by itself, the id of the group.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::BackendError;
use crate::{BoxFuture, codec::json, protocol::TaskId};

/// A failed step, or a chord that failed with its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedStep {
    /// Root id of the workflow.
    pub workflow: String,
    /// The task, or the group of the header.
    pub id: String,
    /// The message to send again, an [`Envelope`](crate::broker::Envelope); of a chord, nothing.
    pub message: Bytes,
    /// Tasks that failed with it: later steps, bodies.
    pub later: Vec<TaskId>,
    /// Headers of chords in which the failure counted, each with the member.
    pub headers: Vec<(String, TaskId)>,
    /// Tells one failure of a step from the next, which may come before the first was forgotten.
    pub failure: String,
    /// When somebody last took it to run it again, in seconds since the epoch.
    pub taken: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Fields {
    later: Vec<TaskId>,
    headers: Vec<(String, TaskId)>,
    failure: String,
    taken: Option<i64>,
}

impl FailedStep {
    /// All but workflow and id, to be stored: a length (u32 le), JSON of so many bytes, the message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let fields = Fields {
            later: self.later.clone(),
            headers: self.headers.clone(),
            failure: self.failure.clone(),
            taken: self.taken,
        };
        let fields = json::to_bytes(&fields).unwrap_or_default();
        let length = u32::try_from(fields.len()).unwrap_or(0);
        [&length.to_le_bytes()[..], &fields[..length as usize], &self.message[..]].concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` when it is something else.
    pub fn from_bytes(workflow: &str, id: String, stored: Vec<u8>) -> Option<Self> {
        let stored = Bytes::from(stored);
        let (length, _) = stored.split_first_chunk::<4>()?;
        let end = 4usize.checked_add(u32::from_le_bytes(*length) as usize)?;
        let Fields { later, headers, failure, taken } = json::from_slice(stored.get(4..end)?).ok()?;
        let message = stored.slice(end..);
        Some(Self { workflow: workflow.to_owned(), id, message, later, headers, failure, taken })
    }
}

/// Keeps failed steps, for as long as failures are kept (`result_failure_expires`, else `result_expires`).
pub trait FailedSteps: Send + Sync + fmt::Debug {
    /// Keeps one, instead of an earlier one of its id.
    fn keep<'a>(&'a self, step: &'a FailedStep) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Those of a workflow.
    fn of<'a>(&'a self, workflow: &'a str) -> BoxFuture<'a, Result<Vec<FailedStep>, BackendError>>;

    /// Replaces each that is still as it was read, by another of its id or by nothing; answers for each whether it
    /// was. Two that replace the same one are not both told so.
    fn replace<'a>(
        &'a self,
        changes: &'a [FailedStepChange],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>>;
}

/// A failed step as it was read, and what it becomes; `None`: it is forgotten.
pub type FailedStepChange = (FailedStep, Option<FailedStep>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_as_it_was_written() {
        let step = FailedStep {
            workflow: "w".to_owned(),
            id: "a".to_owned(),
            message: Bytes::from_static(b"\x01bytes"),
            later: vec!["b".into()],
            headers: vec![("g".to_owned(), "a".into())],
            failure: "f".to_owned(),
            taken: Some(12),
        };
        assert_eq!(FailedStep::from_bytes("w", "a".to_owned(), step.to_bytes()), Some(step));
        assert_eq!(FailedStep::from_bytes("w", "a".to_owned(), vec![9, 0, 0, 0, 1]), None);
    }
}
