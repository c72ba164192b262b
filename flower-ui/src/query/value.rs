//! Numbers, durations and times in queries: one, a comparison or a range.

use jiff::{Timestamp, civil, tz::TimeZone};

use super::ast::Range;

/// `3`, `>=3`, `2..5`.
pub(super) fn numbers(text: &str) -> Option<Range> {
    range(text, |text| {
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(|number| (number, number))
    })
}

/// `>5s`, `1s..2m`, `100ms`. Without a unit: seconds.
pub(super) fn durations(text: &str) -> Option<Range> {
    range(text, |text| duration(text).map(|seconds| (seconds, seconds)))
}

/// `>-2h` (in the last two hours), `today`, `2026-11-21`, `2026-11-21t10:00..2026-11-21t12:00`. Times without a
/// zone are in that of the board.
pub(super) fn times(text: &str, now: f64) -> Option<Range> {
    range(text, |text| time(text, now))
}

/// `one` answers the first and the last moment of what a value means.
fn range(text: &str, one: impl Fn(&str) -> Option<(f64, f64)>) -> Option<Range> {
    let closed = Range::default();
    if let Some((from, until)) = text.split_once("..") {
        let min = if from.is_empty() { None } else { Some(one(from)?.0) };
        let max = if until.is_empty() { None } else { Some(one(until)?.1) };
        return (min.is_some() || max.is_some()).then_some(Range { min, max, ..closed });
    }
    for (sign, is_min, is_open) in
        [(">=", true, false), ("<=", false, false), (">", true, true), ("<", false, true)]
    {
        let Some(rest) = text.strip_prefix(sign) else { continue };
        let (first, last) = one(rest)?;
        return Some(match (is_min, is_open) {
            (true, true) => Range { min: Some(last), open_min: true, ..closed },
            (true, false) => Range { min: Some(first), ..closed },
            (false, true) => Range { max: Some(first), open_max: true, ..closed },
            (false, false) => Range { max: Some(last), ..closed },
        });
    }
    let (first, last) = one(text)?;
    Some(Range { min: Some(first), max: Some(last), ..closed })
}

fn duration(text: &str) -> Option<f64> {
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    Some(number * unit)
}

fn time(text: &str, now: f64) -> Option<(f64, f64)> {
    if let Some(ago) = text.strip_prefix('-') {
        let at = now - duration(ago)?;
        return Some((at, at));
    }
    let at_now = Timestamp::from_microsecond((now * 1e6) as i64).ok()?;
    let zone = TimeZone::system();
    let day = |date: civil::Date| {
        let start = date.to_zoned(zone.clone()).ok()?;
        let end = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        // The last microsecond of it.
        Some((seconds(start.timestamp()), seconds(end.timestamp()) - 1e-6))
    };
    let today = at_now.to_zoned(zone.clone()).date();
    let upper = text.to_uppercase();
    match text {
        "now" => return Some((now, now)),
        "today" => return day(today),
        "yesterday" => return day(today.yesterday().ok()?),
        _ => {}
    }
    if let Ok(number) = text.parse::<f64>()
        && number > 1e9
    {
        return Some((number, number));
    }
    if let Ok(stamp) = upper.parse::<Timestamp>() {
        return Some((seconds(stamp), seconds(stamp)));
    }
    if !upper.contains('T') {
        return day(upper.parse().ok()?);
    }
    let civil: civil::DateTime = upper.parse().ok()?;
    let at = seconds(civil.to_zoned(zone).ok()?.timestamp());
    Some((at, at))
}

fn seconds(stamp: Timestamp) -> f64 {
    stamp.as_microsecond() as f64 / 1e6
}
