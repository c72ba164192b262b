//! Random crontabs around every change of the clock from 1970 to 2037, against references that try every time.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, civil::DateTime, tz::TimeZone};
use taskq_core::schedule::{Crontab, Schedule};

/// Zones whose clocks did something unusual: half hours, whole days, midnight changes, two hours, negative
/// summer time, offsets with seconds; and plain ones.
const ZONES: [&str; 18] = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Caracas",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Rome",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "UTC",
];
const SEED: u64 = 20_370_119;

/// A random crontab as its values and as its text.
struct Entry {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    text: String,
}

impl Entry {
    /// With one to four fixed hours, or every hour.
    fn random(random: &mut fastrand::Rng, fixed: bool) -> Self {
        let mut some = |most: usize, below: i8| -> BTreeSet<i8> {
            (0..random.usize(1..=most)).map(|_| random.i8(0..below)).collect()
        };
        let minutes = some(5, 60);
        let hours = if fixed { some(4, 24) } else { (0..24).collect() };
        let list = |set: &BTreeSet<i8>| set.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
        let hour_text = if fixed { list(&hours) } else { "*".to_owned() };
        let text = format!("{} {hour_text} * * *", list(&minutes));
        Self { minutes, hours, text }
    }

    fn matches(&self, time: DateTime) -> bool {
        self.minutes.contains(&time.minute()) && self.hours.contains(&time.hour()) && time.second() == 0
    }
}

/// All instants in a window at which the crontab is due, by asking again and again.
fn asked(entry: &Entry, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let crontab: Crontab = entry.text.parse().unwrap();
    let mut at: Zoned = from.to_zoned(zone.clone());
    let mut due = Vec::new();
    while let Some(next) = crontab.next(&at).filter(|next| next.timestamp() <= to) {
        assert!(next > at, "{}: {next} is not after {at}", entry.text);
        due.push(next.timestamp());
        at = next;
    }
    due
}

/// The instants of every matching civil time, one instant each.
fn every_civil_time(entry: &Entry, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut due = BTreeSet::new();
    let first = from.to_zoned(zone.clone()).date().checked_sub(2.days()).unwrap();
    let last = to.to_zoned(zone.clone()).date();
    for day in first.series(1.day()).take_while(|day| *day <= last) {
        for hour in &entry.hours {
            for minute in &entry.minutes {
                let civil = day.at(*hour, *minute, 0, 0);
                due.insert(zone.to_ambiguous_timestamp(civil).compatible().unwrap());
            }
        }
    }
    due.into_iter().filter(|due| *due > from && *due <= to).collect()
}

/// Every second that may be the start of a minute somewhere, whose civil time matches.
fn every_instant(entry: &Entry, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    // Offsets are whole minutes, but for one of half a minute until 1972.
    let step = SignedDuration::from_secs(30);
    let mut due = Vec::new();
    let mut at = from;
    while at < to {
        at += step;
        if entry.matches(zone.to_datetime(at)) {
            due.push(at);
        }
    }
    due
}

fn around_every_change(
    fixed: bool,
    window: SignedDuration,
    reference: impl Fn(&Entry, &TimeZone, Timestamp, Timestamp) -> Vec<Timestamp>,
) -> usize {
    let mut random = fastrand::Rng::with_seed(SEED);
    let end: Timestamp = "2038-01-01T00:00:00Z".parse().unwrap();
    let mut changes = 0;
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let start: Timestamp = "1970-01-01T00:00:00Z".parse().unwrap();
        let found = zone.following(start).map(|change| change.timestamp()).take_while(|at| *at < end);
        let mut at: Vec<Timestamp> = found.collect();
        // Zones without a change are looked at too.
        at.push("2026-06-01T00:00:00Z".parse().unwrap());
        for change in at {
            changes += 1;
            // Whole minutes and others to ask from.
            let from = change - window + SignedDuration::from_secs(30 * random.i64(0..10));
            let to = change + window;
            let entry = Entry::random(&mut random, fixed);
            let expected = reference(&entry, &zone, from, to);
            let due = asked(&entry, &zone, from, to);
            assert_eq!(due, expected, "`{}` in {name} around {change} (seed {SEED})", entry.text);
        }
    }
    changes
}

#[test]
fn fixed_hours_are_never_skipped_and_never_doubled() {
    let changes = around_every_change(true, SignedDuration::from_hours(49), every_civil_time);
    assert!(changes > 1_000, "only {changes} changes were looked at");
}

#[test]
fn every_hour_goes_by_real_time() {
    let changes = around_every_change(false, SignedDuration::from_hours(5), every_instant);
    assert!(changes > 1_000, "only {changes} changes were looked at");
}
