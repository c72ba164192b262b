//! Joins the header of a chord: its results in order, or what went wrong.

use std::{collections::HashMap, time::Duration};

use taskq_core::{
    backend::{
        Child, ChordClaim, ChordHeader, ChordMember, GroupMeta, State, StoredError, TaskMeta, TaskOutput,
    },
    codec::{Value, json, repr},
    protocol::TaskId,
};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::apply::Backoff;
use crate::node::Node;

/// Pause between looks at results that a complete header lacks.
const LOOK: Duration = Duration::from_millis(50);

/// What a header came to.
#[derive(Debug)]
pub(crate) enum Joined {
    /// The argument of the body.
    Values(Vec<Value>),
    /// A member failed.
    Failed {
        /// What the body gets: a `ChordError` that names the member.
        error: StoredError,
        /// What went wrong there.
        original: StoredError,
    },
}

impl Joined {
    fn failed(id: &str, original: StoredError) -> Self {
        let shown = format!("{}{}", original.exc_type, tuple(&original.exc_message));
        let text = format!("Dependency {id} raised {shown}");
        Self::Failed { error: StoredError::celery("ChordError", text), original }
    }

    fn incomplete(text: &str) -> Self {
        let error = StoredError::celery("ChordError", format!("Join error: {text}"));
        Self::Failed { original: error.clone(), error }
    }
}

/// The arguments of an exception as Python shows them: one stands without a comma.
fn tuple(args: &[Value]) -> String {
    match args {
        [one] => format!("({})", repr::value(one)),
        many => repr::args(many),
    }
}

/// Joins a claimed header. `None`: gave up at a cold stop.
pub(super) async fn header(node: &Node, claim: &ChordClaim) -> Option<Joined> {
    match &claim.header {
        ChordHeader::Members(members) => Some(join(members)),
        ChordHeader::Saved(group) => saved(node, group).await,
    }
}

fn join(members: &[ChordMember]) -> Joined {
    let mut values = Vec::with_capacity(members.len());
    for member in members {
        match value(&member.state, &member.output) {
            Ok(value) => values.push(value),
            Err(error) => return Joined::failed(member.id.as_str(), error),
        }
    }
    Joined::Values(values)
}

fn value(state: &State, output: &TaskOutput) -> Result<Value, StoredError> {
    if matches!(state, State::Failure | State::Revoked) {
        return Err(match output {
            TaskOutput::Error(error) => error.clone(),
            _ => StoredError::builtin("Exception", state.as_str()),
        });
    }
    match output {
        TaskOutput::Json(text) => json::from_slice(text)
            .map_err(|error| StoredError::builtin("ValueError", format!("unreadable result: {error}"))),
        TaskOutput::Value(value) => Ok(value.clone()),
        TaskOutput::Error(error) => Ok(error.to_value()),
    }
}

/// By the ids of a saved group, in its shape. Its members are stored before they are counted, so that a missing
/// one is waited for only as long as settings say.
async fn saved(node: &Node, group: &GroupMeta) -> Option<Joined> {
    let until = Instant::now() + node.app.settings().result_chord_join_timeout;
    let mut ids = Vec::new();
    leaves(&group.members, &mut ids);
    let mut pause = Backoff::new();
    loop {
        let found = match node.backend.fetch(&ids).await {
            Ok(found) => found,
            Err(error) if error.is_retryable() => {
                warn!(chord = group.id, %error, "could not read the results of a header; trying again");
                if !pause.wait(node).await {
                    return None;
                }
                continue;
            }
            Err(error) => return Some(Joined::incomplete(&error.to_string())),
        };
        let missing =
            ids.iter().zip(&found).find(|(_, meta)| meta.as_ref().is_none_or(|meta| !meta.state.is_ready()));
        if let Some((id, _)) = missing {
            if Instant::now() >= until {
                return Some(Joined::incomplete(&format!("task `{id}` has no result")));
            }
            sleep(LOOK).await;
            continue;
        }
        return Some(self::found(&group.members, &ids, found));
    }
}

/// Joins by what was found under the ids of a tree, all of which are over.
pub(crate) fn found(members: &[Child], ids: &[TaskId], found: Vec<Option<TaskMeta>>) -> Joined {
    let mut results = HashMap::with_capacity(ids.len());
    for (id, meta) in ids.iter().zip(found.into_iter().flatten()) {
        match value(&meta.state, &meta.output) {
            Ok(value) => _ = results.insert(id.as_str(), value),
            Err(error) => return Joined::failed(id.as_str(), error),
        }
    }
    Joined::Values(shaped(members, &results))
}

/// The tasks of a tree whose results are joined.
pub(crate) fn leaves(members: &[Child], ids: &mut Vec<TaskId>) {
    for member in members {
        match &member.members {
            Some(members) => leaves(members, ids),
            None => ids.push(member.id.as_str().into()),
        }
    }
}

/// Results in the shape of the tree.
fn shaped(members: &[Child], results: &HashMap<&str, Value>) -> Vec<Value> {
    let one = |member: &Child| match &member.members {
        Some(members) => Value::List(shaped(members, results)),
        None => results.get(member.id.as_str()).cloned().unwrap_or_default(),
    };
    members.iter().map(one).collect()
}
