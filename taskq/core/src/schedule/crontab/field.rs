//! One field of a crontab, in Celery's grammar.
//!
//! ```text
//! field  = part ("," part)*
//! part   = ("*" | number | number "-" number) ("/" step)?       a step not after a single number
//! number = digits | English name of a month or day, or its first three letters
//! ```
//!
//! A range whose end lies before its start goes on over the end of the field: `22-4` is 22, 23, 0 to 4, and
//! `fri-mon` is Friday to Monday. Steps count from the start of the range.

use super::ScheduleError;

/// How many values the hour has.
pub(super) const HOURS: u32 = 24;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// Which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    MonthOfYear,
    DayOfWeek,
}

impl Kind {
    /// Celery's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day_of_month",
            Self::MonthOfYear => "month_of_year",
            Self::DayOfWeek => "day_of_week",
        }
    }

    /// The least and the greatest value.
    fn bounds(self) -> (u32, u32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, HOURS - 1),
            Self::DayOfMonth => (1, 31),
            Self::MonthOfYear => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::MonthOfYear => &MONTHS,
            Self::DayOfWeek => &DAYS,
            _ => &[],
        }
    }
}

/// A field: its text and the values it stands for.
#[derive(Clone, Debug)]
pub(super) struct Field {
    kind: Kind,
    text: String,
    /// Bit n is value n.
    values: u64,
}

impl Field {
    pub(super) fn parse(kind: Kind, text: &str) -> Result<Self, ScheduleError> {
        let mut values = 0;
        for part in text.split(',') {
            let wrong =
                |why: String| ScheduleError::Field { field: kind.name(), value: part.to_owned(), why };
            values |= parse_part(kind, part.trim()).map_err(wrong)?;
        }
        Ok(Self { kind, text: text.to_owned(), values })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its values in order.
    pub(super) fn values(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        (0..64).filter(|n| self.values & (1 << n) != 0)
    }

    /// How many values.
    pub(super) fn len(&self) -> u32 {
        self.values.count_ones()
    }

    /// Whether it matches always.
    pub(super) fn is_any(&self) -> bool {
        let (least, greatest) = self.kind.bounds();
        self.len() == greatest - least + 1
    }

    /// As the crate `cron` writes it. Its weekday numbers begin with 1, so days go by name.
    pub(super) fn for_cron(&self) -> String {
        if self.is_any() {
            return "*".to_owned();
        }
        let name = |n: u32| match self.kind {
            Kind::DayOfWeek => DAYS[n as usize][..3].to_owned(),
            _ => n.to_string(),
        };
        self.values().map(name).collect::<Vec<_>>().join(",")
    }

    /// A value as people say it: `Monday`, `March`, `5`.
    pub(super) fn word(&self, value: u32) -> String {
        let name = match self.kind {
            Kind::MonthOfYear => MONTHS[value as usize - 1],
            Kind::DayOfWeek => DAYS[value as usize],
            _ => return value.to_string(),
        };
        name[..1].to_uppercase() + &name[1..]
    }
}

fn parse_part(kind: Kind, part: &str) -> Result<u64, String> {
    if part.is_empty() {
        return Err("a value is missing".to_owned());
    }
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(parse_step(step)?)),
        None => (part, None),
    };
    let (least, greatest) = kind.bounds();
    let (from, to) = match (range, range.split_once('-')) {
        ("*", _) => (least, greatest),
        (_, Some((from, to))) => (parse_number(kind, from)?, parse_number(kind, to)?),
        (one, None) => {
            let one = parse_number(kind, one)?;
            if let Some(step) = step {
                return Err(format!("a step needs a range: write `{one}-{greatest}/{step}`"));
            }
            (one, one)
        }
    };
    let size = greatest - least + 1;
    let count = if from <= to { to - from } else { to + size - from };
    let every = step.unwrap_or(1);
    let value = |n: u32| least + (from - least + n) % size;
    Ok((0..=count).step_by(every).fold(0, |bits, n| bits | 1_u64 << value(n)))
}

fn parse_step(step: &str) -> Result<usize, String> {
    match step.parse() {
        Ok(0) => Err("a step of 0 leads nowhere".to_owned()),
        Ok(step) => Ok(step),
        Err(_) => Err(format!("`{step}` is no step: a whole number is expected after `/`")),
    }
}

fn parse_number(kind: Kind, text: &str) -> Result<u32, String> {
    let (least, greatest) = kind.bounds();
    if let Ok(number) = text.parse::<u32>() {
        return match number {
            7 if kind == Kind::DayOfWeek => {
                Err("the days of a week are 0 (Sunday) to 6 (Saturday): write `0` for Sunday".to_owned())
            }
            n if n < least || n > greatest => Err(format!("values are {least} to {greatest}")),
            n => Ok(n),
        };
    }
    let lower = text.to_ascii_lowercase();
    let named = kind.names().iter().position(|name| *name == lower || name[..3] == *lower);
    match named {
        Some(index) => Ok(least + u32::try_from(index).unwrap_or_default()),
        None if kind.names().is_empty() => {
            Err(format!("`{text}` is not a number from {least} to {greatest}"))
        }
        None => Err(format!(
            "`{text}` is neither a number from {least} to {greatest} nor an English name such as `{}`",
            &kind.names()[1][..3]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kind: Kind, text: &str) -> Vec<u32> {
        Field::parse(kind, text).unwrap().values().collect()
    }

    fn error(kind: Kind, text: &str) -> String {
        Field::parse(kind, text).unwrap_err().to_string()
    }

    #[test]
    fn the_grammar_is_celery_s() {
        assert_eq!(values(Kind::Minute, "*/15"), [0, 15, 30, 45]);
        assert_eq!(values(Kind::DayOfMonth, "*/10"), [1, 11, 21, 31]);
        assert_eq!(values(Kind::MonthOfYear, "2-12/2"), [2, 4, 6, 8, 10, 12]);
        assert_eq!(values(Kind::Hour, "22-4"), [0, 1, 2, 3, 4, 22, 23]);
        assert_eq!(values(Kind::Hour, "20-4/3"), [2, 20, 23]);
        assert_eq!(values(Kind::DayOfWeek, "fri-mon"), [0, 1, 5, 6]);
        assert_eq!(values(Kind::DayOfWeek, "Monday,thu"), [1, 4]);
        assert_eq!(values(Kind::MonthOfYear, "dec-FEBRUARY"), [1, 2, 12]);
        assert_eq!(values(Kind::Minute, "3-5,*/30, 59"), [0, 3, 4, 5, 30, 59]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(error(Kind::Hour, "24"), "`24` in the field `hour`: values are 0 to 23");
        assert!(error(Kind::DayOfWeek, "7").contains("write `0` for Sunday"));
        assert!(error(Kind::Minute, "5/10").contains("write `5-59/10`"));
        assert!(error(Kind::Minute, "*/0").contains("leads nowhere"));
        assert!(error(Kind::Minute, "1,,2").contains("a value is missing"));
        assert!(error(Kind::MonthOfYear, "mon").contains("`feb`"));
        for text in ["", "-1", "1-", "*-5", "*/", "*/x", "a", "1-2-3", "+"] {
            assert!(Field::parse(Kind::Minute, text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_crate_cron_gets_names_of_days() {
        assert_eq!(Field::parse(Kind::DayOfWeek, "sun,2").unwrap().for_cron(), "sun,tue");
        assert_eq!(Field::parse(Kind::DayOfWeek, "0-6").unwrap().for_cron(), "*");
    }
}
