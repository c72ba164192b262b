//! The elements of a list, uncut and undecoded.

use bytes::Bytes;

use super::{CodecError, CodecErrorKind};

/// The raw elements of a JSON list, as slices of `json`. Only brackets and texts are looked at: whether an
/// element is well formed is found when it is decoded.
///
/// # Errors
/// When it is no list, or ends too early.
pub fn split_list(json: &Bytes) -> Result<Vec<Bytes>, CodecError> {
    let wrong = |what: &str, at: usize| {
        Err(CodecError::new(CodecErrorKind::Syntax, format!("expected {what} at byte {at}")))
    };
    let bytes = json.as_ref();
    let Some(open) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return wrong("a list", 0);
    };
    if bytes[open] != b'[' {
        return wrong("a list", open);
    }
    let mut items = Vec::with_capacity(3);
    let mut start = open + 1;
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = skip_text(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 0 => depth -= 1,
            b',' if depth == 0 => {
                let item = trim(json, start, at);
                if item.is_empty() {
                    return wrong("a value", at);
                }
                items.push(item);
                start = at + 1;
            }
            b']' => {
                let item = trim(json, start, at);
                if item.is_empty() && !items.is_empty() {
                    return wrong("a value", at);
                }
                if !item.is_empty() {
                    items.push(item);
                }
                return match bytes[at + 1..].iter().position(|byte| !byte.is_ascii_whitespace()) {
                    Some(more) => wrong("nothing more", at + 1 + more),
                    None => Ok(items),
                };
            }
            _ => {}
        }
        at += 1;
    }
    wrong("the end of a list", bytes.len())
}

/// The position of the closing quote, or the end.
fn skip_text(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

fn trim(json: &Bytes, start: usize, end: usize) -> Bytes {
    let inner = json[start..end].trim_ascii();
    json.slice_ref(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(json: &'static str) -> Option<Vec<String>> {
        let items = split_list(&Bytes::from_static(json.as_bytes())).ok()?;
        Some(items.iter().map(|item| String::from_utf8_lossy(item).into_owned()).collect())
    }

    #[test]
    fn elements_come_as_they_are() {
        assert_eq!(
            split(r#" [[2, "],\"["], {"k": NaN}, {"a": [null]}] "#).unwrap(),
            [r#"[2, "],\"["]"#, r#"{"k": NaN}"#, r#"{"a": [null]}"#]
        );
        assert_eq!(split("[]").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn broken_lists_are_errors() {
        for broken in ["", "{}", "[1", "[1,]", "[,1]", "[1] 2", "[\"a", "[\"a\\"] {
            assert!(split(broken).is_none(), "{broken}");
        }
    }
}
