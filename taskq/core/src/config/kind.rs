//! The types a setting can have: how each is read from a typed source (TOML, JSON, code), from text (the
//! environment, the command line), and written back.

mod choice;
mod scalar;

pub use choice::Concurrency;

use crate::codec::{Value, json};

/// A type of setting.
pub(crate) trait Kind: Sized {
    /// What a value must be, to follow "expected ".
    fn expected() -> String;
    /// From a typed value. `Err` only when there is more to say than [`expected`](Self::expected).
    fn from_value(value: &Value) -> Result<Self, String>;
    /// From text, as the environment gives it.
    fn from_text(text: &str) -> Result<Self, String> {
        let value = json::from_slice(text.as_bytes()).unwrap_or_else(|_| Value::Str(text.to_owned()));
        Self::from_value(&value)
    }
    /// As it would be written in a file.
    fn to_value(&self) -> Value;
}

/// A value as a source gives it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    /// Typed.
    Value(&'a Value),
    /// Only text.
    Text(&'a str),
}

impl Raw<'_> {
    /// Reads it as a `K`; null means `default`, unless the type has a null of its own.
    pub(super) fn read<K: Kind>(self, default: K) -> Result<K, String> {
        match self {
            Raw::Value(value) => match K::from_value(value) {
                Err(_) if *value == Value::Null => Ok(default),
                read => read,
            },
            Raw::Text(text) => K::from_text(text.trim()),
        }
    }
}

/// The plain refusal.
fn refuse<K: Kind>() -> String {
    K::expected()
}
