//! The headers of a protocol 2 task message.
//!
//! What is not known stays in [`Headers::extra`] and is written again on retry.

mod plain;
pub(super) mod wire;

use bytes::Bytes;

use super::TaskId;
use crate::codec::{Map, Value};

/// Headers as they travel: a JSON object in kombu's dialect, not looked at yet.
///
/// Drivers whose wire is not JSON (AMQP) convert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawHeaders(pub Bytes);

/// The headers of a task, in the order Celery writes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Headers {
    /// Language of the sender: `py`, ours is `rs`. Informational.
    pub lang: String,
    /// Registered name. Its presence makes the message version 2.
    pub task: String,
    /// Task id.
    pub id: TaskId,
    /// Display name for logs and events.
    pub shadow: Option<String>,
    /// Not before this time: ISO 8601 text as it came (a naive one is in the worker's zone).
    pub eta: Option<String>,
    /// Not after this time, likewise.
    pub expires: Option<String>,
    /// Group id.
    pub group: Option<String>,
    /// Position in the group, 0-based.
    pub group_index: Option<i64>,
    /// Retries so far.
    pub retries: u32,
    /// Hard and soft limit in seconds.
    pub timelimit: (Option<f64>, Option<f64>),
    /// First task of the workflow; the task's own id when there is no parent.
    pub root_id: Option<TaskId>,
    /// The task that sent this one.
    pub parent_id: Option<TaskId>,
    /// Python-style text of the positional arguments.
    pub argsrepr: Option<String>,
    /// Python-style text of the keyword arguments.
    pub kwargsrepr: Option<String>,
    /// `gen<pid>@<host>` of the sender.
    pub origin: Option<String>,
    /// Whether the result is wanted; `None`: as the task says.
    pub ignore_result: Option<bool>,
    /// How often `replace` sent this id again.
    pub replaced_task_nesting: u32,
    /// Names of the stamps.
    pub stamped_headers: Option<Vec<String>>,
    /// Values of the stamps.
    pub stamps: Map,
    /// Content type of the compression, when the body is compressed.
    pub compression: Option<String>,
    /// Custom and unknown headers.
    pub extra: Map,
}

impl Headers {
    /// Headers of a new task with every default.
    pub fn new(task: impl Into<String>, id: TaskId) -> Self {
        Self {
            lang: "rs".into(),
            task: task.into(),
            shadow: None,
            eta: None,
            expires: None,
            group: None,
            group_index: None,
            retries: 0,
            timelimit: (None, None),
            root_id: Some(id.clone()),
            id,
            parent_id: None,
            argsrepr: None,
            kwargsrepr: None,
            origin: None,
            ignore_result: None,
            replaced_task_nesting: 0,
            stamped_headers: None,
            stamps: Map::default(),
            compression: None,
            extra: Map::default(),
        }
    }

    /// A custom header.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.extra.get(name)
    }
}
