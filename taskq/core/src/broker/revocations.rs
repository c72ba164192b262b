//! Revocations that outlive a broadcast: for workers that were down, or just starting, when it was sent.
//!
//! Kept true here: what was remembered is found by every worker of the broker for [`REMEMBERED`], and by one that
//! takes a message afterwards before it runs it; finding it costs nothing for each task.

use std::{fmt, sync::Arc, time::Duration};

use super::{Broker, BrokerError};
use crate::{
    BoxFuture,
    backend::ResultBackend,
    codec::{Value, repr},
    protocol::TaskId,
};

/// How long a revocation is remembered. As Celery's workers do in their memory.
pub const REMEMBERED: Duration = Duration::from_secs(3 * 3600);

/// What is not to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// A task.
    Task(TaskId),
    /// Every task that carries this mark: its workflow, or a stamp, as workers write them.
    Mark(TaskId),
}

impl Revocation {
    /// The mark under which a workflow is revoked, by the id of its first task.
    pub fn workflow(root: &TaskId) -> TaskId {
        TaskId::from(format!("workflow {root}"))
    }

    /// The marks under which the values of a stamp are revoked: one, or one for each of a list.
    pub fn stamp(name: &str, value: &Value) -> Vec<TaskId> {
        let one = |value: &Value| TaskId::from(format!("stamp {name}={}", repr::value(value)));
        match value {
            Value::List(values) => values.iter().map(one).collect(),
            value => vec![one(value)],
        }
    }

    /// As a text, to be stored.
    pub fn to_text(&self) -> String {
        match self {
            Self::Task(id) => format!("t:{id}"),
            Self::Mark(id) => format!("m:{id}"),
        }
    }

    /// From a stored text; `None` when it is none.
    pub fn from_text(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("t", id) => Some(Self::Task(TaskId::from(id))),
            ("m", id) => Some(Self::Mark(TaskId::from(id))),
            _ => None,
        }
    }
}

/// Remembers revocations.
pub trait Revocations: Send + Sync + fmt::Debug {
    /// Remembers them for [`REMEMBERED`] from now on.
    fn remember<'a>(&'a self, what: &'a [Revocation]) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Those remembered since an earlier call, and what to pass to the next one; 0 for all. Some may come again.
    /// Where they are pushed to us, what was remembered a moment ago may come with the next call.
    fn since(&self, mark: u64) -> BoxFuture<'_, Result<(Vec<Revocation>, u64), BrokerError>>;

    /// Whether [`since`](Self::since) may find more than it did when it gave `mark`. A broker whose takes tell
    /// answers from the last one, without asking anybody. Default: it may.
    fn may_have_more(&self, mark: u64) -> bool {
        let _ = mark;
        true
    }
}

/// Where revocations are remembered: with the queues, where takes tell of them; else beside the results; else with
/// the broker all the same. `None` where nobody remembers them.
pub fn remembered_in(
    broker: &dyn Broker,
    backend: Option<&dyn ResultBackend>,
) -> Option<Arc<dyn Revocations>> {
    let backend = backend.filter(|_| !broker.capabilities().shared);
    backend.and_then(ResultBackend::revocations).or_else(|| broker.revocations())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_read_as_it_was_written() {
        for what in [Revocation::Task(TaskId::from("a:b")), Revocation::Mark(TaskId::from("stamp a=:"))] {
            assert_eq!(Revocation::from_text(&what.to_text()), Some(what));
        }
        for text in ["", "x:1", "t"] {
            assert_eq!(Revocation::from_text(text), None, "{text}");
        }
    }
}
