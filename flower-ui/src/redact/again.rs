//! Arguments that somebody saw without secrets, and sends again.
//!
//! Kept true here: a mark is never sent as a value; it stands for what was at its place, or the whole is refused.

use taskq_core::codec::Value;

use super::{MARK, Redact};

impl Redact {
    /// Puts back what the marks stand for, from the same places of the original. Whether no mark is left.
    pub(crate) fn put_back(&self, edited: &mut Value, original: Option<&Value>) -> bool {
        match edited {
            Value::Str(text) if text.contains(MARK) => match original {
                Some(original) if text == MARK => {
                    *edited = original.clone();
                    true
                }
                Some(Value::Str(original)) if self.text("", original) == text.as_str() => {
                    *edited = Value::from(original.as_str());
                    true
                }
                _ => false,
            },
            Value::List(items) => {
                let originals = original.and_then(Value::as_list).unwrap_or_default();
                let mut all = true;
                for (at, item) in items.iter_mut().enumerate() {
                    all &= self.put_back(item, originals.get(at));
                }
                all
            }
            Value::Map(fields) => {
                let originals = original.and_then(Value::as_map);
                let mut all = true;
                for (name, field) in fields.iter_mut() {
                    all &= self.put_back(field, originals.and_then(|it| it.get(name)));
                }
                all
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use taskq_core::codec::json;

    use super::*;

    fn value(text: &str) -> Value {
        json::from_slice(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_mark_is_what_was_at_its_place_or_is_refused() {
        let redact = Redact::default();
        let original = value(r#"{"user": {"password": "x", "id": 1}, "list": [1, "login: token=abc, n=1"]}"#);
        let seen =
            r#"{"user": {"password": "[redacted]", "id": 2}, "list": [1, "login: token=[redacted], n=1"]}"#;
        assert_eq!(redact.text("", "login: token=abc, n=1"), "login: token=[redacted], n=1");
        let mut edited = value(seen);
        assert!(redact.put_back(&mut edited, Some(&original)));
        let whole = r#"{"user": {"password": "x", "id": 2}, "list": [1, "login: token=abc, n=1"]}"#;
        assert_eq!(edited, value(whole));
        for moved in [
            r#"{"other": "[redacted]"}"#,
            r#"{"list": [1, 2, "[redacted]"]}"#,
            r#"{"list": [1, "a [redacted]"]}"#,
        ] {
            assert!(!redact.put_back(&mut value(moved), Some(&original)), "{moved}");
        }
        assert!(!redact.put_back(&mut value(seen), None));
        assert!(redact.put_back(&mut value(r#"{"a": [1, "b"]}"#), None));
    }
}
