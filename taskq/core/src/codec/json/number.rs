//! The numbers of JSON, and the words Python adds to them.

use crate::codec::Value;

/// A number at the start of `text`, and its length in bytes; `None` when there is none.
pub(super) fn scan(text: &str) -> Option<(Value, usize)> {
    let bytes = text.as_bytes();
    for (word, number) in [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)] {
        if text.starts_with(word) {
            return Some((Value::Float(number), word.len()));
        }
    }
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut end = start + digits(start);
    if end == start || (bytes[start] == b'0' && end > start + 1) {
        return None;
    }
    let whole = end;
    if bytes.get(end) == Some(&b'.') {
        match digits(end + 1) {
            0 => return None,
            count => end += 1 + count,
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        match digits(end + 1 + sign) {
            0 => return None,
            count => end += 1 + sign + count,
        }
    }
    let number = &text[..end];
    let value = if end == whole { Value::from_digits(number) } else { Value::Float(number.parse().ok()?) };
    Some((value, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_json_and_python_write() {
        let value = |text| scan(text).map(|(value, len)| (value, &text[len..]));
        assert_eq!(value("0,"), Some((Value::Int(0), ",")));
        assert_eq!(value("-12]"), Some((Value::Int(-12), "]")));
        assert_eq!(value("1.50"), Some((Value::Float(1.5), "")));
        assert_eq!(value("1e+2 "), Some((Value::Float(100.0), " ")));
        assert_eq!(value("9223372036854775807"), Some((Value::Int(i64::MAX), "")));
        assert_eq!(value("9223372036854775808"), Some((Value::BigInt("9223372036854775808".into()), "")));
        assert_eq!(value("-Infinity}"), Some((Value::Float(f64::NEG_INFINITY), "}")));
        assert!(matches!(value("NaN"), Some((Value::Float(nan), "")) if nan.is_nan()));
        for wrong in ["", "-", "01", "1.", "1e", "1e+", ".5", "+1", "nan"] {
            assert_eq!(scan(wrong), None, "{wrong}");
        }
    }
}
