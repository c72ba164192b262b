//! Reading into any type.

use std::sync::LazyLock;

use memchr::memmem;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::parse;
use crate::codec::{CodecError, CodecErrorKind};

/// Reads JSON in kombu's dialect.
///
/// # Errors
/// [`Syntax`](CodecErrorKind::Syntax), [`Depth`](CodecErrorKind::Depth) or
/// [`UnknownType`](CodecErrorKind::UnknownType) with the place in the input;
/// [`Value`](CodecErrorKind::Value) when the input is of another shape than `T`.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, CodecError> {
    if is_plain(json) {
        match serde_json::from_slice(json) {
            Ok(value) => return Ok(value),
            Err(error) if error.classify() == Category::Data => return Err(data(json, &error)),
            // A bare word of the dialect, or an error that our own parser tells more exactly.
            Err(_) => {}
        }
    }
    T::deserialize(parse::parse(json)?)
}

/// Reads plain JSON, texts where they stand; `None` when it is none, holds something of the dialect, or is of
/// another shape than `T`.
pub(crate) fn from_plain_slice<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    // Looked through once as a whole, instead of text by text.
    let text = std::str::from_utf8(json).ok()?;
    if is_plain(json) { serde_json::from_str(text).ok() } else { None }
}

/// What marks a value of the dialect; the search for it is prepared once.
static MARKER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"__type__"));

/// Whether plain JSON gives the same value: no marker, no integer that might be rounded. Bare words need no
/// search, because `serde_json` stops at them.
fn is_plain(json: &[u8]) -> bool {
    !has_long_number(json) && MARKER.find(json).is_none()
}

/// The shortest run of digits that may not fit 64 bits.
const LONG: usize = 19;

/// Whether `LONG` digits follow one another somewhere. Such a run covers a multiple of `LONG`, so only one byte
/// in as many is looked at.
fn has_long_number(json: &[u8]) -> bool {
    let mut at = LONG - 1;
    while let Some(byte) = json.get(at) {
        if byte.is_ascii_digit() {
            let before = json[..at].iter().rev().take(LONG).take_while(|byte| byte.is_ascii_digit()).count();
            let after = json[at..].iter().take(LONG).take_while(|byte| byte.is_ascii_digit()).count();
            if before + after >= LONG {
                return true;
            }
        }
        at += LONG;
    }
    false
}

/// `serde_json` gives line and column, and repeats them in the text.
fn data(json: &[u8], error: &serde_json::Error) -> CodecError {
    let text = error.to_string();
    let (line, column) = (error.line(), error.column());
    let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    if line == 0 {
        return CodecError::new(CodecErrorKind::Value, message);
    }
    let start = memchr::memchr_iter(b'\n', json).nth(line.wrapping_sub(2)).map_or(0, |newline| newline + 1);
    CodecError::at(CodecErrorKind::Value, message, start + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_long_numbers_wherever_they_are() {
        for before in 0..60 {
            for digits in 1..60 {
                let text = format!("{}{}]", " ".repeat(before), "7".repeat(digits));
                assert_eq!(has_long_number(text.as_bytes()), digits >= LONG, "{before} {digits}");
            }
        }
    }

    #[test]
    fn errors_of_the_fast_road_carry_the_place() {
        let error = from_slice::<Vec<i64>>(b"[1, \"two\"]").unwrap_err();
        assert_eq!(error.to_string(), "invalid type: string \"two\", expected i64 at byte 9");
        let error = from_slice::<Vec<i64>>(b"[1,\n\n \"two\"]").unwrap_err();
        assert_eq!(error.offset(), Some(11));
    }
}
