//! The arguments of a command, read leniently where command lines send texts, else with Python's complaints.

use std::collections::HashSet;

use taskq_core::{
    backend::StoredError,
    codec::{Map, Value, repr},
};

/// The arguments of a command, by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Args<'a> {
    method: &'a str,
    map: &'a Map,
}

impl<'a> Args<'a> {
    pub(super) fn new(method: &'a str, map: &'a Map) -> Self {
        Self { method, map }
    }

    /// Refuses arguments other than these, for commands that Celery declares without `**kwargs`.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), StoredError> {
        match self.map.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                Err(type_error(format!("{}() got an unexpected keyword argument '{name}'", self.method)))
            }
        }
    }

    /// An argument that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// An argument that has to be there; it may be null.
    pub(super) fn required(&self, name: &str) -> Result<&'a Value, StoredError> {
        self.map.get(name).ok_or_else(|| {
            type_error(format!("{}() missing 1 required positional argument: '{name}'", self.method))
        })
    }

    /// A text that has to be there.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, StoredError> {
        let value = self.required(name)?;
        value.as_str().ok_or_else(|| self.wrong(name, value, "a text"))
    }

    /// Whether it is true, as Python sees truth.
    pub(super) fn truth(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(is)) => *is,
            Some(Value::Int(number)) => *number != 0,
            Some(Value::Str(text)) => {
                !matches!(text.to_lowercase().as_str(), "" | "false" | "no" | "0" | "off")
            }
            _ => false,
        }
    }

    /// A number; a text that is one will do.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, StoredError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(name, value, "a number")),
        }
    }

    /// One text or a list of them, each once, in order.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, StoredError> {
        let mut texts: Vec<String> = match self.required(name)? {
            Value::Null => Vec::new(),
            Value::Str(text) => vec![text.clone()],
            Value::List(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => return Err(self.wrong(name, other, "a text or a list of texts")),
        };
        let mut seen = HashSet::new();
        texts.retain(|text| seen.insert(text.clone()));
        Ok(texts)
    }

    pub(super) fn wrong(&self, name: &str, value: &Value, expected: &str) -> StoredError {
        let shown = repr::value(value);
        type_error(format!("{}() argument '{name}' must be {expected}, not {shown}", self.method))
    }
}

fn type_error(text: String) -> StoredError {
    StoredError::builtin("TypeError", text)
}

pub(super) fn value_error(text: impl Into<String>) -> StoredError {
    StoredError::builtin("ValueError", text.into())
}
