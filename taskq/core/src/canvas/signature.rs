//! A call as a value, in memory and in the map form that travels inside messages.
//!
//! Kept true here: what Python wrote comes out as it came in, keys we do not know included.

use super::{Args, Kwargs, deep};
use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
    send::{Call, SendOptions},
    task::Task,
};

/// A task, arguments and options: Celery's `Signature`.
#[must_use = "a signature does nothing until it is sent"]
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Signature {
    /// Registered name.
    pub task: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map,
    /// Options of the call.
    pub options: SendOptions,
    /// `chain`, `group`, `chord`; `None` for a task.
    pub subtask_type: Option<String>,
    /// The result of what ran before is not put in front of the arguments.
    pub immutable: bool,
    /// Keys of the map form that are not Celery's of today.
    pub extra: Map,
}

impl Signature {
    /// A task by its registered name, wherever it lives: `Signature::by_name("proj.tasks.add", args![2, 3])`.
    pub fn by_name(task: impl Into<String>, args: Args) -> Self {
        let mut signature = Self { task: task.into(), args: args.values, ..Self::default() };
        if let Some(problem) = args.problem {
            signature.options.note(problem);
        }
        signature
    }

    /// With keyword arguments, added to those there are.
    pub fn with_kwargs(mut self, kwargs: Kwargs) -> Self {
        self.kwargs.extend(kwargs.values);
        if let Some(problem) = kwargs.problem {
            self.options.note(problem);
        }
        self
    }

    /// Does not take the result of what ran before. Celery: `.si()`.
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    /// With these arguments in front of its own, unless it is immutable: what a callback gets.
    pub fn prepend(mut self, args: impl IntoIterator<Item = Value>) -> Self {
        self.prepend_in_place(args);
        self
    }

    pub(crate) fn prepend_in_place(&mut self, args: impl IntoIterator<Item = Value>) {
        if !self.immutable {
            self.args.splice(0..0, args);
        }
    }

    crate::__send_option_methods!([.options]);

    /// An empty signature of one of the kinds that have parts: `chain`, `group`, `chord`.
    pub(crate) fn of_kind(kind: &str) -> Self {
        Self { task: format!("celery.{kind}"), subtask_type: Some(kind.to_owned()), ..Self::default() }
    }

    /// The map form.
    pub fn to_value(&self) -> Value {
        self.clone().into_value()
    }

    /// The map form, without a copy.
    pub fn into_value(self) -> Value {
        let mut map = Map::default();
        map.insert("task".to_owned(), Value::Str(self.task));
        map.insert("args".to_owned(), Value::List(self.args));
        map.insert("kwargs".to_owned(), Value::Map(self.kwargs));
        map.insert("options".to_owned(), Value::Map(self.options.to_map()));
        map.insert("subtask_type".to_owned(), self.subtask_type.map_or(Value::Null, Value::Str));
        map.insert("immutable".to_owned(), Value::Bool(self.immutable));
        map.extend(self.extra);
        Value::Map(map)
    }

    /// Reads the map form. Everything but `task` may be missing.
    ///
    /// # Errors
    /// When it is no signature, or an option has the wrong type.
    pub fn from_value(value: Value) -> Result<Self, Error> {
        // Links hold signatures, which have links.
        deep(|| Self::read(value))
    }

    fn read(value: Value) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(ErrorKind::Decode, format!("not a signature: {what}"));
        let Value::Map(map) = value else { return Err(wrong("a map is expected".to_owned())) };
        let mut signature = Self::default();
        for (key, value) in map {
            match (key.as_str(), value) {
                ("task", Value::Str(task)) => signature.task = task,
                ("args", Value::List(args)) => signature.args = args,
                ("kwargs", Value::Map(kwargs)) => signature.kwargs = kwargs,
                ("options", Value::Map(options)) => signature.options = SendOptions::from_map(options)?,
                ("subtask_type", Value::Str(kind)) => signature.subtask_type = Some(kind),
                ("immutable", Value::Bool(immutable)) => signature.immutable = immutable,
                ("args" | "kwargs" | "options" | "subtask_type" | "immutable", Value::Null) => {}
                (key @ ("task" | "args" | "kwargs" | "options" | "subtask_type" | "immutable"), _) => {
                    return Err(wrong(format!("`{key}` has the wrong type")));
                }
                (_, value) => _ = signature.extra.insert(key, value),
            }
        }
        if signature.task.is_empty() { Err(wrong("`task` is missing".to_owned())) } else { Ok(signature) }
    }
}

/// The call of a task that is known here.
impl<T: Task> From<Call<T>> for Signature {
    fn from(call: Call<T>) -> Self {
        call.into_signature()
    }
}

#[cfg(test)]
mod tests;
