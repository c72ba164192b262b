//! Keys and their values, found in a text that may be anything: `key: value`, `key=value`, in quotes or not.

/// Bare values that are followed by the secret itself.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Where the values of those keys are, ascending.
pub(super) fn spans(text: &str, hides: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let end = run(bytes, at, is_word);
        if let Some(value) = value_after(bytes, end)
            && hides(&text[at..end])
        {
            let span = value_at(bytes, value);
            if span.0 < span.1 || is_quote(bytes.get(span.0.wrapping_sub(1)).copied()) {
                found.push(span);
            }
            at = span.1.max(end);
        } else {
            at = end;
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}

fn is_quote(byte: Option<u8>) -> bool {
    matches!(byte, Some(b'"' | b'\''))
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn run(bytes: &[u8], from: usize, of: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !of(*byte)).map_or(bytes.len(), |length| from + length)
}

/// Where the value begins, if what ended at `end` is a key.
fn value_after(bytes: &[u8], end: usize) -> Option<usize> {
    // The quote that ends the key, with what escapes it in a text within a text.
    let mut at = run(bytes, end, |byte| byte == b'\\');
    at = if is_quote(bytes.get(at).copied()) { at + 1 } else { end };
    at = run(bytes, at, is_space);
    if !matches!(bytes.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    if bytes.get(at) == Some(&b'>') {
        at += 1;
    }
    at = run(bytes, at, |byte| is_space(byte) || byte == b'\n');
    (at < bytes.len()).then_some(at)
}

/// The value that begins there, without its quotes.
fn value_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let mut start = run(bytes, at, |byte| byte == b'\\');
    let escapes = start - at;
    // Python's `b'…'`.
    if escapes == 0 && matches!(bytes[at], b'b' | b'u' | b'r') && is_quote(bytes.get(at + 1).copied()) {
        start = at + 1;
    }
    match bytes.get(start) {
        Some(quote @ (b'"' | b'\'')) => (start + 1, text_end(bytes, start + 1, *quote, escapes)),
        Some(b'[' | b'{' | b'(') => (at, brackets_end(bytes, start)),
        _ => (at, bare_end(bytes, at)),
    }
}

/// Where a text ends: at its quote with as many backslashes as it began with, before those.
fn text_end(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let slashes = run(bytes, at, |byte| byte == b'\\') - at;
        match bytes.get(at + slashes) {
            Some(byte) if *byte == quote && slashes == escapes => return at,
            // A pair is a backslash of its own.
            Some(byte) if *byte == quote && escapes == 0 && slashes.is_multiple_of(2) => return at + slashes,
            // The quote of a text around this one: it was cut, or was none.
            Some(byte) if is_quote(Some(*byte)) && slashes < escapes => return at,
            Some(_) => at += slashes + 1,
            None => return bytes.len(),
        }
    }
    bytes.len()
}

/// Where what is in brackets ends.
fn brackets_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            quote @ (b'"' | b'\'') => {
                let escapes = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                let end = text_end(bytes, at + 1, quote, escapes);
                at = run(bytes, end, |byte| byte == b'\\');
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Where a value without quotes ends.
fn bare_end(bytes: &[u8], from: usize) -> usize {
    let inner = |byte: u8| {
        !byte.is_ascii_whitespace()
            && !matches!(byte, b',' | b';' | b'&' | b')' | b']' | b'}' | b'"' | b'\'' | b'\\')
    };
    let end = run(bytes, from, inner);
    let word = &bytes[from..end];
    let next = run(bytes, end, is_space);
    if next > end && SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes())) {
        return run(bytes, next, inner);
    }
    end
}
