//! A crontab in words.

use super::{Crontab, field::Field};

/// How many single values are listed before they are counted.
const LISTED: u32 = 8;

/// `every 5 minutes`, `at 04:00 on Monday`, `at minutes 0 and 30 past hours 9 to 17 on days 1 and 15 in March`.
pub(super) fn describe(crontab: &Crontab) -> String {
    let mut words = time(crontab);
    let days = &crontab.day_of_month;
    let week = &crontab.day_of_week;
    if !days.is_any() {
        words += &format!(" on day{} {} of the month", plural(days), list(days));
    }
    if !week.is_any() {
        words += if days.is_any() { " on " } else { " if it is " };
        words += &list(week);
    }
    if !crontab.month_of_year.is_any() {
        words += &format!(" in {}", list(&crontab.month_of_year));
    }
    words
}

fn time(crontab: &Crontab) -> String {
    let Crontab { second, minute, hour, .. } = crontab;
    let seconds = match second.text() {
        "0" => String::new(),
        _ if second.is_any() => return with_rest("every second", minute, hour),
        _ => format!(" at second{} {}", plural(second), list(second)),
    };
    let words = if minute.len() == 1 && hour.len() <= 4 && step(hour, 24).is_none() {
        let minute = minute.values().next().unwrap_or_default();
        let times = hour.values().map(|hour| format!("{hour:02}:{minute:02}"));
        format!("at {}", joined(times.collect()))
    } else if minute.is_any() {
        with_rest("every minute", minute, hour)
    } else if let Some(step) = step(minute, 60) {
        with_rest(&format!("every {step} minutes"), hour, hour)
    } else if minute.text() == "0" {
        match step(hour, 24) {
            _ if hour.is_any() => "every hour".to_owned(),
            Some(step) => format!("every {step} hours"),
            None => format!("every hour of {}", list(hour)),
        }
    } else {
        with_rest(&format!("at minute{} {}", plural(minute), list(minute)), hour, hour)
    };
    words + &seconds
}

/// Adds the limits that larger units set.
fn with_rest(words: &str, minute: &Field, hour: &Field) -> String {
    let mut words = words.to_owned();
    if !std::ptr::eq(minute, hour) && !minute.is_any() {
        words += &format!(" of minute{} {}", plural(minute), list(minute));
    }
    if !hour.is_any() {
        words += &format!(" past hour{} {}", plural(hour), list(hour));
    }
    words
}

/// The n of `*/n` where n divides the whole.
fn step(field: &Field, whole: u32) -> Option<u32> {
    let step = field.text().strip_prefix("*/")?.parse().ok()?;
    (step > 1 && whole.is_multiple_of(step)).then_some(step)
}

fn plural(field: &Field) -> &'static str {
    if field.len() == 1 { "" } else { "s" }
}

/// Runs of three and more as `1 to 5`, the rest one by one.
fn list(field: &Field) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in field.values() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let word = |value| field.word(value);
    let parts = runs.into_iter().flat_map(|(from, to)| match to - from {
        0 => vec![word(from)],
        1 => vec![word(from), word(to)],
        _ => vec![format!("{} to {}", word(from), word(to))],
    });
    let parts: Vec<String> = parts.collect();
    if parts.len() > LISTED as usize { field.text().to_owned() } else { joined(parts) }
}

fn joined(mut parts: Vec<String>) -> String {
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} and {last}", parts.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::schedule::{Crontab, Schedule};

    #[test]
    fn crontabs_are_told_in_words() {
        for (text, words) in [
            ("* * * * *", "every minute"),
            ("*/5 * * * *", "every 5 minutes"),
            ("*/5 9-17 * * mon-fri", "every 5 minutes past hours 9 to 17 on Monday to Friday"),
            ("0 * * * *", "every hour"),
            ("0 */6 * * *", "every 6 hours"),
            ("0 4 * * *", "at 04:00"),
            ("30 4,16 1 * *", "at 04:30 and 16:30 on day 1 of the month"),
            ("0 0 13 * fri", "at 00:00 on day 13 of the month if it is Friday"),
            ("0 22-4 * 1,12 *", "every hour of 0 to 4, 22 and 23 in January and December"),
            ("10,20 * * * *", "at minutes 10 and 20"),
            ("* * * * * *", "every second"),
            ("*/10 0 * * * *", "every hour at seconds 0, 10, 20, 30, 40 and 50"),
            ("*/7 * * * *", "at minutes */7"),
        ] {
            assert_eq!(text.parse::<Crontab>().unwrap().describe(), words, "{text}");
        }
    }
}
