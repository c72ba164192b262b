//! What a failure takes along: later steps of the chain, the chord a chain would have ended in, the body of a
//! chord. Each gets the failure under its own id, so that nobody waits for what will never run.

use taskq_core::{
    Timestamp,
    backend::{State, StoredError, TaskMeta, TaskOutput},
    codec::Value,
    protocol::{Request, TaskId},
    task::Failure,
};

use super::{errbacks::Errbacks, sending::Origin};

/// A member of a chord's header that has ended, and the body that waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Group id of the header.
    pub(crate) group: String,
    pub(crate) index: Option<i64>,
    /// How it ended.
    pub(crate) meta: TaskMeta,
    /// The body, as the member carries it.
    pub(crate) body: Value,
    /// Where the body comes from.
    pub(crate) origin: Origin,
}

impl Part {
    /// The part of a task, if it is the member of a header.
    pub(crate) fn of(request: &Request, origin: &Origin, meta: &TaskMeta) -> Option<Self> {
        let (Some(group), Some(body)) = (&request.headers.group, &request.embed.chord) else { return None };
        Some(Self {
            group: group.clone(),
            index: request.headers.group_index,
            meta: meta.clone(),
            body: body.clone(),
            origin: origin.clone(),
        })
    }
}

/// What failed with a task.
#[derive(Debug, Default)]
pub(crate) struct Fallen {
    /// Under these ids the failure is stored.
    pub(crate) store: Vec<TaskMeta>,
    /// In these headers it counts.
    pub(crate) parts: Vec<Part>,
    /// These are to be told.
    pub(crate) errbacks: Vec<Errbacks>,
}

/// The failure that spreads.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) state: State,
    pub(crate) error: StoredError,
    pub(crate) traceback: Option<String>,
    pub(crate) at: Timestamp,
}

impl Cause {
    pub(crate) fn failed(failure: &Failure, at: Timestamp) -> Self {
        Self { state: State::Failure, error: failure.error.clone(), traceback: failure.traceback.clone(), at }
    }

    pub(crate) fn error(error: StoredError, at: Timestamp) -> Self {
        Self { state: State::Failure, error, traceback: None, at }
    }

    /// What is stored of it under an id.
    pub(crate) fn meta(&self, id: TaskId) -> TaskMeta {
        let mut meta = TaskMeta::new(id, self.state.clone(), TaskOutput::Error(self.error.clone()));
        meta.traceback.clone_from(&self.traceback);
        meta.date_done = Some(self.at);
        meta
    }
}

impl Fallen {
    /// Later steps of the chain of a task that failed. Their errbacks are not called: nothing of theirs ran.
    pub(crate) fn chain(chain: Option<&[Value]>, cause: &Cause, origin: &Origin) -> Self {
        let mut fallen = Self::default();
        for step in chain.unwrap_or_default().iter().rev() {
            fallen.add(step, cause, origin, None);
        }
        fallen
    }

    /// The body of a chord that failed. A body that is a group fails with what went wrong itself.
    pub(crate) fn body(body: &Value, error: &Cause, original: &Cause, origin: &Origin) -> Self {
        let mut fallen = Self::default();
        let is_group = kind(body) == Some("group");
        fallen.add(body, if is_group { original } else { error }, origin, Some(&[]));
        if let Some(Value::List(chain)) = option(body, "chain") {
            for step in chain.iter().rev() {
                fallen.add(step, error, origin, None);
            }
        }
        fallen
    }

    /// Fails a signature. `call`: its errbacks are called, and these besides.
    fn add(&mut self, signature: &Value, cause: &Cause, origin: &Origin, call: Option<&[Value]>) {
        let parts = |name: &str| signature.get("kwargs").and_then(|kwargs| kwargs.get(name));
        let own = call.map(|more| {
            let mut own = listed(option(signature, "link_error"));
            own.extend(more.iter().filter(|errback| !own.contains(errback)).cloned().collect::<Vec<_>>());
            own
        });
        let id = option(signature, "task_id").and_then(Value::as_str).map(TaskId::from);
        match kind(signature) {
            Some("chord") => {
                if let Some(body) = parts("body") {
                    self.add(body, cause, origin, own.as_deref());
                }
            }
            Some("group") => {
                for member in parts("tasks").and_then(Value::as_list).unwrap_or_default() {
                    self.add(member, cause, origin, own.as_deref());
                }
            }
            Some("chain") => {
                let steps = parts("tasks").and_then(Value::as_list).unwrap_or_default();
                for step in steps {
                    self.add(step, cause, origin, None);
                }
                self.tell(signature, id, cause, origin, own);
            }
            _ => {
                if let Some(id) = &id {
                    self.store.push(cause.meta(id.clone()));
                    self.count(signature, id, cause, origin);
                }
                self.tell(signature, id, cause, origin, own);
            }
        }
    }

    fn count(&mut self, signature: &Value, id: &TaskId, cause: &Cause, origin: &Origin) {
        let (Some(body), Some(group)) = (option(signature, "chord"), option(signature, "group_id")) else {
            return;
        };
        self.parts.extend(group.as_str().map(|group| Part {
            group: group.to_owned(),
            index: option(signature, "group_index").and_then(Value::as_i64),
            meta: cause.meta(id.clone()),
            body: body.clone(),
            origin: origin.beside(id.clone()),
        }));
    }

    fn tell(
        &mut self,
        signature: &Value,
        id: Option<TaskId>,
        cause: &Cause,
        origin: &Origin,
        errbacks: Option<Vec<Value>>,
    ) {
        let errbacks = errbacks.unwrap_or_default();
        if !errbacks.is_empty() {
            let id = id.unwrap_or_else(TaskId::new);
            self.errbacks.push(Errbacks::of_signature(signature, errbacks, cause, origin.beside(id)));
        }
    }
}

fn kind(signature: &Value) -> Option<&str> {
    signature.get("subtask_type").and_then(Value::as_str)
}

fn option<'a>(signature: &'a Value, name: &str) -> Option<&'a Value> {
    signature.get("options")?.get(name).filter(|value| !value.is_null())
}

/// One signature, or a list of them.
fn listed(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::List(values)) => values.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}
