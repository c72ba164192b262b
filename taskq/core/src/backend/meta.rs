//! What is stored of a task, independent of the store.

use bytes::Bytes;

use super::State;
use crate::{
    Timestamp,
    codec::{Map, Value},
    protocol::TaskId,
};

/// What a backend stores under a task id. Backends write it in Celery's shape (`status`, `result`,
/// `traceback`, `children`, `date_done`, `task_id`, …).
#[derive(Clone, Debug, PartialEq)]
pub struct TaskMeta {
    /// The task.
    pub id: TaskId,
    /// Its state.
    pub state: State,
    /// The return value, the error, or what the state carries.
    pub output: TaskOutput,
    /// Text for a person.
    pub traceback: Option<String>,
    /// What the task sent; `None` when stored outside a task.
    pub children: Option<Vec<Child>>,
    /// When it ended; only for ready states.
    pub date_done: Option<Timestamp>,
    /// Group of the task.
    pub group_id: Option<String>,
    /// Who sent it.
    pub parent_id: Option<TaskId>,
    /// Where the result goes if results travel as messages (`rpc://`): the `reply_to` of the request. Not stored.
    pub reply_to: Option<String>,
    /// Stored with `result_extended`.
    pub extended: Option<Box<Extended>>,
}

/// The `result` of a meta.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskOutput {
    /// JSON in kombu's dialect, as the task returned it: stored as it is, decoded once by the reader.
    Json(Bytes),
    /// A decoded value (from a backend that stores another format, or custom state's meta).
    Value(Value),
    /// An exception.
    Error(StoredError),
}

impl TaskOutput {
    /// `null`.
    pub const NULL: Self = Self::Json(Bytes::from_static(b"null"));
}

/// An exception as stored: `{"exc_type", "exc_message", "exc_module"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredError {
    /// Class name: `ValueError`.
    pub exc_type: String,
    /// Arguments of the exception; mostly one text.
    pub exc_message: Vec<Value>,
    /// Python module of the class: `builtins` where a standard name fits.
    pub exc_module: String,
}

impl StoredError {
    /// An exception of a standard Python class.
    pub fn builtin(exc_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            exc_type: exc_type.into(),
            exc_message: vec![Value::Str(message.into())],
            exc_module: "builtins".into(),
        }
    }

    /// An exception of `celery.exceptions`.
    pub fn celery(exc_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { exc_module: "celery.exceptions".into(), ..Self::builtin(exc_type, message) }
    }

    /// The arguments as one text, as Python's `str(exc)` shows them.
    pub fn message(&self) -> String {
        match self.exc_message.as_slice() {
            [Value::Str(text)] => text.clone(),
            [] => String::new(),
            many => crate::codec::repr::args(many),
        }
    }
}

/// A task that a task sent, in Celery's nested tuple form `[[id, parent], null]` (groups carry their members).
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its id (of the task or the group).
    pub id: String,
    /// Its parent in the result tree, if it has one.
    pub parent: Option<Box<Child>>,
    /// The members, when it is a group.
    pub members: Option<Vec<Child>>,
}

/// What `result_extended` adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extended {
    /// Task name.
    pub name: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map,
    /// Node name of the worker.
    pub worker: String,
    /// Retries so far.
    pub retries: u32,
    /// Routing key it was delivered with.
    pub queue: Option<String>,
    /// Stamps: names and values.
    pub stamps: Map,
}

impl TaskMeta {
    /// A meta without anything optional; `date_done` is set for ready states by the caller.
    pub fn new(id: TaskId, state: State, output: TaskOutput) -> Self {
        Self {
            id,
            state,
            output,
            traceback: None,
            children: Some(Vec::new()),
            date_done: None,
            group_id: None,
            parent_id: None,
            reply_to: None,
            extended: None,
        }
    }
}
