//! Values of both kinds, gone through in the same way: JSON of pages, and arguments and results of tasks.

use serde_json::Value as Json;
use taskq_core::codec::{Map, Value};

use super::{MARK, Redact};

/// What a value is made of.
pub(super) enum Branch<'a, T> {
    Fields(Vec<(&'a str, &'a mut T)>),
    Items(&'a mut [T]),
    Text(&'a mut String),
    Leaf { is_null: bool },
}

/// A value that may hold others.
pub(super) trait Tree: Sized {
    fn branch(&mut self) -> Branch<'_, Self>;

    /// [`MARK`] as a value.
    fn mark() -> Self;
}

impl Tree for Json {
    fn branch(&mut self) -> Branch<'_, Self> {
        match self {
            Self::Object(fields) => {
                Branch::Fields(fields.iter_mut().map(|(name, it)| (name.as_str(), it)).collect())
            }
            Self::Array(items) => Branch::Items(items),
            Self::String(text) => Branch::Text(text),
            other => Branch::Leaf { is_null: other.is_null() },
        }
    }

    fn mark() -> Self {
        MARK.into()
    }
}

impl Tree for Value {
    fn branch(&mut self) -> Branch<'_, Self> {
        match self {
            Self::Map(fields) => {
                Branch::Fields(fields.iter_mut().map(|(name, it)| (name.as_str(), it)).collect())
            }
            Self::List(items) => Branch::Items(items),
            Self::Str(text) => Branch::Text(text),
            other => Branch::Leaf { is_null: other.is_null() },
        }
    }

    fn mark() -> Self {
        MARK.into()
    }
}

impl Redact {
    /// A value that has a place in paths, such as `result`.
    pub(crate) fn value(&self, root: &str, value: &mut Value) {
        if let Value::Str(text) = value {
            *text = self.text(root, text).into_owned();
            return;
        }
        let mut whole = Value::Map(Map::from_iter([(root.to_owned(), std::mem::take(value))]));
        self.within_all(&mut whole);
        if let Value::Map(mut fields) = whole {
            *value = fields.swap_remove(root).unwrap_or_default();
        }
    }

    /// Arguments without secrets.
    pub(crate) fn arguments(&self, args: Vec<Value>, kwargs: Map) -> (Vec<Value>, Map) {
        let (mut args, mut kwargs) = (Value::List(args), Value::Map(kwargs));
        self.value("args", &mut args);
        self.value("kwargs", &mut kwargs);
        let args = if let Value::List(args) = args { args } else { vec![args] };
        (args, if let Value::Map(kwargs) = kwargs { kwargs } else { Map::default() })
    }
}
