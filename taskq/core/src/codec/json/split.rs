//! The elements of a list or map without decoding them: a body's arguments are decoded once, when the task is
//! called.
//!
//! Only what is needed to find the borders is looked at: strings and brackets. What is between them is checked
//! when it is decoded.

use bytes::Bytes;

use crate::codec::{CodecError, CodecErrorKind, MAX_DEPTH};

/// The raw elements of the list that `json` is.
///
/// # Errors
/// When it is no list, not UTF-8, its brackets do not match, or they nest deeper than
/// [`MAX_DEPTH`](crate::codec::MAX_DEPTH).
pub fn split_list(json: &Bytes) -> Result<Vec<Bytes>, CodecError> {
    let mut items = Vec::with_capacity(3);
    split(json, b'[', |part| {
        items.push(part);
        Ok(())
    })?;
    Ok(items)
}

/// The raw keys (with their quotes) and values of the map that `json` is.
///
/// # Errors
/// As [`split_list`].
pub fn split_map(json: &Bytes) -> Result<Vec<(Bytes, Bytes)>, CodecError> {
    let mut entries = Vec::new();
    split(json, b'{', |part| {
        let syntax = |message: &str| CodecError::new(CodecErrorKind::Syntax, message);
        if part.first() != Some(&b'"') {
            return Err(syntax("a key is expected"));
        }
        let key = string_end(&part, 1).ok_or_else(|| syntax("the text ends within a string"))?;
        let after = trim(&part.slice(key..));
        if after.first() != Some(&b':') {
            return Err(syntax("`:` is expected"));
        }
        entries.push((part.slice(..key), trim(&after.slice(1..))));
        Ok(())
    })?;
    Ok(entries)
}

/// Gives each part between the commas of the outermost container to `take`.
fn split(
    json: &Bytes,
    open: u8,
    mut take: impl FnMut(Bytes) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let syntax = |message: &str, at: usize| CodecError::at(CodecErrorKind::Syntax, message, at);
    if let Err(error) = std::str::from_utf8(json) {
        return Err(syntax("the text is not UTF-8", error.valid_up_to()));
    }
    let mut at = json.iter().take_while(|byte| is_space(**byte)).count();
    if json.get(at) != Some(&open) {
        let expected = if open == b'[' { "a list is expected" } else { "a map is expected" };
        return Err(syntax(expected, at));
    }
    // One bit a level says whether it is a map; the outermost one is the lowest of `depth` bits.
    let mut maps = u128::from(open == b'{');
    let mut depth = 1;
    let mut start = at + 1;
    let mut taken = 0;
    loop {
        at += 1;
        let Some(next) = json.get(at..).and_then(find_structure) else {
            return Err(syntax("the text ends within a list or map", json.len()));
        };
        at += next;
        match json[at] {
            b'"' => {
                let end = string_end(json, at + 1);
                at = end.ok_or_else(|| syntax("the text ends within a string", json.len()))? - 1;
            }
            bracket @ (b'[' | b'{') => {
                if depth == MAX_DEPTH {
                    let message = format!("the value is nested deeper than {MAX_DEPTH} levels");
                    return Err(CodecError::at(CodecErrorKind::Depth, message, at));
                }
                depth += 1;
                maps = maps << 1 | u128::from(bracket == b'{');
            }
            b',' if depth > 1 => {}
            b',' => {
                take(part(json, start, at)?)?;
                taken += 1;
                start = at + 1;
            }
            bracket => {
                if (bracket == b'}') != (maps & 1 == 1) {
                    return Err(syntax("the brackets do not match", at));
                }
                maps >>= 1;
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
    }
    if taken > 0 || !json[start..at].iter().all(|byte| is_space(*byte)) {
        take(part(json, start, at)?)?;
    }
    if !json[at + 1..].iter().all(|byte| is_space(*byte)) {
        return Err(syntax("the value is followed by something else", at + 1));
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn find_structure(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'[' | b']' | b'{' | b'}' | b','))
}

/// Where the string ends whose content begins at `from`: after its closing quote.
fn string_end(json: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn part(json: &Bytes, start: usize, end: usize) -> Result<Bytes, CodecError> {
    let part = trim(&json.slice(start..end));
    if part.is_empty() {
        return Err(CodecError::at(CodecErrorKind::Syntax, "a value is expected", start));
    }
    Ok(part)
}

fn trim(json: &Bytes) -> Bytes {
    json.slice_ref(json.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: &'static str) -> Result<Vec<String>, CodecError> {
        let parts = split_list(&Bytes::from_static(json.as_bytes()))?;
        Ok(parts.into_iter().map(|part| String::from_utf8(part.into()).unwrap()).collect())
    }

    #[test]
    fn finds_the_elements() {
        assert_eq!(list("[]").unwrap(), [""; 0]);
        assert_eq!(list(" [ 1 ] ").unwrap(), ["1"]);
        assert_eq!(
            list(r#"[[1, "],\"["], {"a": [{}, ","]}, NaN, "\\"]"#).unwrap(),
            [r#"[1, "],\"["]"#, r#"{"a": [{}, ","]}"#, "NaN", r#""\\""#]
        );
    }

    #[test]
    fn finds_keys_and_values() {
        let entries = split_map(&Bytes::from_static(br#"{ "a:\"" : [1, 2] ,"b":{}}"#)).unwrap();
        assert_eq!(entries, [(r#""a:\"""#.into(), "[1, 2]".into()), (r#""b""#.into(), "{}".into())]);
        assert!(split_map(&Bytes::from_static(b"{1: 2}")).is_err());
        assert!(split_map(&Bytes::from_static(br#"{"a"}"#)).is_err());
        assert_eq!(split_map(&Bytes::from_static(b"{}")).unwrap(), []);
    }

    #[test]
    fn refuses_what_is_no_list() {
        for wrong in
            ["", "{}", "[", "[1", "[1,]", "[,1]", "[1,,2]", "[1] 2", "[\"", "[\"\\", "[1}", "[{]", "[[1]"]
        {
            let error = list(wrong).unwrap_err();
            assert_eq!(error.kind(), CodecErrorKind::Syntax, "{wrong}: {error}");
        }
        assert!(split_list(&Bytes::from_static(b"[\"\xff\"]")).is_err());
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = Bytes::from("[".repeat(100_000) + &"]".repeat(100_000));
        assert_eq!(split_list(&deep).unwrap_err().kind(), CodecErrorKind::Depth);
        let just = Bytes::from("[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH));
        assert_eq!(split_list(&just).unwrap().len(), 1);
    }
}
