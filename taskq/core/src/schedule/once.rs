//! At one time, once.

use std::borrow::Cow;

use jiff::Zoned;

use super::Schedule;
use crate::Timestamp;

/// Due once, at an instant.
///
/// ```
/// use taskq_core::schedule::{Once, Schedule};
///
/// let once = Once::at("2026-03-01T10:00:00Z".parse().unwrap());
/// let before: jiff::Zoned = "2026-01-01T00:00:00[UTC]".parse().unwrap();
/// let due = once.next(&before).unwrap();
/// assert_eq!(due.to_string(), "2026-03-01T10:00:00+00:00[UTC]");
/// assert_eq!(once.next(&due), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once(Timestamp);

impl Once {
    /// Due at this instant.
    pub fn at(when: Timestamp) -> Self {
        Self(when)
    }

    /// The instant.
    pub fn when(&self) -> Timestamp {
        self.0
    }
}

impl Schedule for Once {
    fn next(&self, after: &Zoned) -> Option<Zoned> {
        (self.0 > after.timestamp()).then(|| self.0.to_zoned(after.time_zone().clone()))
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Owned(format!("once at {}", self.0))
    }
}
