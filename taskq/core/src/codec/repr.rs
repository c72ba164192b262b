//! Arguments as Celery shows them in `argsrepr`, `kwargsrepr`, logs and events: Python's `repr`, three levels
//! deep, cut after 1,024 characters, without what is hidden. Nothing but people and monitors reads it.

mod budget;
mod float;
mod hidden;
mod raw;
mod value;

use super::{Map, Value};
use budget::Budget;
pub use hidden::{hide, hides, hides_any};

/// Positional arguments as a tuple: `(2, 'three')`, `(1,)`, `()`.
pub fn args(args: &[Value]) -> String {
    let mut out = Budget::default();
    value::tuple(&mut out, args);
    out.into_text()
}

/// Keyword arguments: `{'k': 1}`.
pub fn kwargs(kwargs: &Map) -> String {
    let mut out = Budget::default();
    value::map(&mut out, kwargs, 0);
    out.into_text()
}

/// One value.
pub fn value(value: &Value) -> String {
    let mut out = Budget::default();
    value::value(&mut out, value, 0);
    out.into_text()
}

/// As [`args`], from a JSON list in kombu's dialect, without decoding more than is shown.
pub fn raw_args(json: &[u8]) -> String {
    raw::show(json, true)
}

/// As [`kwargs`], from a JSON object in kombu's dialect.
pub fn raw_kwargs(json: &[u8]) -> String {
    raw::show(json, false)
}

/// As [`value`], from JSON in kombu's dialect.
pub fn raw_value(json: &[u8]) -> String {
    raw::show(json, false)
}

#[cfg(test)]
mod tests;
