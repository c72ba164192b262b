//! Times on the wire: what Python's `isoformat` writes and `fromisoformat` reads.

use jiff::{
    fmt::temporal::Pieces,
    tz::{Offset, TimeZone},
};

use crate::Timestamp;

/// `2030-01-02T03:04:05.678901+00:00`: microseconds always, offset always.
pub fn format_timestamp(at: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(at);
    let (date, time) = (civil.date(), civil.time());
    let Ok(year) = u32::try_from(date.year()) else { return at.to_string() };
    let micros = time.subsec_nanosecond().unsigned_abs() / 1_000;
    let mut out = String::with_capacity(32);
    // By hand, because every result that is stored has one.
    let mut write = |number: u32, digits: u32, after: &str| {
        let digit = |place| char::from_digit(number / 10_u32.pow(place) % 10, 10).unwrap_or('0');
        out.extend((0..digits).rev().map(digit));
        out.push_str(after);
    };
    let two = |number: i8| u32::from(number.unsigned_abs());
    write(year, 4, "-");
    write(two(date.month()), 2, "-");
    write(two(date.day()), 2, "T");
    write(two(time.hour()), 2, ":");
    write(two(time.minute()), 2, ":");
    write(two(time.second()), 2, ".");
    write(micros, 6, "+00:00");
    out
}

/// Reads ISO 8601 with or without an offset (`Z` too); a naive time is in `zone`. Times that Python can tell and
/// we cannot, the last day of the year 9999, are the last instant.
///
/// # Errors
/// A text saying what is wrong.
pub fn parse_timestamp(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let pieces = Pieces::parse(text).map_err(|error| format!("`{text}` is no ISO 8601 time: {error}"))?;
    let naive = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let zone = pieces.to_numeric_offset().map_or_else(|| zone.clone(), TimeZone::fixed);
    let last = if naive.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Ok(naive.to_zoned(zone).map_or(last, |zoned| zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_python_writes_and_reads_it_back() {
        let at: Timestamp = "2030-01-02T03:04:05.678901Z".parse().unwrap();
        assert_eq!(format_timestamp(at), "2030-01-02T03:04:05.678901+00:00");
        assert_eq!(format_timestamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(format_timestamp(Timestamp::MAX), "9999-12-30T22:00:00.999999+00:00");
        let before: Timestamp = "0987-06-05T04:03:02.000001999Z".parse().unwrap();
        assert_eq!(format_timestamp(before), "0987-06-05T04:03:02.000001+00:00");
        assert_eq!(parse_timestamp("2030-01-02T03:04:05.678901+00:00", &TimeZone::UTC), Ok(at));
        assert_eq!(parse_timestamp("2030-01-02T05:04:05.678901+02:00", &TimeZone::UTC), Ok(at));
    }

    #[test]
    fn naive_times_are_in_the_given_zone() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let at = parse_timestamp("2030-07-01T12:00:00", &rome).unwrap();
        assert_eq!(at.to_string(), "2030-07-01T10:00:00Z");
        for wrong in ["tomorrow", "", "2030-13-01T00:00:00", "12:00"] {
            assert!(parse_timestamp(wrong, &rome).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_end_of_time_is_the_last_instant() {
        assert_eq!(parse_timestamp("9999-12-31T23:59:59.999999+00:00", &TimeZone::UTC), Ok(Timestamp::MAX));
        assert_eq!(parse_timestamp("9999-12-31T23:59:59", &TimeZone::UTC), Ok(Timestamp::MAX));
    }
}
