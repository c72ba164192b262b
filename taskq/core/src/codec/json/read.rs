//! The dialect, read into [`Value`].

use base64::{Engine, prelude::BASE64_STANDARD};
use memchr::memmem;

use super::{CodecError, CodecErrorKind, MAX_DEPTH};
use crate::codec::{Map, Value};

/// Whether plain JSON is all there is: no marker, no bare word, no integer that may be too large. It may
/// answer no for a text that only contains such words.
pub(super) fn is_plain(json: &[u8]) -> bool {
    !long_number(json)
        && memmem::find(json, b"__type__").is_none()
        && memmem::find(json, b"NaN").is_none()
        && memmem::find(json, b"Infinity").is_none()
}

/// 19 digits in a row, where `i64` ends.
fn long_number(json: &[u8]) -> bool {
    // Every run of 19 covers a position divisible by 19: look there first, and around only where a digit is.
    let mut at = 18;
    while at < json.len() {
        if json[at].is_ascii_digit() {
            let before = json[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let after = json[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if before + after >= 19 {
                return true;
            }
        }
        at += 19;
    }
    false
}

pub(super) fn value(json: &[u8]) -> Result<Value, CodecError> {
    let text = std::str::from_utf8(json).map_err(|error| {
        CodecError::new(CodecErrorKind::Syntax, format!("invalid UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let mut reader = Reader { json: text.as_bytes(), at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < reader.json.len() {
        return Err(reader.wrong("nothing more"));
    }
    Ok(value)
}

struct Reader<'a> {
    json: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    #[cold]
    fn wrong(&self, expected: &str) -> CodecError {
        CodecError::new(CodecErrorKind::Syntax, format!("expected {expected} at byte {}", self.at))
    }

    fn space(&mut self) {
        while matches!(self.json.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.json[self.at..].starts_with(word.as_bytes());
        if there {
            self.at += word.len();
        }
        there
    }

    fn value(&mut self, depth: usize) -> Result<Value, CodecError> {
        if depth > MAX_DEPTH {
            return Err(CodecError::new(
                CodecErrorKind::Depth,
                format!("nested deeper than {MAX_DEPTH} levels at byte {}", self.at),
            ));
        }
        self.space();
        match self.json.get(self.at) {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) if self.word("null") => Ok(Value::Null),
            Some(_) if self.word("true") => Ok(Value::Bool(true)),
            Some(_) if self.word("false") => Ok(Value::Bool(false)),
            Some(_) if self.word("NaN") => Ok(Value::Float(f64::NAN)),
            Some(_) if self.word("Infinity") => Ok(Value::Float(f64::INFINITY)),
            _ => Err(self.wrong("a value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, CodecError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.wrong("`,` or `]`"));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, CodecError> {
        self.at += 1;
        let mut map = Map::new();
        if self.eat(b'}') {
            return Ok(Value::Map(map));
        }
        loop {
            self.space();
            if self.json.get(self.at) != Some(&b'"') {
                return Err(self.wrong("a key"));
            }
            let key = self.text()?;
            if !self.eat(b':') {
                return Err(self.wrong("`:`"));
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            if self.eat(b'}') {
                return marker(map);
            }
            if !self.eat(b',') {
                return Err(self.wrong("`,` or `}`"));
            }
        }
    }

    /// A string; `serde_json` undoes the escapes.
    fn text(&mut self) -> Result<String, CodecError> {
        let start = self.at;
        let mut end = start + 1;
        loop {
            match memchr::memchr2(b'"', b'\\', &self.json[end..]) {
                Some(found) if self.json[end + found] == b'"' => {
                    end += found + 1;
                    break;
                }
                Some(found) if end + found + 2 <= self.json.len() => end += found + 2,
                _ => return Err(self.wrong("the end of a text")),
            }
        }
        let text = serde_json::from_slice(&self.json[start..end]).map_err(|error| {
            CodecError::new(CodecErrorKind::Syntax, format!("text at byte {start}: {error}"))
        })?;
        self.at = end;
        Ok(text)
    }

    fn number(&mut self) -> Result<Value, CodecError> {
        if self.word("-Infinity") {
            return Ok(Value::Float(f64::NEG_INFINITY));
        }
        let rest = &self.json[self.at..];
        let len = rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let text = std::str::from_utf8(&rest[..len]).unwrap_or_default();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = if whole && (digits == "0" || !digits.starts_with('0')) {
            Some(text.parse().map_or_else(|_| Value::BigInt(text.into()), Value::Int))
        } else {
            // Also checks the grammar: `1.`, `.5`, `01` are no JSON.
            serde_json::from_str(text).ok().map(Value::Float)
        };
        let value = value.ok_or_else(|| self.wrong("a number"))?;
        self.at += len;
        Ok(value)
    }
}

/// A map of exactly `__type__` and `__value__` is a typed value.
fn marker(map: Map) -> Result<Value, CodecError> {
    if map.len() != 2 {
        return Ok(Value::Map(map));
    }
    let (Some(Value::Str(kind)), Some(value)) = (map.get("__type__"), map.get("__value__")) else {
        return Ok(Value::Map(map));
    };
    let text = value.as_str().map(str::to_owned);
    let typed = match (kind.as_str(), text) {
        ("datetime", Some(text)) => Value::DateTime(text),
        ("date", Some(text)) => Value::Date(text),
        ("time", Some(text)) => Value::Time(text),
        ("decimal", Some(text)) => Value::Decimal(text),
        ("bytes", Some(text)) => Value::Bytes(text.into()),
        ("base64", Some(text)) => {
            let bytes = BASE64_STANDARD.decode(text).map_err(|error| {
                CodecError::new(CodecErrorKind::Syntax, format!("a `base64` value: {error}"))
            })?;
            Value::Bytes(bytes.into())
        }
        ("uuid", _) => {
            let hex =
                value.get("hex").and_then(Value::as_str).and_then(|hex| uuid::Uuid::try_parse(hex).ok());
            Value::Uuid(hex.ok_or_else(|| {
                CodecError::new(CodecErrorKind::Syntax, "a `uuid` value without 32 hex digits")
            })?)
        }
        ("datetime" | "date" | "time" | "decimal" | "bytes" | "base64", None) => {
            return Err(CodecError::new(CodecErrorKind::Syntax, format!("a `{kind}` value that is no text")));
        }
        _ => {
            return Err(CodecError::new(
                CodecErrorKind::UnknownType,
                format!("a typed value of the unknown type `{kind}`"),
            ));
        }
    };
    Ok(typed)
}
