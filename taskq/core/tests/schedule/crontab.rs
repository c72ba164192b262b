//! What crontabs do at the changes that hurt, one by one, and what is refused.

use jiff::Zoned;
use taskq_core::schedule::{Crontab, Schedule};

/// The next due times after an instant.
fn next(crontab: &str, after: &str, count: usize) -> Vec<String> {
    let crontab: Crontab = crontab.parse().unwrap();
    let after: Zoned = after.parse().unwrap();
    let mut due = Vec::new();
    let mut at = after;
    while due.len() < count
        && let Some(next) = crontab.next(&at)
    {
        due.push(next.strftime("%m-%d %H:%M:%S%z").to_string());
        at = next;
    }
    due
}

#[test]
fn a_daily_time_that_clocks_skip_is_due_once_and_later() {
    let due = next("30 2 * * *", "2026-03-28T12:00:00[Europe/Rome]", 2);
    assert_eq!(due, ["03-29 03:30:00+0200", "03-30 02:30:00+0200"]);
    // Asked at the very change.
    assert_eq!(next("30 2 * * *", "2026-03-29T03:00:00[Europe/Rome]", 1), ["03-29 03:30:00+0200"]);
    // Two entries of one crontab that fall together are due once.
    let due = next("30 2,3 * * *", "2026-03-28T12:00:00[Europe/Rome]", 2);
    assert_eq!(due, ["03-29 03:30:00+0200", "03-30 02:30:00+0200"]);
}

#[test]
fn a_daily_time_that_comes_twice_is_due_the_first_time() {
    let due = next("30 2 * * *", "2026-10-24T12:00:00[Europe/Rome]", 2);
    assert_eq!(due, ["10-25 02:30:00+0200", "10-26 02:30:00+0100"]);
}

#[test]
fn minutes_of_every_hour_keep_to_real_time() {
    let due = next("*/20 * * * *", "2026-10-25T02:40:00+02:00[Europe/Rome]", 4);
    assert_eq!(
        due,
        ["10-25 02:00:00+0100", "10-25 02:20:00+0100", "10-25 02:40:00+0100", "10-25 03:00:00+0100"]
    );
    let due = next("15 * * * *", "2026-03-29T01:15:00[Europe/Rome]", 2);
    assert_eq!(due, ["03-29 03:15:00+0200", "03-29 04:15:00+0200"]);
}

#[test]
fn a_day_that_a_country_left_out_does_not_lose_its_run() {
    let due = next("0 12 * * *", "2011-12-29T12:00:00[Pacific/Apia]", 2);
    assert_eq!(due, ["12-31 12:00:00+1400", "01-01 12:00:00+1400"]);
}

#[test]
fn both_day_fields_must_match() {
    assert_eq!(
        next("0 0 13 * fri", "2026-01-01T00:00:00[UTC]", 3),
        ["02-13 00:00:00+0000", "03-13 00:00:00+0000", "11-13 00:00:00+0000"]
    );
}

#[test]
fn seconds_may_stand_in_front() {
    assert_eq!(
        next("*/30 59 23 * * *", "2026-01-01T00:00:00[UTC]", 3),
        ["01-01 23:59:00+0000", "01-01 23:59:30+0000", "01-02 23:59:00+0000"]
    );
}

#[test]
fn leap_days_and_names_are_known() {
    assert_eq!(next("0 0 29 feb *", "2026-01-01T00:00:00[UTC]", 1), ["02-29 00:00:00+0000"]);
    assert_eq!(next("@monthly", "2026-01-01T00:00:00[UTC]", 1), ["02-01 00:00:00+0000"]);
}

#[test]
fn what_can_never_be_is_refused() {
    let error = |text: &str| text.parse::<Crontab>().unwrap_err().to_string();
    assert_eq!(error("0 0 30 2 *"), "`0 0 30 2 *` is never due: no day matches");
    assert!(error("0 0 31 4,6 *").contains("never due"));
    assert!(error("0 0 *").contains("has 3 fields"));
    assert!(error("0 0 * * * * *").contains("has 7 fields"));
    assert!(error("0 0 * * * * *").contains("seconds in front"));
    assert!(error("61 0 * * *").contains("`minute`"));
}
