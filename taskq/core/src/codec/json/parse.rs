//! Our own parser, for what `serde_json` does not read. Its recursion ends at
//! [`MAX_DEPTH`](crate::codec::MAX_DEPTH).

use super::{marker, number};
use crate::codec::{CodecError, CodecErrorKind, MAX_DEPTH, Map, Value};

pub(super) fn parse(json: &[u8]) -> Result<Value, CodecError> {
    let text = std::str::from_utf8(json).map_err(|error| {
        CodecError::at(CodecErrorKind::Syntax, "the text is not UTF-8", error.valid_up_to())
    })?;
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("the value is followed by something else")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    #[cold]
    fn error(&self, message: &str) -> CodecError {
        CodecError::at(CodecErrorKind::Syntax, message, self.at)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes `byte` if it is next.
    fn pass(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, CodecError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("a value is expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self) -> Result<Value, CodecError> {
        match self.peek() {
            None => Err(self.error("the text ends where a value is expected")),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => self.string().map(Value::Str),
            Some(b'[') => self.nested(Self::list),
            Some(b'{') => self.nested(Self::map),
            Some(_) => match number::scan(&self.text[self.at..]) {
                Some((value, len)) => {
                    self.at += len;
                    Ok(value)
                }
                None => Err(self.error("a value is expected")),
            },
        }
    }

    fn nested(&mut self, container: fn(&mut Self) -> Result<Value, CodecError>) -> Result<Value, CodecError> {
        if self.depth == MAX_DEPTH {
            let message = format!("the value is nested deeper than {MAX_DEPTH} levels");
            return Err(CodecError::at(CodecErrorKind::Depth, message, self.at));
        }
        self.depth += 1;
        self.at += 1;
        let value = container(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, CodecError> {
        let mut items = Vec::new();
        if self.pass(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.pass(b']') {
                return Ok(Value::List(items));
            }
            if !self.pass(b',') {
                return Err(self.error("`,` or `]` is expected"));
            }
        }
    }

    fn map(&mut self) -> Result<Value, CodecError> {
        let start = self.at;
        let mut map = Map::new();
        if self.pass(b'}') {
            return Ok(Value::Map(map));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("a key is expected"));
            }
            let key = self.string()?;
            if !self.pass(b':') {
                return Err(self.error("`:` is expected"));
            }
            let value = self.value()?;
            map.insert(key, value);
            if self.pass(b'}') {
                return marker::decode(map, start);
            }
            if !self.pass(b',') {
                return Err(self.error("`,` or `}` is expected"));
            }
        }
    }

    fn string(&mut self) -> Result<String, CodecError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(len) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) else {
                self.at = self.text.len();
                return Err(self.error("the text ends within a string"));
            };
            string.push_str(&rest[..len]);
            self.at += len;
            match rest.as_bytes()[len] {
                b'"' => {
                    self.at += 1;
                    return Ok(string);
                }
                b'\\' => string.push(self.escape()?),
                _ => return Err(self.error("a control character stands in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, CodecError> {
        let start = self.at;
        let Some(byte) = self.text.as_bytes().get(start + 1) else {
            return Err(self.error("the text ends within a string"));
        };
        self.at += 2;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let alone =
                    || CodecError::at(CodecErrorKind::Syntax, "half of a surrogate pair stands alone", start);
                if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let pair = [first, self.hex()?];
                    let mut chars = char::decode_utf16(pair);
                    return chars.next().and_then(Result::ok).ok_or_else(alone);
                }
                char::from_u32(first.into()).ok_or_else(alone)?
            }
            _ => return Err(CodecError::at(CodecErrorKind::Syntax, "unknown escape in a string", start)),
        })
    }

    fn hex(&mut self) -> Result<u16, CodecError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| !digits.starts_with('+'));
        let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
            return Err(self.error("four hexadecimal digits are expected"));
        };
        self.at += 4;
        Ok(unit)
    }
}
