//! Arguments read back from the text that workers show of them.
//!
//! Kept true here: what was cut, or cannot be told apart from something else, is refused; nothing is guessed.
//!
//! Celery shows texts between single quotes with no escape but `\'`, so a text with a backslash may mean two
//! things, and one that ends in three dots may have been cut.

use taskq_core::codec::{Map, Value};

/// Nested deeper than this Celery cuts; more is nobody's text.
const DEPTH: usize = 16;

/// Positional arguments: `(1, 'a')`.
pub(super) fn args(text: &str) -> Result<Vec<Value>, String> {
    match read(text)? {
        Value::List(items) => Ok(items),
        _ => Err("the text of `args` is no tuple".to_owned()),
    }
}

/// Arguments by name: `{'a': 1}`.
pub(super) fn kwargs(text: &str) -> Result<Map, String> {
    match read(text)? {
        Value::Map(map) => Ok(map),
        _ => Err("the text of `kwargs` is no dictionary".to_owned()),
    }
}

fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.unclear()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let is = self.rest().starts_with(token);
        if is {
            self.at += token.len();
        }
        is
    }

    fn unclear(&self) -> String {
        let near: String = self.rest().chars().take(20).collect();
        match near.contains("...") {
            true => "the text was cut by the worker or the sender".to_owned(),
            false => format!("the text has something at `{near}` that cannot be read back"),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err(self.unclear());
        }
        self.space();
        for (word, value) in
            [("None", Value::Null), ("True", Value::Bool(true)), ("False", Value::Bool(false))]
        {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.rest().chars().next() {
            Some('\'') => self.quoted().map(Value::Str),
            Some('(') => self.items("(", ")", depth).map(Value::List),
            Some('[') => self.items("[", "]", depth).map(Value::List),
            Some('{') => self.map(depth).map(Value::Map),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            _ => Err(self.unclear()),
        }
    }

    fn items(&mut self, open: &str, close: &str, depth: usize) -> Result<Vec<Value>, String> {
        self.take(open);
        let mut items = Vec::new();
        loop {
            if self.take(close) {
                return Ok(items);
            }
            items.push(self.value(depth + 1)?);
            if !self.take(",") {
                // `(1)` is no tuple.
                return match self.take(close) && (open == "[" || items.len() > 1) {
                    true => Ok(items),
                    false => Err(self.unclear()),
                };
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Map, String> {
        self.take("{");
        let mut map = Map::default();
        loop {
            if self.take("}") {
                return Ok(map);
            }
            self.space();
            if !self.rest().starts_with('\'') {
                return Err(self.unclear());
            }
            let key = self.quoted()?;
            if !self.take(":") {
                return Err(self.unclear());
            }
            let value = self.value(depth + 1)?;
            if map.insert(key, value).is_some() {
                return Err("the text has one key twice".to_owned());
            }
            if !self.take(",") {
                return if self.take("}") { Ok(map) } else { Err(self.unclear()) };
            }
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.at += at + 1;
                    return match text.ends_with("...") {
                        true => Err("a text in it ends in `...`: it may have been cut".to_owned()),
                        false => Ok(text),
                    };
                }
                '\\' => match chars.next() {
                    Some((_, '\'')) => text.push('\''),
                    _ => return Err("a text in it has a backslash, which may mean two things".to_owned()),
                },
                c => text.push(c),
            }
        }
        Err("the text ends inside a text: it was cut".to_owned())
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
            .unwrap_or(rest.len());
        let number = &rest[..end];
        let digits = number.strip_prefix('-').unwrap_or(number);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = match whole {
            true => number.parse().map(Value::Int).unwrap_or_else(|_| Value::BigInt(number.into())),
            false => match number.parse::<f64>() {
                Ok(float) if float.is_finite() && digits.starts_with(|c: char| c.is_ascii_digit()) => {
                    Value::Float(float)
                }
                _ => return Err(self.unclear()),
            },
        };
        self.at += end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use taskq_core::codec::repr;

    use super::*;

    #[test]
    fn plain_texts_are_read_back() {
        let value = args("(1, 'it\\'s', None, [True, -2.5], {'a': ('x',)})").unwrap();
        assert_eq!(repr::args(&value), "(1, 'it\\'s', None, [True, -2.5], {'a': ['x']})");
        assert!(args("()").unwrap().is_empty() && kwargs("{}").unwrap().is_empty());
        assert_eq!(args("(123456789012345678901234567890,)").unwrap().len(), 1);
    }

    #[test]
    fn cut_and_unclear_texts_are_refused() {
        for cut in ["(1, ...)", "('aaa...', 2)", "(1, 'aa", "([...],)", "(1, 2, ...)"] {
            assert!(args(cut).unwrap_err().contains("cut"), "{cut}: {:?}", args(cut));
        }
        for unclear in [
            "(<object at 0x7f>,)",
            "(UUID('0'),)",
            "('a\\n',)",
            "(1)",
            "(1, 2",
            "(b'a',)",
            "(nan,)",
            "(1,) (2,)",
            "",
            "{'a': 1}",
        ] {
            assert!(args(unclear).is_err(), "{unclear}");
        }
        assert!(kwargs("{'a': 1, 'a': 2}").is_err() && kwargs("{1: 2}").is_err() && kwargs("()").is_err());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9..1e9).prop_map(Value::Float),
            ".{0,12}".prop_map(Value::Str),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec((".{0,4}", inner), 0..4)
                    .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_shown(items in prop::collection::vec(value(), 0..5)) {
            // Whatever is read back at all is the same; the rest is refused.
            if let Ok(read) = args(&repr::args(&items)) {
                prop_assert_eq!(read, items);
            }
        }

        #[test]
        fn no_text_does_harm(text in "[-({\\['\"a\\\\.,:0-9Ne )\\]}]{0,40}") {
            let _ = (args(&text), kwargs(&text));
        }
    }
}
