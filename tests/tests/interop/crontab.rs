//! Celery's `crontab` and ours agree on what is due next.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{Timestamp, Zoned, tz::TimeZone};
use taskq::schedule::{Crontab, Schedule};
use taskq_tests::python;

const PATIENCE: Duration = Duration::from_secs(120);
const SEED: u64 = 5_7_0;
const EXPRESSIONS: usize = 10_000;

/// A random field: any, a step, a number, a range (also over the end), a range with a step, or a list of these.
fn field(random: &mut fastrand::Rng, least: u32, greatest: u32, names: &[&str]) -> String {
    let number = |random: &mut fastrand::Rng| {
        let number = random.u32(least..=greatest);
        match names.get((number - least) as usize) {
            Some(name) if random.bool() => (*name).to_owned(),
            _ => number.to_string(),
        }
    };
    let parts = if random.u8(0..4) == 0 { random.usize(2..=4) } else { 1 };
    let part = |random: &mut fastrand::Rng| match random.u8(0..8) {
        0..3 => "*".to_owned(),
        3 => format!("*/{}", random.u32(1..=greatest)),
        4 | 5 => number(random),
        6 => format!("{}-{}", number(random), number(random)),
        _ => format!("{}-{}/{}", number(random), number(random), random.u32(1..=7)),
    };
    (0..parts).map(|_| part(random)).collect::<Vec<_>>().join(",")
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "march", "apr", "may", "jun", "jul", "August", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "Monday", "tue", "wed", "thursday", "FRI", "sat"];

#[test]
fn celery_and_taskq_agree_on_ten_thousand_crontabs() {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut questions = String::new();
    let mut answers = Vec::with_capacity(EXPRESSIONS);
    let mut never = 0;
    for _ in 0..EXPRESSIONS {
        let text = [
            field(&mut random, 0, 59, &[]),
            field(&mut random, 0, 23, &[]),
            field(&mut random, 1, 31, &[]),
            field(&mut random, 1, 12, &MONTHS),
            field(&mut random, 0, 6, &DAYS),
        ]
        .join(" ");
        // 2000 to 2069, to the second.
        let after = Timestamp::from_second(random.i64(946_684_800..3_155_760_000)).expect("a time");
        let after: Zoned = after.to_zoned(TimeZone::UTC);
        writeln!(questions, "{text}|{}", after.strftime("%Y-%m-%dT%H:%M:%S+00:00")).expect("memory");
        let next = text.parse::<Crontab>().ok().and_then(|crontab| crontab.next(&after));
        never += usize::from(next.is_none());
        answers.push(
            next.map_or_else(
                || "never".to_owned(),
                |due| due.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            ),
        );
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("questions");
    std::fs::write(&file, &questions).expect("a file");
    let mut script = python::script("crontab_next.py");
    let celery = python::run(script.arg(&file), &dir.path().join("log"), PATIENCE);
    let celery: Vec<&str> = celery.lines().collect();
    assert_eq!(celery.len(), EXPRESSIONS, "{}", celery.last().unwrap_or(&"no answer"));
    let differ: Vec<String> = questions
        .lines()
        .zip(celery.iter().zip(&answers))
        .filter(|(_, (celery, ours))| *celery != ours)
        .map(|(question, (celery, ours))| format!("{question}: Celery {celery}, taskq {ours}"))
        .collect();
    assert!(differ.is_empty(), "{} differ (seed {SEED}):\n{}", differ.len(), differ.join("\n"));
    assert!(never < EXPRESSIONS / 20, "too few crontabs mean something: {never} never match");
}
