//! Untyped arguments, for tasks that are named at run time.

use serde::Serialize;

use crate::codec::{Map, Value, to_value};

/// Positional arguments: `args![1, "two"]`.
#[derive(Clone, Debug, Default)]
pub struct Args {
    pub(super) values: Vec<Value>,
    pub(super) problem: Option<String>,
}

/// Keyword arguments: `kwargs! { "x" => 1 }`.
#[derive(Clone, Debug, Default)]
pub struct Kwargs {
    pub(super) values: Map,
    pub(super) problem: Option<String>,
}

impl Args {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. What cannot be encoded is reported when the call is sent.
    #[must_use]
    pub fn arg(mut self, value: impl Serialize) -> Self {
        match to_value(&value) {
            Ok(value) => self.values.push(value),
            Err(error) => {
                let position = self.values.len() + 1;
                self.problem.get_or_insert_with(|| format!("could not encode argument {position}: {error}"));
            }
        }
        self
    }
}

impl Kwargs {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. What cannot be encoded is reported when the call is sent.
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        match to_value(&value) {
            Ok(value) => _ = self.values.insert(name, value),
            Err(error) => {
                self.problem.get_or_insert_with(|| format!("could not encode argument `{name}`: {error}"));
            }
        }
        self
    }
}

impl From<Vec<Value>> for Args {
    fn from(values: Vec<Value>) -> Self {
        Self { values, problem: None }
    }
}

impl From<Map> for Kwargs {
    fn from(values: Map) -> Self {
        Self { values, problem: None }
    }
}

/// Positional arguments of any types that serialize: `args![1, "two", [3.0]]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        $crate::canvas::Args::new()$(.arg(&$value))*
    };
}

/// Keyword arguments: `kwargs! { "depth" => 3 }`.
#[macro_export]
macro_rules! kwargs {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::canvas::Kwargs::new()$(.arg($name, &$value))*
    };
}
