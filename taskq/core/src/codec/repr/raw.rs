//! Encoded arguments: JSON is shown as it is scanned, and the scan ends where the text is cut. This runs on
//! every call that is sent.

use super::{
    budget::{Budget, LEVELS},
    float::float,
    hidden, value,
};
use crate::codec::{Value, json};

/// Shows a list as a tuple, or a map. What is not JSON is shown as far as it is.
pub(super) fn show(json: &[u8], is_tuple: bool) -> String {
    let mut out = Budget::default();
    let mut scan = Scan { json, at: 0 };
    // A broken end is nobody's concern here.
    _ = match scan.next() {
        Some(b'[') if is_tuple => scan.list(&mut out, 0, ["(", ")", ",)"]),
        _ => scan.value(&mut out, 0),
    };
    out.into_text()
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte that is no white space, not passed.
    fn next(&mut self) -> Option<u8> {
        let rest = &self.json[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.json.get(self.at).copied()
    }

    /// Shows the next value. `None` ends the scan: the input is broken, or nothing more is shown.
    fn value(&mut self, out: &mut Budget, level: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.string(out),
            b'[' if level >= LEVELS => {
                self.skip()?;
                out.mark("[...]");
                Some(())
            }
            b'[' => self.list(out, level, ["[", "]", "]"]),
            b'{' if self.is_marker() => {
                let marker = self.skip()?;
                let decoded: Value = json::from_slice(marker).ok()?;
                value::value(out, &decoded, level);
                Some(())
            }
            b'{' if level >= LEVELS => {
                self.skip()?;
                out.mark("{...}");
                Some(())
            }
            b'{' => self.map(out, level),
            _ => self.word(out),
        }
    }

    fn list(&mut self, out: &mut Budget, level: usize, [open, close, close_one]: [&str; 3]) -> Option<()> {
        self.at += 1;
        if !out.open(open) {
            return None;
        }
        let mut count = 0;
        loop {
            match self.next()? {
                b']' => break,
                b',' if count > 0 => {
                    self.at += 1;
                    out.mark(", ");
                }
                _ if count > 0 => return None,
                _ => {}
            }
            let start = self.at;
            let shown = self.value(out, level + 1);
            count += 1;
            if shown.is_none() || out.is_cut() {
                let is_one = count == 1 && close != close_one && self.is_last(start);
                out.close(if is_one { close_one } else { close });
                return None;
            }
        }
        self.at += 1;
        out.close(if count == 1 { close_one } else { close });
        Some(())
    }

    fn map(&mut self, out: &mut Budget, level: usize) -> Option<()> {
        self.at += 1;
        if !out.open("{") {
            return None;
        }
        let mut count = 0;
        loop {
            match self.next()? {
                b'}' => break,
                b',' if count > 0 => {
                    self.at += 1;
                    out.mark(", ");
                }
                _ if count > 0 => return None,
                _ => {}
            }
            let shown = self.entry(out, level + 1);
            count += 1;
            if shown.is_none() || out.is_cut() {
                out.close("}");
                return None;
            }
        }
        self.at += 1;
        out.close("}");
        Some(())
    }

    fn entry(&mut self, out: &mut Budget, level: usize) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        let start = self.at;
        self.string(out)?;
        let name = &self.json[start..self.at];
        if self.next()? != b':' {
            return None;
        }
        self.at += 1;
        out.mark(": ");
        if hidden::hides_any() && json::from_slice::<String>(name).is_ok_and(|name| hidden::hides(&name)) {
            self.pass()?;
            out.mark(hidden::MASK);
            return Some(());
        }
        self.value(out, level)
    }

    fn string(&mut self, out: &mut Budget) -> Option<()> {
        let quoted = self.pass_string()?;
        let inner = quoted.get(1..quoted.len() - 1)?;
        if memchr::memchr(b'\\', inner).is_none() {
            out.quoted(std::str::from_utf8(inner).ok()?);
        } else {
            out.quoted(&json::from_slice::<String>(quoted).ok()?);
        }
        Some(())
    }

    /// A number, or one of the words of JSON and Python.
    fn word(&mut self, out: &mut Budget) -> Option<()> {
        match std::str::from_utf8(self.pass_word()).ok()? {
            "null" => out.token("None"),
            "true" => out.token("True"),
            "false" => out.token("False"),
            "NaN" => out.token("nan"),
            "Infinity" => out.token("inf"),
            "-Infinity" => out.token("-inf"),
            number if number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                out.token(&float(number.parse().ok()?));
            }
            number => out.token(number),
        }
        Some(())
    }

    /// Whether the list ends after the element that begins at `start`.
    fn is_last(&mut self, start: usize) -> bool {
        self.at = start;
        self.pass().is_some() && self.next() == Some(b']')
    }

    /// Passes the next value.
    fn pass(&mut self) -> Option<&'a [u8]> {
        match self.next() {
            Some(b'"') => self.pass_string(),
            Some(b'[' | b'{') => self.skip(),
            _ => Some(self.pass_word()),
        }
    }

    /// Whether the map here begins with `__type__`.
    fn is_marker(&self) -> bool {
        self.json[self.at + 1..].trim_ascii_start().starts_with(b"\"__type__\"")
    }

    fn pass_word(&mut self) -> &'a [u8] {
        let rest = &self.json[self.at..];
        let len = rest.iter().take_while(|byte| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\n')).count();
        self.at += len;
        &rest[..len]
    }

    fn pass_string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut at = start + 1;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.json.get(at..)?)?;
            if self.json[at] == b'"' {
                self.at = at + 1;
                return Some(&self.json[start..self.at]);
            }
            at += 2;
        }
    }

    /// Passes the container here, however deep, and gives its text.
    fn skip(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.json.get(self.at)? {
                b'"' => {
                    self.pass_string()?;
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(&self.json[start..self.at]);
            }
        }
    }
}
