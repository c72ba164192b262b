//! Python's `isoformat`: microseconds as six digits, or none when they are zero.

use jiff::{Timestamp, Zoned, civil, fmt::temporal::Pieces, tz::TimeZone};

/// Types that a Python `datetime` can be.
pub trait IsoFormat: Sized {
    /// The text Python's `isoformat` gives.
    fn isoformat(&self) -> String;

    /// Reads such a text, or any ISO 8601 one.
    ///
    /// # Errors
    /// When it is none, or has an offset and should not, or the reverse.
    fn parse_iso(text: &str) -> Result<Self, jiff::Error>;
}

impl IsoFormat for Timestamp {
    fn isoformat(&self) -> String {
        TimeZone::UTC.to_datetime(*self).isoformat() + "+00:00"
    }

    fn parse_iso(text: &str) -> Result<Self, jiff::Error> {
        text.parse()
    }
}

impl IsoFormat for Zoned {
    fn isoformat(&self) -> String {
        let offset = self.offset().seconds();
        let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        let (hours, minutes, seconds) = (offset / 3600, offset / 60 % 60, offset % 60);
        let seconds = if seconds == 0 { String::new() } else { format!(":{seconds:02}") };
        format!("{}{sign}{hours:02}:{minutes:02}{seconds}", self.datetime().isoformat())
    }

    fn parse_iso(text: &str) -> Result<Self, jiff::Error> {
        let pieces = Pieces::parse(text)?;
        let Some(offset) = pieces.to_numeric_offset() else {
            return Err(jiff::Error::from_args(format_args!("it has no offset from UTC")));
        };
        let time = pieces.time().unwrap_or_default();
        pieces.date().to_datetime(time).to_zoned(TimeZone::fixed(offset))
    }
}

impl IsoFormat for civil::DateTime {
    fn isoformat(&self) -> String {
        format!("{}T{}", self.date(), time(self.time()))
    }

    fn parse_iso(text: &str) -> Result<Self, jiff::Error> {
        let pieces = Pieces::parse(text)?;
        if pieces.offset().is_some() {
            return Err(jiff::Error::from_args(format_args!("it has an offset from UTC")));
        }
        Ok(pieces.date().to_datetime(pieces.time().unwrap_or_default()))
    }
}

/// `03:04:05.000006`
pub(super) fn time(time: civil::Time) -> String {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    match time.subsec_nanosecond() / 1000 {
        0 => format!("{hour:02}:{minute:02}:{second:02}"),
        micros => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
    }
}
