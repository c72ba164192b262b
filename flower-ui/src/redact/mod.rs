//! Secrets are taken out of arguments, results and errors before they are written down, and before those see them who
//! may not.
//!
//! Kept true here: whatever a text is - Python, JSON, a traceback, cut anywhere - it is gone through in one pass and
//! never fails; what stands in for a secret tells that something was there, so that nobody sends it on as a value.

mod again;
mod path;
mod scan;
mod tree;

use std::borrow::Cow;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::Value as Json;

use self::{
    path::Path,
    tree::{Branch, Tree},
};
use crate::record::Told;

/// What stands in for a secret.
pub(crate) const MARK: &str = "[redacted]";
/// Keys whose values are secrets, unless others are named. In lower case, with `_` for `-`.
pub(crate) const KEYS: &str = "*password*,passwd,*passphrase*,*secret*,*token,*api_key*,*apikey*,authorization,\
    *cookie,*credential*,*private_key*,*access_key*,card,card_*,cardnumber,*_card,cvv,cvc,ssn,iban";

/// What is taken out. By default the values of the usual keys.
#[derive(Clone, Debug)]
pub struct Redact {
    keys: GlobSet,
    paths: Vec<Path>,
}

impl Default for Redact {
    fn default() -> Self {
        let keys: Vec<String> = KEYS.split(',').map(|key| key.trim().to_owned()).collect();
        // A test holds that they are patterns.
        Self::new(&keys, &[]).unwrap_or(Self { keys: GlobSet::empty(), paths: Vec::new() })
    }
}

impl Redact {
    /// Values of these keys (patterns), and what is at these paths.
    ///
    /// # Errors
    /// When a pattern or a path cannot be read.
    pub fn new(keys: &[String], paths: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for key in keys {
            let glob = Glob::new(&normal(key)).map_err(|error| format!("`{key}` is no pattern: {error}"))?;
            set.add(glob);
        }
        let keys = set.build().map_err(|error| error.to_string())?;
        let paths = paths.iter().map(|path| Path::read(path)).collect::<Result<_, _>>()?;
        Ok(Self { keys, paths })
    }

    /// Whether the value of that key is a secret.
    fn hides(&self, key: &str) -> bool {
        self.keys.is_match(normal(key))
    }

    /// What was told of a task, without secrets.
    pub(crate) fn told(&self, told: &mut Told) {
        if let Some(call) = &mut told.call {
            self.option("args", &mut call.said.args);
            self.option("kwargs", &mut call.said.kwargs);
        }
        if let Some(end) = &mut told.mark.end {
            self.option("result", &mut end.result);
            self.option("exception", &mut end.exception);
            self.option("traceback", &mut end.traceback);
        }
    }

    fn option(&self, root: &str, text: &mut Option<String>) {
        if let Some(it) = text
            && let Cow::Owned(clean) = self.text(root, it)
        {
            *text = Some(clean);
        }
    }

    /// A text without secrets; `root` is what paths call it.
    pub(crate) fn text<'a>(&self, root: &str, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        let paths: Vec<&Path> = self.paths.iter().filter(|path| path.root() == root).collect();
        if !paths.is_empty() {
            out = replaced(out, &path::spans(text, &paths));
        }
        if !self.keys.is_empty() {
            let spans = scan::spans(&out, &|key| self.hides(key));
            out = replaced(out, &spans);
        }
        out
    }

    /// A value without secrets. Paths begin with its fields.
    pub(crate) fn json(&self, value: &mut Json) {
        self.within_all(value);
    }

    fn within_all<T: Tree>(&self, value: &mut T) {
        let paths: Vec<(&Path, usize)> = self.paths.iter().map(|path| (path, 0)).collect();
        self.within(value, &paths);
    }

    fn within<T: Tree>(&self, value: &mut T, paths: &[(&Path, usize)]) {
        match value.branch() {
            Branch::Fields(fields) => {
                for (name, field) in fields {
                    self.child(field, self.hides(name), paths, |part| part.is_key(name));
                }
            }
            Branch::Items(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.child(item, false, paths, |part| part.is_index(at));
                }
            }
            Branch::Text(text) => {
                if let Cow::Owned(clean) = self.text("", text) {
                    *text = clean;
                }
            }
            Branch::Leaf { .. } => {}
        }
    }

    fn child<T: Tree>(
        &self,
        child: &mut T,
        hidden: bool,
        paths: &[(&Path, usize)],
        fits: impl Fn(&path::Part) -> bool,
    ) {
        let on: Vec<(&Path, usize)> = paths
            .iter()
            .filter(|(path, at)| path.parts.get(*at).is_some_and(&fits))
            .map(|(path, at)| (*path, at + 1))
            .collect();
        let ends = on.iter().any(|(path, at)| path.parts.len() == *at);
        if (hidden || ends) && !matches!(child.branch(), Branch::Leaf { is_null: true }) {
            *child = T::mark();
        } else {
            self.within(child, &on);
        }
    }
}

