//! `"30s"`, `"1h30m"`, `"500ms"`, `2.5`: durations, read when the program is compiled.

use std::time::Duration;

const UNITS: [(&str, f64); 7] =
    [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("w", 604_800.0)];

const EXPECTED: &str =
    "write seconds as a number, or a text such as \"500ms\", \"30s\", \"5m\", \"1h30m\", \"2d\"";

/// A text of numbers with units.
pub(super) fn from_text(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("this duration is empty: {EXPECTED}"));
    }
    if rest.starts_with('-') {
        return Err("a duration cannot be negative".to_owned());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let Ok(number) = number.parse::<f64>() else {
            return Err(format!("`{text}` is no duration: {EXPECTED}"));
        };
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit: {EXPECTED}"));
        }
        let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is no unit of time: use us, ms, s, m, h, d or w"));
        };
        seconds += number * length;
        rest = after.trim_start();
    }
    from_seconds(seconds)
}

/// A number of seconds.
pub(super) fn from_seconds(seconds: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(duration),
        Err(_) if seconds < 0.0 => Err("a duration cannot be negative".to_owned()),
        Err(_) => Err("this duration is too long".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_units() {
        let read = |text| from_text(text).map(|duration| duration.as_secs_f64());
        assert_eq!(read("30s"), Ok(30.0));
        assert_eq!(read("500ms"), Ok(0.5));
        assert_eq!(read("1h30m"), Ok(5_400.0));
        assert_eq!(read(" 1h 30m "), Ok(5_400.0));
        assert_eq!(read("2d"), Ok(172_800.0));
        assert_eq!(read("1.5s"), Ok(1.5));
    }

    #[test]
    fn everything_else_is_explained() {
        let error = |text| from_text(text).unwrap_err();
        assert!(error("30").contains("has no unit"));
        assert!(error("soon").contains("is no duration"));
        assert!(error("3 fortnights").contains("no unit of time"));
        assert!(error("-5s").contains("negative"));
        assert!(error("").contains("empty"));
        assert!(error("99999999999999999999999w").contains("too long"));
    }
}
