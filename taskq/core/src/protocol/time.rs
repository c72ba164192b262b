//! Times on the wire: what Python's `isoformat` writes and `fromisoformat` reads.

use jiff::{civil, fmt::temporal::DateTimeParser, tz::TimeZone};

use crate::Timestamp;

/// `2030-01-02T03:04:05.678901+00:00`: microseconds always, offset always.
pub fn format_timestamp(at: Timestamp) -> String {
    jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S.%6f+00:00", &at.to_zoned(TimeZone::UTC))
        .unwrap_or_else(|_| at.to_string())
}

/// Reads ISO 8601 with or without an offset (`Z` too); a naive time is in `zone`.
///
/// # Errors
/// A text saying what is wrong.
pub fn parse_timestamp(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    if let Ok(at) = PARSER.parse_timestamp(text) {
        return Ok(at);
    }
    let naive: civil::DateTime =
        PARSER.parse_datetime(text).map_err(|error| format!("`{text}` is no ISO 8601 time: {error}"))?;
    let zoned = naive.to_zoned(zone.clone()).map_err(|error| format!("`{text}` is out of range: {error}"))?;
    Ok(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_python_writes_and_reads_it_back() {
        let at: Timestamp = "2030-01-02T03:04:05.678901Z".parse().unwrap();
        assert_eq!(format_timestamp(at), "2030-01-02T03:04:05.678901+00:00");
        assert_eq!(parse_timestamp("2030-01-02T03:04:05.678901+00:00", &TimeZone::UTC), Ok(at));
        assert_eq!(parse_timestamp("2030-01-02T05:04:05.678901+02:00", &TimeZone::UTC), Ok(at));
    }

    #[test]
    fn naive_times_are_in_the_given_zone() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let at = parse_timestamp("2030-07-01T12:00:00", &rome).unwrap();
        assert_eq!(at.to_string(), "2030-07-01T10:00:00Z");
        assert!(parse_timestamp("tomorrow", &rome).is_err());
    }
}
