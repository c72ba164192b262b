//! Times and durations given on the command line.

use std::time::Duration;

use jiff::tz::TimeZone;
use taskq_core::{Timestamp, send::Expiry};

/// Seconds (`90`, `0.5`) or a text with units (`90s`, `5m`, `1h 30m`).
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write seconds, or units as in `90s`, `5m`, `1h 30m`");
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| wrong());
    }
    let signed: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    signed.try_into().map_err(|_| wrong())
}

/// ISO 8601 with an offset, or in the time of this machine.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    taskq_core::protocol::parse_timestamp(text.trim(), &TimeZone::system())
        .map_err(|_| format!("`{text}` is no time: write ISO 8601, such as `2030-01-02T03:04:05Z`"))
}

/// What [`duration`] or [`instant`] reads.
pub(crate) fn expiry(text: &str) -> Result<Expiry, String> {
    duration(text)
        .map(Expiry::After)
        .or_else(|_| instant(text).map(Expiry::At))
        .map_err(|_| format!("`{text}` is neither seconds (`90`, `5m`) nor a time (`2030-01-02T03:04:05Z`)"))
}

/// A duration as people write it, to about two digits: `18ms`, `2.5s`, `1h 30m`.
pub(crate) fn show(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{}ms", duration.as_millis()),
        1..10 if duration.subsec_millis() >= 100 => format!("{:.1}s", duration.as_secs_f64()),
        seconds => {
            let whole = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            format!("{whole:#}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("-3").is_err() && duration("soon").is_err());
        assert!(instant("2030-01-02T03:04:05+02:00").is_ok());
        assert!(matches!(expiry("10"), Ok(Expiry::After(_))));
        assert!(matches!(expiry("2030-01-02T00:00:00Z"), Ok(Expiry::At(_))));
        assert!(expiry("tomorrow").unwrap_err().contains("`tomorrow`"));
        assert_eq!(show(Duration::from_secs(5400)), "1h 30m");
        assert_eq!(show(Duration::from_micros(18_594)), "18ms");
        assert_eq!(show(Duration::from_millis(2_500)), "2.5s");
        assert_eq!(show(Duration::from_millis(12_345)), "12s");
    }
}
