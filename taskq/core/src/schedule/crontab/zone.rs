//! From matching civil times to instants, across changes of the clock.
//!
//! Kept true by both rules: the answer is after what was asked after, and asking again after each answer visits
//! every due time, none twice.

use jiff::{
    SignedDuration, ToSpan, Zoned,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use crate::Timestamp;

/// No clock change is longer: Samoa left out a whole day.
const LONGEST_CHANGE: SignedDuration = SignedDuration::from_hours(25);

/// Each matching civil time once. One that is skipped is as much later as clocks skip, one that comes twice is
/// the first: RFC 5545's rule, jiff's "compatible".
pub(super) fn by_civil_time(after: &Zoned, matching: impl Fn(DateTime) -> Option<DateTime>) -> Option<Zoned> {
    let zone = after.time_zone();
    let mut at = after.datetime();
    // Shortly after a change, skipped times from before it may still be due.
    if changed_within(zone, after.timestamp(), LONGEST_CHANGE) {
        at = at.checked_sub(1.day()).ok()?;
    }
    let mut first: Option<Zoned> = None;
    loop {
        // A skipped time is due later than some that follow it, so those are looked at as well.
        at = match (matching(at), &first) {
            (Some(next), Some(first)) if next >= first.datetime() => break,
            (Some(next), _) => next,
            (None, _) => break,
        };
        let ambiguous = zone.to_ambiguous_timestamp(at);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let due = ambiguous.compatible().ok()?.to_zoned(zone.clone());
        if due > *after && first.as_ref().is_none_or(|first| due < *first) {
            first = Some(due);
            if !skipped {
                break;
            }
        }
    }
    first
}

/// Every instant whose civil time matches: between two changes of the clock, civil time is real time.
pub(super) fn by_real_time(after: &Zoned, matching: impl Fn(DateTime) -> Option<DateTime>) -> Option<Zoned> {
    let zone = after.time_zone();
    let mut from = after.timestamp();
    let mut at = after.datetime();
    loop {
        let offset = zone.to_offset(from);
        let change = zone.following(from).next().map(|change| change.timestamp());
        let due = matching(at).and_then(|due| offset.to_timestamp(due).ok());
        match (due, change) {
            (Some(due), Some(change)) if due >= change => from = change,
            (Some(due), _) => return Some(due.to_zoned(zone.clone())),
            // Far beyond all calendars.
            (None, _) => return None,
        }
        // The instant of the change itself may match.
        at = zone.to_offset(from).to_datetime(from).checked_sub(1.second()).ok()?;
    }
}

fn changed_within(zone: &TimeZone, at: Timestamp, within: SignedDuration) -> bool {
    // A change at this very instant counts.
    let now = at.checked_add(1.nanosecond()).unwrap_or(at);
    zone.preceding(now).next().is_some_and(|change| at.duration_since(change.timestamp()) <= within)
}
