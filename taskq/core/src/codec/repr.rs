//! Arguments as Python shows them: `(2, 'a')`, `{'k': 1}`. For people and monitors only; nothing reads it.
//!
//! Celery's `saferepr`: three levels deep, 1024 characters, then `...`.

use super::{Map, Value, json};

/// Longest text, in characters.
const MAX_CHARS: usize = 1024;
/// Deepest level shown.
const MAX_DEPTH: usize = 3;

/// Positional arguments: a tuple.
pub fn args(args: &[Value]) -> String {
    let mut repr = Repr::default();
    repr.tuple(args);
    repr.finish()
}

/// Keyword arguments: a dict.
pub fn kwargs(kwargs: &Map) -> String {
    let mut repr = Repr::default();
    repr.map(kwargs, 0);
    repr.finish()
}

/// Any value.
pub fn value(value: &Value) -> String {
    let mut repr = Repr::default();
    repr.value(value, 0);
    repr.finish()
}

/// Positional arguments that are JSON already.
pub fn raw_args(json: &[u8]) -> String {
    match json::from_slice::<Vec<Value>>(json) {
        Ok(items) => args(&items),
        Err(_) => "()".to_owned(),
    }
}

/// Keyword arguments that are JSON already.
pub fn raw_kwargs(json: &[u8]) -> String {
    if json == b"{}" {
        return "{}".to_owned();
    }
    match json::from_slice::<Map>(json) {
        Ok(map) => kwargs(&map),
        Err(_) => "{}".to_owned(),
    }
}

#[derive(Default)]
struct Repr {
    text: String,
}

impl Repr {
    fn full(&self) -> bool {
        // Bytes are at least characters: a cheap bound; `finish` cuts exactly.
        self.text.len() > 4 * MAX_CHARS
    }

    fn finish(self) -> String {
        match self.text.char_indices().nth(MAX_CHARS) {
            Some((cut, _)) => format!("{}...", &self.text[..cut]),
            None => self.text,
        }
    }

    fn tuple(&mut self, items: &[Value]) {
        self.text.push('(');
        self.items(items, 0);
        self.text.push_str(if items.len() == 1 { ",)" } else { ")" });
    }

    fn items(&mut self, items: &[Value], depth: usize) {
        for (index, item) in items.iter().enumerate() {
            if self.full() {
                return;
            }
            if index > 0 {
                self.text.push_str(", ");
            }
            self.value(item, depth + 1);
        }
    }

    fn map(&mut self, map: &Map, depth: usize) {
        self.text.push('{');
        for (index, (key, value)) in map.iter().enumerate() {
            if self.full() {
                return;
            }
            if index > 0 {
                self.text.push_str(", ");
            }
            self.string(key);
            self.text.push_str(": ");
            self.value(value, depth + 1);
        }
        self.text.push('}');
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null => self.text.push_str("None"),
            Value::Bool(true) => self.text.push_str("True"),
            Value::Bool(false) => self.text.push_str("False"),
            Value::Int(number) => self.text.push_str(itoa::Buffer::new().format(*number)),
            Value::BigInt(digits) => self.text.push_str(digits),
            Value::Float(number) => self.float(*number),
            Value::Str(text) => self.string(text),
            Value::Bytes(bytes) => {
                self.text.push('b');
                self.text.push('\'');
                for byte in bytes.iter().take(MAX_CHARS) {
                    self.text.extend(std::ascii::escape_default(*byte).map(char::from));
                }
                self.text.push('\'');
            }
            Value::DateTime(text) | Value::Date(text) | Value::Time(text) => self.string(text),
            Value::Uuid(uuid) => {
                self.text.push_str("UUID('");
                self.text.push_str(&uuid.to_string());
                self.text.push_str("')");
            }
            Value::Decimal(text) => {
                self.text.push_str("Decimal('");
                self.text.push_str(text);
                self.text.push_str("')");
            }
            Value::List(items) if depth >= MAX_DEPTH && !items.is_empty() => self.text.push_str("[...]"),
            Value::Map(map) if depth >= MAX_DEPTH && !map.is_empty() => self.text.push_str("{...}"),
            Value::List(items) => {
                self.text.push('[');
                self.items(items, depth);
                self.text.push(']');
            }
            Value::Map(map) => self.map(map, depth),
        }
    }

    fn float(&mut self, number: f64) {
        if number.is_nan() {
            self.text.push_str("nan");
        } else if number.is_infinite() {
            self.text.push_str(if number > 0.0 { "inf" } else { "-inf" });
        } else {
            self.text.push_str(ryu::Buffer::new().format_finite(number));
        }
    }

    /// Single quotes, unless only double ones avoid an escape.
    fn string(&mut self, text: &str) {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        self.text.push(quote);
        for char in text.chars() {
            if self.full() {
                return;
            }
            match char {
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\\' => self.text.push_str("\\\\"),
                char if char == quote => {
                    self.text.push('\\');
                    self.text.push(char);
                }
                char if (char as u32) < 0x20 || char as u32 == 0x7f => {
                    self.text.push_str(&format!("\\x{:02x}", char as u32));
                }
                char => self.text.push(char),
            }
        }
        self.text.push(quote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_shows_them() {
        assert_eq!(raw_args(b"[2, 3]"), "(2, 3)");
        assert_eq!(raw_args(b"[1]"), "(1,)");
        assert_eq!(raw_args(b"[]"), "()");
        assert_eq!(
            raw_args(br#"["it's", "\"", null, true, 1.0, [1, {"a": "b"}]]"#),
            r#"("it's", '"', None, True, 1.0, [1, {'a': 'b'}])"#
        );
        assert_eq!(raw_kwargs(br#"{"k": 1}"#), "{'k': 1}");
        assert_eq!(raw_args(b"[[[[1]]]]"), "([[[...]]],)");
    }

    #[test]
    fn long_texts_are_cut() {
        let long = args(&[Value::Str("x".repeat(5000))]);
        assert_eq!(long.chars().count(), 1027);
        assert!(long.ends_with("..."));
    }
}
