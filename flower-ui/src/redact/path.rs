//! Paths such as `kwargs.user.mail`, `args[0].pin` or `kwargs.items[*].card`, in Python's and JSON's texts.

/// Brackets in brackets that are gone into: a text of nothing else must not use up the stack.
const DEEPEST: usize = 64;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Key(String),
    Index(usize),
    /// Any key, any index.
    Any,
}

impl Part {
    pub(super) fn is_key(&self, name: &str) -> bool {
        match self {
            Self::Key(key) => key == name,
            Self::Any => true,
            Self::Index(_) => false,
        }
    }

    pub(super) fn is_index(&self, at: usize) -> bool {
        match self {
            Self::Index(index) => *index == at,
            Self::Any => true,
            Self::Key(_) => false,
        }
    }
}

/// A path; its first part is `args`, `kwargs`, `result`, …
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) parts: Vec<Part>,
}

impl Path {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is no path: write `kwargs.user.mail`, `args[0]` or `kwargs.items[*].card`");
        let mut parts = Vec::new();
        let plain = text.strip_prefix("$.").unwrap_or(text);
        for step in plain.split('.') {
            let (name, mut rest) = step.split_at(step.find('[').unwrap_or(step.len()));
            match name {
                "" => return Err(refused()),
                "*" => parts.push(Part::Any),
                name => parts.push(Part::Key(name.to_owned())),
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or_else(refused)?;
                parts.push(match index {
                    "*" => Part::Any,
                    index => Part::Index(index.parse().map_err(|_| refused())?),
                });
                rest = after;
            }
            if !rest.is_empty() {
                return Err(refused());
            }
        }
        match parts.first() {
            Some(Part::Key(_)) => Ok(Self { parts }),
            _ => Err(refused()),
        }
    }

    /// What it begins with.
    pub(super) fn root(&self) -> &str {
        match self.parts.first() {
            Some(Part::Key(root)) => root,
            _ => "",
        }
    }
}

/// Where in a text the values at those paths are, ascending.
pub(super) fn spans(text: &str, paths: &[&Path]) -> Vec<(usize, usize)> {
    let mut walk = Walk { text, at: 0, found: Vec::new() };
    let on: Vec<&[Part]> = paths.iter().map(|path| &path.parts[1..]).collect();
    if on.iter().any(|rest| rest.is_empty()) {
        return vec![(0, text.len())];
    }
    walk.value(&on, 0);
    walk.found
}

/// Goes through a text that looks like a value, and may be cut anywhere.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    found: Vec<(usize, usize)>,
}

impl Walk<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// One value, until what ends it. `on`: what is left of the paths that lead here.
    fn value(&mut self, on: &[&[Part]], depth: usize) {
        self.space();
        let start = self.at;
        let hidden = on.iter().any(|rest| rest.is_empty());
        let on: &[&[Part]] = if hidden { &[] } else { on };
        while let Some(byte) = self.byte() {
            match byte {
                b',' | b']' | b'}' | b')' => break,
                b'"' | b'\'' => self.quoted(byte),
                b'[' | b'{' | b'(' if depth < DEEPEST => self.items(on, depth + 1),
                _ => self.at += 1,
            }
        }
        if hidden && self.at > start {
            let end = start + self.text[start..self.at].trim_end().len();
            self.found.push((start, end));
        }
    }

    /// What is in brackets: items, `key: value`, or `key=value`.
    fn items(&mut self, on: &[&[Part]], depth: usize) {
        self.at += 1;
        let mut index = 0;
        loop {
            self.space();
            match self.byte() {
                None => return,
                Some(b']' | b'}' | b')') => {
                    self.at += 1;
                    return;
                }
                Some(b',' | b':') => self.at += 1,
                Some(_) => {
                    match self.key() {
                        Some(key) => {
                            let fits = |part: &Part| part.is_key(&key);
                            self.value(&step(on, fits), depth);
                        }
                        None => self.value(&step(on, |part| part.is_index(index)), depth),
                    }
                    index += 1;
                }
            }
        }
    }

    /// The key that begins here, if there is one; then what follows is its value.
    fn key(&mut self) -> Option<String> {
        let start = self.at;
        let text = match self.byte()? {
            quote @ (b'"' | b'\'') => {
                self.quoted(quote);
                self.text[start + 1..self.at].strip_suffix(char::from(quote)).map(unescaped)
            }
            _ => {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
                let rest = &self.text[start..];
                self.at += rest.find(|c: char| !word(c)).unwrap_or(rest.len());
                Some(self.text[start..self.at].to_owned())
            }
        };
        self.space();
        if let (Some(b':' | b'='), Some(text)) = (self.byte(), text) {
            self.at += 1;
            return Some(text);
        }
        self.at = start;
        None
    }

    fn quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += 1;
            match byte {
                b'\\' => {
                    // Whatever stands there, whole.
                    let next = self.text[self.at..].chars().next();
                    self.at += next.map_or(0, char::len_utf8);
                }
                byte if byte == quote => return,
                _ => {}
            }
        }
    }
}

fn step<'p>(on: &[&'p [Part]], fits: impl Fn(&Part) -> bool) -> Vec<&'p [Part]> {
    on.iter()
        .filter_map(|rest| rest.split_first())
        .filter(|(part, _)| fits(part))
        .map(|(_, rest)| rest)
        .collect()
}

/// Keys are seldom written with escapes; those of quotes and backslashes are read.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}
