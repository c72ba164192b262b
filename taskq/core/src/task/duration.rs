//! What reads as a duration in calls and retries.

use std::time::Duration;

/// What reads as a duration: `std`'s, jiff's signed one and its spans (`3.secs()`); negative ones are zero.
pub trait IntoDuration {
    /// The duration.
    fn into_duration(self) -> Duration;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Duration {
        self
    }
}

impl IntoDuration for jiff::SignedDuration {
    fn into_duration(self) -> Duration {
        Duration::try_from(self).unwrap_or(Duration::ZERO)
    }
}

impl IntoDuration for jiff::Span {
    fn into_duration(self) -> Duration {
        // Spans with calendar units need a date; days are taken as 24 hours, as Celery's timedelta does.
        self.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_or(Duration::ZERO, IntoDuration::into_duration)
    }
}
