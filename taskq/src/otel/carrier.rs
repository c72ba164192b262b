//! Headers of a message as OpenTelemetry reads and writes them: top-level entries, values as text.

use opentelemetry::propagation::{Extractor, Injector};
use taskq_core::codec::{Map, Value};

/// Reads a context.
pub(super) struct Read<'a>(pub(super) &'a Map);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// Writes a context.
pub(super) struct Write<'a>(pub(super) &'a mut Map);

impl Injector for Write<'_> {
    fn set(&mut self, key: &str, value: String) {
        // A propagator clears what it has nothing to say about: no header is needed for that.
        if value.is_empty() {
            self.0.shift_remove(key);
        } else {
            self.0.insert(key.to_owned(), value.into());
        }
    }
}
