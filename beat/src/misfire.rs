//! Which due times of the past are still to be sent.
//!
//! Kept true here: the work does not grow with how long nobody looked; the answer is in order; what a beat that
//! took over must send is always in it.

use std::time::Duration;

use jiff::{SignedDuration, tz::TimeZone};
use taskq_core::{
    Timestamp,
    schedule::{CatchUp, Entry, EntryState, TAKEOVER, Timing},
};

/// The most due times of one entry that are sent at once; the others come with the next look.
const BURST: usize = 1_000;
/// How far back the last due time is looked for, step by step.
const BACK: [i64; 6] = [60, 3_600, 86_400, 31 * 86_400, 366 * 86_400, 9 * 366 * 86_400];

/// What the due times of an entry count from: the last that was dealt with, else when it was first seen.
pub(crate) fn base(entry: &Entry, state: &EntryState, now: Timestamp) -> Timestamp {
    let base = state.last_due.or(state.since).unwrap_or(now);
    // The clock was put back. A calendar waits until it is there again; an interval goes on.
    match &entry.timing {
        Timing::Every(interval) if base > later(now, interval.every()) => now,
        _ => base,
    }
}

/// The due times until `now` that are still to be sent, oldest first.
pub(crate) fn to_send(
    entry: &Entry,
    state: &EntryState,
    now: Timestamp,
    zone: &TimeZone,
    deadline: Option<Duration>,
) -> Vec<Timestamp> {
    let base = base(entry, state, now);
    let window = match entry.catch_up {
        CatchUp::All { within } => within.max(TAKEOVER),
        CatchUp::None | CatchUp::Last => TAKEOVER,
    };
    let from = earlier(now, window);
    let next = |after| entry.next_due(after, zone).map(|due| due.timestamp());
    let mut due = Vec::new();
    let mut at = if base >= from { base } else { just_before(entry, base, from) };
    while due.len() < BURST
        && let Some(next) = next(at).filter(|next| *next <= now)
    {
        due.push(next);
        at = next;
    }
    if due.is_empty() && entry.catch_up == CatchUp::Last {
        let last = last_until(entry, base, now, zone);
        let in_time = |last: &Timestamp| deadline.is_none_or(|most| *last >= earlier(now, most));
        due.extend(last.filter(in_time));
    }
    due
}

/// A place from which the next due time is the first one not before `from`.
fn just_before(entry: &Entry, base: Timestamp, from: Timestamp) -> Timestamp {
    match &entry.timing {
        // Keeps the rhythm.
        Timing::Every(interval)
            if !interval.is_relative() && entry.start.is_none_or(|start| start <= base) =>
        {
            let every = interval.every().as_nanos();
            let passed = u128::try_from(from.duration_since(base).as_nanos()).unwrap_or(0);
            let rest = u64::try_from(passed % every).unwrap_or(0);
            earlier(from, Duration::from_nanos(rest.max(1)))
        }
        _ => earlier(from, Duration::from_nanos(1)),
    }
}

