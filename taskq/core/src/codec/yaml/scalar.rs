//! What a plain scalar is, by the rules of YAML 1.1 as PyYAML applies them.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::read::unknown;
use crate::codec::{CodecError, CodecErrorKind, Value};

/// A scalar without quotes or tag.
pub(super) fn plain(text: &str) -> Value {
    null(text)
        .or_else(|| boolean(text))
        .or_else(|| integer(text))
        .or_else(|| float(text))
        .or_else(|| timestamp(text))
        .unwrap_or_else(|| Value::Str(text.to_owned()))
}

/// A scalar with a tag of YAML itself.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, CodecError> {
    let value = match tag {
        "str" => Some(Value::Str(text.to_owned())),
        "null" => Some(Value::Null),
        "bool" => boolean(text),
        "int" => integer(text),
        "float" => float(text).or_else(|| integer(text)?.as_f64().map(Value::Float)),
        "timestamp" => timestamp(text),
        "binary" => binary(text),
        _ => return Err(unknown(tag)),
    };
    value.ok_or_else(|| {
        CodecError::new(CodecErrorKind::Syntax, format!("a value is tagged `!!{tag}`, but is none"))
    })
}

fn null(text: &str) -> Option<Value> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Value::Null)
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// `12`, `1_000`, `0x1F`, `0b101`, `017` in base 8, `1:30` in base 60.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if !digits.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let digits = digits.replace('_', "");
    if digits.contains(':') {
        return sexagesimal(&digits, sign);
    }
    let radix = |digits: &str, radix| i128::from_str_radix(digits, radix).ok().map(|n| Value::from(sign * n));
    if let Some(hex) = digits.strip_prefix("0x") {
        return radix(hex, 16);
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return radix(binary, 2);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.strip_prefix('0') {
        Some("") => Some(Value::Int(0)),
        Some(octal) => radix(octal, 8),
        None if sign < 0 => Some(Value::from_digits(&format!("-{digits}"))),
        None => Some(Value::from_digits(&digits)),
    }
}

/// `1:30` is 90.
fn sexagesimal(digits: &str, sign: i128) -> Option<Value> {
    if digits.starts_with('0') {
        return None;
    }
    let mut parts = digits.split(':');
    let mut number: i128 = parts.next()?.parse().ok()?;
    for part in parts {
        let is_part = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        let part: i128 = is_part.then(|| part.parse().ok())??;
        number = number.checked_mul(60)?.checked_add(part)?;
    }
    Some(Value::from(sign * number))
}

/// `1.5`, `.5`, `1.0e+3`, `.inf`, `.nan`: there is always a point, and an exponent has its sign.
fn float(text: &str) -> Option<Value> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let (whole, rest) = text.split_once('.')?;
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let has_digits = format!("{unsigned}{fraction}").bytes().any(|byte| byte.is_ascii_digit());
    let has_exponent = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|digits| !digits.is_empty() && are_digits(digits))
    });
    if !has_digits || !has_exponent || !are_digits(unsigned) || !are_digits(fraction) {
        return None;
    }
    text.replace('_', "").parse().ok().map(Value::Float)
}

/// `2030-01-02`, or with a time in any of YAML's spellings, which becomes what `isoformat` writes.
pub(super) fn timestamp(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    if bytes.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() {
        return Some(Value::Date(text.to_owned()));
    }
    let (date, rest) = text.split_once(['T', 't', ' ', '\t'])?;
    let rest = rest.trim_start();
    let end = rest.find(['Z', 'z', '+', '-', ' ', '\t']).unwrap_or(rest.len());
    let (time, zone) = (&rest[..end], rest[end..].trim_start());
    let mut ymd = date.split('-');
    let mut hms = time.split(':');
    let (year, month, day) = (number(ymd.next()?, 4)?, number(ymd.next()?, 2)?, number(ymd.next()?, 2)?);
    let (hour, minute) = (number(hms.next()?, 2)?, number(hms.next()?, 2)?);
    let (second, fraction) = match hms.next()?.split_once('.') {
        Some((second, fraction)) => (second.to_owned(), fraction.to_owned()),
        None => (time.rsplit(':').next()?.to_owned(), String::new()),
    };
    let second = number(&second, 2)?;
    if ymd.next().is_some() || hms.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Six digits, as PyYAML cuts and fills them; none when all are zero.
    let micros = format!("{fraction:0<6}")[..6].to_owned();
    let fraction = if micros == "000000" { String::new() } else { format!(".{micros}") };
    let iso =
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{}", offset(zone)?);
    jiff::fmt::temporal::Pieces::parse(&iso).ok()?;
    Some(Value::DateTime(iso))
}

/// `+05:30` from `+5:30`, `+05` or `Z`; nothing from nothing.
fn offset(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some(String::new());
    }
    if matches!(zone, "Z" | "z") {
        return Some("+00:00".to_owned());
    }
    let sign = zone.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
    let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "0"));
    Some(format!("{sign}{:02}:{:02}", number(hours, 2)?, number(minutes, 2)?))
}

fn number(text: &str, most: usize) -> Option<u16> {
    (text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn binary(text: &str) -> Option<Value> {
    let text: String = text.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).ok().map(|bytes| Value::Bytes(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_pythons() {
        for (text, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", Value::from("y")),
            ("12", Value::Int(12)),
            ("-1_000", Value::Int(-1000)),
            ("0x1F", Value::Int(31)),
            ("0b101", Value::Int(5)),
            ("017", Value::Int(15)),
            ("018", Value::from("018")),
            ("1:30", Value::Int(90)),
            ("1180591620717411303424", Value::BigInt("1180591620717411303424".into())),
            ("1.5", Value::Float(1.5)),
            (".5", Value::Float(0.5)),
            ("1.", Value::Float(1.0)),
            ("1.0e+3", Value::Float(1000.0)),
            ("1e3", Value::from("1e3")),
            ("1.0e3", Value::from("1.0e3")),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            (".", Value::from(".")),
            ("-", Value::from("-")),
            ("1.2.3", Value::from("1.2.3")),
            ("2030-01-02", Value::Date("2030-01-02".into())),
            ("2030-13-02", Value::from("2030-13-02")),
            ("2030-01-02 03:04:05.678901+00:00", Value::DateTime("2030-01-02T03:04:05.678901+00:00".into())),
            ("2030-1-2 3:04:05.5 -5", Value::DateTime("2030-01-02T03:04:05.500000-05:00".into())),
            ("2030-01-02T03:04:05Z", Value::DateTime("2030-01-02T03:04:05+00:00".into())),
            ("2030-01-02 03:04:05", Value::DateTime("2030-01-02T03:04:05".into())),
            ("2030-01-02 at noon", Value::from("2030-01-02 at noon")),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn binary_is_bytes() {
        assert_eq!(tagged("binary", "/wA=\n").unwrap(), Value::Bytes(b"\xff\0".as_slice().into()));
        assert!(tagged("binary", "?").is_err());
    }
}
