//! Crontabs with Celery's meaning, right at every clock change.
//!
//! Kept true here, beyond what the fields say:
//!
//! * **Both** day fields must match, as in Celery: `0 0 13 * fri` is Friday the 13th.
//! * Where the hour is fixed (it is not `*`), a time that clocks skip is due as much later as they skip, and one
//!   that they repeat is due the first time: never skipped, never doubled.
//! * Where the hour is `*`, real time counts: `*/20 * * * *` is due every 20 minutes through the repeated hour.
//!
//! The crate `cron` says which civil times match; [`field`] writes Celery's fields for it, [`zone`] turns civil
//! times into instants.

mod field;
mod words;
mod zone;

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime as ChronoDateTime, Datelike, NaiveDate, Timelike, Utc};
use jiff::{Zoned, civil::DateTime};

use self::field::{Field, HOURS, Kind};
use super::{Schedule, ScheduleError};

/// A crontab. Celery: `crontab(…)` and `crontab.from_string`.
///
/// ```
/// use taskq_core::schedule::{Crontab, Schedule};
///
/// let daily: Crontab = "30 2 * * *".parse()?;
/// // On this night clocks go from 02:00 to 03:00.
/// let after: jiff::Zoned = "2026-03-28T12:00:00[Europe/Rome]".parse().unwrap();
/// assert_eq!(daily.next(&after).unwrap().to_string(), "2026-03-29T03:30:00+02:00[Europe/Rome]");
/// assert_eq!(daily.describe(), "at 02:30");
/// # Ok::<(), taskq_core::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Crontab {
    second: Field,
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month_of_year: Field,
    day_of_week: Field,
    matcher: cron::Schedule,
    words: String,
}

/// The fields of a crontab as texts, each `*` unless given: what Celery's `crontab(…)` takes.
///
/// ```
/// use taskq_core::schedule::{Crontab, CrontabFields};
///
/// let fields = CrontabFields { minute: "0".into(), hour: "22-4".into(), ..CrontabFields::default() };
/// assert_eq!(Crontab::new(&fields)?.to_string(), "0 22-4 * * *");
/// # Ok::<(), taskq_core::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrontabFields {
    /// 0 to 59. Celery has no seconds; default `0`.
    pub second: String,
    /// 0 to 59.
    pub minute: String,
    /// 0 to 23.
    pub hour: String,
    /// 1 to 31.
    pub day_of_month: String,
    /// 1 to 12, or English names.
    pub month_of_year: String,
    /// 0 (Sunday) to 6 (Saturday), or English names.
    pub day_of_week: String,
}

impl Default for CrontabFields {
    fn default() -> Self {
        let any = || "*".to_owned();
        Self {
            second: "0".to_owned(),
            minute: any(),
            hour: any(),
            day_of_month: any(),
            month_of_year: any(),
            day_of_week: any(),
        }
    }
}

/// Names for common crontabs, as most crons have them.
const NAMED: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl Crontab {
    /// Reads the fields.
    ///
    /// # Errors
    /// When a field cannot be read, or no day matches.
    pub fn new(fields: &CrontabFields) -> Result<Self, ScheduleError> {
        let second = Field::parse(Kind::Second, &fields.second)?;
        let minute = Field::parse(Kind::Minute, &fields.minute)?;
        let hour = Field::parse(Kind::Hour, &fields.hour)?;
        let day_of_month = Field::parse(Kind::DayOfMonth, &fields.day_of_month)?;
        let month_of_year = Field::parse(Kind::MonthOfYear, &fields.month_of_year)?;
        let day_of_week = Field::parse(Kind::DayOfWeek, &fields.day_of_week)?;
        let of_cron = [&second, &minute, &hour, &day_of_month, &month_of_year, &day_of_week];
        let of_cron = of_cron.map(|field| field.for_cron()).join(" ");
        let matcher = cron::Schedule::from_str(&of_cron).map_err(|error| ScheduleError::Field {
            field: Kind::Minute.name(),
            value: of_cron,
            why: error.to_string(),
        })?;
        let mut crontab = Self {
            second,
            minute,
            hour,
            day_of_month,
            month_of_year,
            day_of_week,
            matcher,
            words: String::new(),
        };
        if !crontab.has_a_day() {
            return Err(ScheduleError::Never(crontab.to_string()));
        }
        crontab.words = words::describe(&crontab);
        Ok(crontab)
    }

    /// Whether any month has one of the days: 30 February has none.
    fn has_a_day(&self) -> bool {
        let longest = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        self.month_of_year.values().any(|month| self.day_of_month.values().any(|day| day <= longest(month)))
    }

    /// Every hour matches, so that real time counts.
    fn every_hour(&self) -> bool {
        self.hour.len() == HOURS
    }

    /// The first civil time after `after` that matches.
    fn after(&self, after: DateTime) -> Option<DateTime> {
        from_chrono(self.matcher.after(&to_chrono(after)?).next()?)
    }
}

/// A civil time in the clothes of UTC: the crate `cron` asks for a zone, and this one has no changes.
fn to_chrono(time: DateTime) -> Option<ChronoDateTime<Utc>> {
    let part = |n: i8| u32::from(n.unsigned_abs());
    let day = NaiveDate::from_ymd_opt(time.year().into(), part(time.month()), part(time.day()))?;
    Some(day.and_hms_opt(part(time.hour()), part(time.minute()), part(time.second()))?.and_utc())
}

fn from_chrono(time: ChronoDateTime<Utc>) -> Option<DateTime> {
    let part = |n: u32| i8::try_from(n).ok();
    DateTime::new(
        i16::try_from(time.year()).ok()?,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    )
    .ok()
}

impl FromStr for Crontab {
    type Err = ScheduleError;

    /// Five fields (minute, hour, day of month, month, day of week), or six with seconds in front, or a name
    /// such as `@daily`.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let named = NAMED.iter().find(|(name, _)| *name == text.trim()).map(|(_, fields)| *fields);
        let parts: Vec<&str> = named.unwrap_or(text).split_whitespace().collect();
        let (second, parts) = match parts.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            five => ("0", five),
        };
        let [minute, hour, day_of_month, month_of_year, day_of_week] = parts else {
            return Err(ScheduleError::Fields { text: text.to_owned(), found: parts.len() });
        };
        Self::new(&CrontabFields {
            second: second.to_owned(),
            minute: (*minute).to_owned(),
            hour: (*hour).to_owned(),
            day_of_month: (*day_of_month).to_owned(),
            month_of_year: (*month_of_year).to_owned(),
            day_of_week: (*day_of_week).to_owned(),
        })
    }
}

/// As it was written; the seconds only when there are others than 0.
impl fmt::Display for Crontab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.second.text() != "0" {
            write!(f, "{} ", self.second.text())?;
        }
        let texts = [&self.minute, &self.hour, &self.day_of_month, &self.month_of_year, &self.day_of_week];
        f.write_str(&texts.map(Field::text).join(" "))
    }
}

impl PartialEq for Crontab {
    fn eq(&self, other: &Self) -> bool {
        self.matcher.timeunitspec_eq(&other.matcher)
    }
}

impl Schedule for Crontab {
    fn next(&self, after: &Zoned) -> Option<Zoned> {
        if self.every_hour() {
            zone::by_real_time(after, |time| self.after(time))
        } else {
            zone::by_civil_time(after, |time| self.after(time))
        }
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.words)
    }
}