/// As patterns are compared.
fn normal(key: &str) -> String {
    key.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// With the mark, in quotes, for each span. Spans ascend and do not overlap.
fn replaced<'a>(text: Cow<'a, str>, spans: &[(usize, usize)]) -> Cow<'a, str> {
    if spans.is_empty() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in spans {
        out.push_str(&text[from..*start]);
        out.push_str(MARK);
        from = *end;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redact(paths: &[&str]) -> Redact {
        let keys: Vec<String> = KEYS.split(',').map(|key| key.trim().to_owned()).collect();
        assert_eq!(Redact::default().keys.len(), keys.len());
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Redact::new(&keys, &paths).unwrap()
    }

    #[test]
    fn values_of_secret_keys_are_taken_out_of_any_text() {
        for (text, clean) in [
            ("{'password': 'hunter2', 'n': 1}", "{'password': '[redacted]', 'n': 1}"),
            (r#"{"user":{"apiKey":"s\"3c","id":7}}"#, r#"{"user":{"apiKey":"[redacted]","id":7}}"#),
            ("{'card': {'number': '4111', 'x': [1, 2]}, 'b': 2}", "{'card': [redacted], 'b': 2}"),
            (
                "{'tokens': 12, 'max_tokens': 7, 'token': 99}",
                "{'tokens': 12, 'max_tokens': 7, 'token': [redacted]}",
            ),
            ("(User(name='a', password='b, c'), 3)", "(User(name='a', password='[redacted]'), 3)"),
            (
                "ValueError: login failed: password=hunter2, user=a",
                "ValueError: login failed: password=[redacted], user=a",
            ),
            ("Authorization: Bearer abc.def\nHost: x", "Authorization: [redacted]\nHost: x"),
            (r#"('{"secret": "x y", "a": 1}',)"#, r#"('{"secret": "[redacted]", "a": 1}',)"#),
            (
                r#"{"body": "{\"client-secret\": \"x\\\"y\", \"a\": 1}"}"#,
                r#"{"body": "{\"client-secret\": \"[redacted]\", \"a\": 1}"}"#,
            ),
            ("{'password': 'hunt...", "{'password': '[redacted]"),
            ("{'password': None, 'secret': ''}", "{'password': [redacted], 'secret': '[redacted]'}"),
            ("the password is long; a token: no", "the password is long; a token: [redacted]"),
        ] {
            assert_eq!(redact(&[]).text("kwargs", text), clean);
        }
    }

    #[test]
    fn what_is_at_a_path_is_taken_out() {
        let redact = redact(&["kwargs.user.mail", "args[1]", "args[0].pin", "kwargs.list[*].n", "result"]);
        for (root, text, clean) in [
            (
                "kwargs",
                "{'user': {'mail': 'a@x', 'id': 1}, 'mail': 'b'}",
                "{'user': {'mail': [redacted], 'id': 1}, 'mail': 'b'}",
            ),
            (
                "kwargs",
                r#"{"list": [{"n": 1, "m": 2}, {"n": [3]}]}"#,
                r#"{"list": [{"n": [redacted], "m": 2}, {"n": [redacted]}]}"#,
            ),
            (
                "args",
                "({'pin': 1234, 'a': 'x)'}, 'whole', 3)",
                "({'pin': [redacted], 'a': 'x)'}, [redacted], 3)",
            ),
            ("args", "[User(pin=12, a=1), 'cut of...", "[User(pin=[redacted], a=1), [redacted]"),
            ("result", "{'a': 1}", "[redacted]"),
            ("exception", "{'a': 1}", "{'a': 1}"),
        ] {
            assert_eq!(redact.text(root, text), clean, "{text}");
        }
        let mut value = json!({
            "name": "x", "args": [{"pin": 1, "a": 2}, [5]], "kwargs": {"user": {"mail": "m", "password": "p"}},
            "note": "secret=12",
        });
        redact.json(&mut value);
        let clean = json!({
            "name": "x", "args": [{"pin": MARK, "a": 2}, MARK],
            "kwargs": {"user": {"mail": MARK, "password": MARK}}, "note": "secret=[redacted]",
        });
        assert_eq!(value, clean);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in ["", "kwargs.", "kwargs[", "kwargs[x]", ".a", "a..b", "args[1"] {
            assert!(Redact::new(&[], &[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_gone_through_to_its_end(text in ".{0,200}", nested in "[\\[({'\":,=a\\\\password ]{0,80}") {
            let redact = redact(&["kwargs.a.b", "kwargs[*]"]);
            let _ = redact.text("kwargs", &text);
            let _ = redact.text("kwargs", &nested);
        }

        #[test]
        fn a_secret_never_stays(secret in "[a-z0-9]{12}", depth in 0_usize..6) {
            let mut text = format!("{{'x': 1, 'db_password': '{secret}', 'y': [2]}}");
            for _ in 0..depth {
                text = serde_json::to_string(&json!({"inner": text, "z": [1]})).unwrap();
            }
            let clean = redact(&[]).text("kwargs", &text).into_owned();
            prop_assert!(!clean.contains(&secret), "{clean}");
        }
    }
}