/// The last due time after `base` and until `now`.
fn last_until(entry: &Entry, base: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let next = |after| entry.next_due(after, zone).map(|due| due.timestamp()).filter(|due| *due <= now);
    let rhythm = matches!(&entry.timing, Timing::Every(interval) if !interval.is_relative());
    let from = if rhythm {
        let Timing::Every(interval) = &entry.timing else { return None };
        just_before(entry, base, earlier(now, interval.every()))
    } else {
        let starts = BACK.iter().filter_map(|back| now.checked_sub(SignedDuration::from_secs(*back)).ok());
        starts.chain([base]).map(|start| start.max(base)).find(|start| next(*start).is_some())?
    };
    let mut last = next(from.max(base))?;
    while let Some(due) = next(last) {
        last = due;
    }
    Some(last)
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use taskq_core::{
        args,
        canvas::Signature,
        schedule::{Crontab, Interval, Once},
    };

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    fn entry(timing: impl Into<Timing>) -> Entry {
        Entry::new("e", timing, Signature::by_name("t", args![]))
    }

    fn every(seconds: u64) -> Entry {
        entry(Interval::new(Duration::from_secs(seconds)).unwrap())
    }

    fn cron(text: &str) -> Entry {
        entry(text.parse::<Crontab>().unwrap())
    }

    /// What is sent at `now` when the last due time was `last`.
    fn sent(entry: &Entry, last: &str, now: &str) -> Vec<String> {
        let state = EntryState { last_due: Some(at(last)), ..EntryState::default() };
        let due = to_send(entry, &state, at(now), &TimeZone::UTC, None);
        due.into_iter().map(|due| due.strftime("%H:%M:%S%.f").to_string()).collect()
    }

    #[test]
    fn what_is_due_is_sent_and_nothing_else() {
        assert_eq!(sent(&every(10), "10:00:00", "10:00:09"), [""; 0]);
        assert_eq!(sent(&every(10), "10:00:00", "10:00:10"), ["10:00:10"]);
        assert_eq!(sent(&cron("*/5 * * * *"), "10:00:00", "10:05:00"), ["10:05:00"]);
    }

    #[test]
    fn a_beat_that_takes_over_sends_all_that_fell_between() {
        assert_eq!(sent(&every(1), "10:00:00", "10:00:04"), ["10:00:01", "10:00:02", "10:00:03", "10:00:04"]);
        let mut none = every(2);
        none.catch_up = CatchUp::None;
        assert_eq!(sent(&none, "10:00:00", "10:00:05"), ["10:00:02", "10:00:04"]);
    }

    #[test]
    fn after_a_long_time_the_policy_decides_and_the_rhythm_is_kept() {
        let mut entry = every(7);
        assert_eq!(sent(&entry, "10:00:00", "11:00:00"), ["10:59:51", "10:59:58"]);
        assert_eq!(sent(&every(3_000), "10:00:00", "12:00:00"), ["11:40:00"]);
        entry.catch_up = CatchUp::All { within: Duration::from_secs(30) };
        assert_eq!(sent(&entry, "10:00:00", "10:10:00"), ["10:09:34", "10:09:41", "10:09:48", "10:09:55"]);
    }

    #[test]
    fn the_last_missed_time_of_a_calendar_is_found_however_long_ago() {
        let daily = cron("0 4 * * *");
        assert_eq!(sent(&daily, "03:00:00", "09:00:00"), ["04:00:00"]);
        let mut yearly = cron("0 4 1 3 *");
        yearly.catch_up = CatchUp::Last;
        let state =
            EntryState { last_due: Some("2020-03-01T04:00:00Z".parse().unwrap()), ..EntryState::default() };
        let due = to_send(&yearly, &state, at("03:00:00"), &TimeZone::UTC, None);
        assert_eq!(due, ["2025-03-01T04:00:00Z".parse().unwrap()]);
        let strict = Some(Duration::from_secs(3_600));
        assert!(to_send(&yearly, &state, at("03:00:00"), &TimeZone::UTC, strict).is_empty());
        yearly.catch_up = CatchUp::None;
        assert!(to_send(&yearly, &state, at("03:00:00"), &TimeZone::UTC, None).is_empty());
    }

    #[test]
    fn a_clock_that_was_put_back_neither_doubles_nor_silences() {
        // The calendar has had 04:00 already.
        assert!(sent(&cron("0 4 * * *"), "04:00:00", "03:30:00").is_empty());
        // An interval counts from now.
        let state = EntryState { last_due: Some(at("11:00:00")), ..EntryState::default() };
        assert_eq!(base(&every(10), &state, at("10:00:00")), at("10:00:00"));
    }

    #[test]
    fn a_single_time_is_sent_once_also_when_nobody_was_there() {
        let once = entry(Once::at(at("10:00:00")));
        assert_eq!(sent(&once, "09:00:00", "12:00:00"), ["10:00:00"]);
        assert!(sent(&once, "10:00:00", "12:00:00").is_empty());
    }

    #[test]
    fn many_missed_times_come_in_bursts() {
        let mut entry = every(1);
        entry.catch_up = CatchUp::All { within: Duration::from_secs(86_400) };
        let due = sent(&entry, "00:00:00", "10:00:00");
        assert_eq!((due.len(), due[0].as_str()), (BURST, "00:00:01"));
    }
}
