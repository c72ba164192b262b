//! The schedules that can be written down, and how they are written.

use std::{sync::Arc, time::Duration};

use jiff::Zoned;

use super::{Crontab, CrontabFields, Interval, Once, Schedule, Solar};
use crate::{
    codec::{Map, Value},
    config::Kind,
    protocol::parse_timestamp,
};

/// A schedule as an entry has it: one of those that can be stored, or one of your own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Timing {
    /// Every so often.
    Every(Interval),
    /// By a crontab.
    Crontab(Box<Crontab>),
    /// By the sun.
    Solar(Solar),
    /// Once.
    Once(Once),
    /// Your own; cannot be stored, so it must come from code.
    Custom(Arc<dyn Schedule>),
}

impl Timing {
    /// The schedule.
    pub fn schedule(&self) -> &dyn Schedule {
        match self {
            Self::Every(interval) => interval,
            Self::Crontab(crontab) => crontab.as_ref(),
            Self::Solar(solar) => solar,
            Self::Once(once) => once,
            Self::Custom(custom) => custom.as_ref(),
        }
    }

    /// Due after `after`; see [`Schedule::next`].
    pub fn next(&self, after: &Zoned) -> Option<Zoned> {
        self.schedule().next(after)
    }

    /// Counts from its last run, not from a calendar: after the clock was put back it goes on from now.
    pub fn is_interval(&self) -> bool {
        matches!(self, Self::Every(_))
    }

    /// As Celery's `beat_schedule` would have it, in JSON; `None` for one of your own.
    pub fn to_value(&self) -> Option<Value> {
        let map =
            |name: &str, value: Value| Value::Map([(name.to_owned(), value)].into_iter().collect::<Map>());
        Some(match self {
            Self::Every(interval) => {
                let mut fields = Map::default();
                fields.insert("every".to_owned(), interval.every().to_value());
                if interval.is_relative() {
                    fields.insert("relative".to_owned(), Value::Bool(true));
                }
                Value::Map(fields)
            }
            Self::Crontab(crontab) => map("crontab", Value::Str(crontab.to_string())),
            Self::Solar(solar) => {
                let mut fields = Map::default();
                fields.insert("event".to_owned(), Value::Str(solar.event().name().to_owned()));
                fields.insert("lat".to_owned(), Value::Float(solar.latitude()));
                fields.insert("lon".to_owned(), Value::Float(solar.longitude()));
                map("solar", Value::Map(fields))
            }
            Self::Once(once) => map("at", Value::Str(once.when().to_string())),
            Self::Custom(_) => return None,
        })
    }

    /// Reads what [`to_value`](Self::to_value) writes, and the short forms that people write: seconds, `30s`,
    /// `0 4 * * *`.
    ///
    /// # Errors
    /// What is wrong, to follow the entry's name.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Int(_) | Value::Float(_) => every(value, false),
            Value::Str(text) if Duration::from_value(value).is_ok() && !text.contains(' ') => {
                every(value, false)
            }
            Value::Str(text) => crontab(text).or_else(|error| every(value, false).map_err(|_| error)),
            Value::Map(map) => Self::from_map(map),
            _ => Err(FORMS.to_owned()),
        }
    }

    fn from_map(map: &Map) -> Result<Self, String> {
        let known = ["every", "relative", "crontab", "solar", "at"];
        if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`{unknown}` is not known in `schedule`; {FORMS}"));
        }
        let relative = match map.get("relative") {
            None => false,
            Some(value) => bool::from_value(value).map_err(|why| format!("`relative`: expected {why}"))?,
        };
        let kinds: Vec<&str> =
            ["every", "crontab", "solar", "at"].into_iter().filter(|key| map.contains_key(*key)).collect();
        match kinds.as_slice() {
            ["every"] => every(&map["every"], relative),
            ["crontab"] => match &map["crontab"] {
                Value::Str(text) => crontab(text),
                Value::Map(fields) => crontab_of_fields(fields),
                _ => Err("`crontab`: expected a text such as `0 4 * * *`, or a map of fields".to_owned()),
            },
            ["solar"] => solar(&map["solar"]),
            ["at"] => once(&map["at"]),
            _ => Err(FORMS.to_owned()),
        }
    }
}

/// What may stand there.
const FORMS: &str = "a schedule is seconds, a text such as `30s` or `0 4 * * *`, or one of `every`, `crontab`, \
                     `solar` and `at`";

fn every(value: &Value, relative: bool) -> Result<Timing, String> {
    let every =
        Duration::from_value(value).map_err(|_| format!("`every`: expected {}", Duration::expected()))?;
    let interval = Interval::new(every).map_err(|error| format!("`every`: {error}"))?;
    Ok(Timing::Every(if relative { interval.relative() } else { interval }))
}

fn crontab(text: &str) -> Result<Timing, String> {
    text.parse::<Crontab>().map(Timing::from).map_err(|error| format!("`crontab`: {error}"))
}

fn crontab_of_fields(map: &Map) -> Result<Timing, String> {
    let mut fields = CrontabFields::default();
    for (name, value) in map {
        let field = match name.as_str() {
            "second" => &mut fields.second,
            "minute" => &mut fields.minute,
            "hour" => &mut fields.hour,
            "day_of_month" => &mut fields.day_of_month,
            "month_of_year" => &mut fields.month_of_year,
            "day_of_week" => &mut fields.day_of_week,
            _ => {
                return Err(format!(
                    "`crontab`: `{name}` is no field; there are `second`, `minute`, `hour`, `day_of_month`, \
                     `month_of_year`, `day_of_week`"
                ));
            }
        };
        *field = match value {
            Value::Str(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            // Celery takes sets and lists of numbers as well.
            Value::List(numbers) if numbers.iter().all(|number| number.as_i64().is_some()) => {
                numbers.iter().filter_map(Value::as_i64).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
            }
            _ => return Err(format!("`crontab`: `{name}` must be a text, a number or a list of numbers")),
        };
    }
    Crontab::new(&fields).map(Timing::from).map_err(|error| format!("`crontab`: {error}"))
}

fn solar(value: &Value) -> Result<Timing, String> {
    let Value::Map(map) = value else {
        return Err("`solar`: expected a map with `event`, `lat` and `lon`".to_owned());
    };
    if let Some(unknown) = map.keys().find(|key| !["event", "lat", "lon"].contains(&key.as_str())) {
        return Err(format!("`solar`: `{unknown}` is not known; there are `event`, `lat` and `lon`"));
    }
    let degrees = |name: &str| {
        let degrees = map.get(name).and_then(Value::as_f64);
        degrees.ok_or_else(|| format!("`solar`: `{name}` must be degrees, a number"))
    };
    let (latitude, longitude) = (degrees("lat")?, degrees("lon")?);
    let event = map.get("event").and_then(Value::as_str).unwrap_or_default();
    let solar = event.parse().and_then(|event| Solar::new(event, latitude, longitude));
    solar.map(Timing::Solar).map_err(|error| format!("`solar`: {error}"))
}

fn once(value: &Value) -> Result<Timing, String> {
    let at = value.text().and_then(|text| parse_timestamp(text, &jiff::tz::TimeZone::UTC).ok());
    at.map(|at| Timing::Once(Once::at(at)))
        .ok_or_else(|| "`at`: expected a time such as `2026-03-01T10:00:00Z`".to_owned())
}

impl PartialEq for Timing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every(a), Self::Every(b)) => a == b,
            (Self::Crontab(a), Self::Crontab(b)) => a == b,
            (Self::Solar(a), Self::Solar(b)) => a == b,
            (Self::Once(a), Self::Once(b)) => a == b,
            (Self::Custom(a), Self::Custom(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl From<Interval> for Timing {
    fn from(interval: Interval) -> Self {
        Self::Every(interval)
    }
}

impl From<Crontab> for Timing {
    fn from(crontab: Crontab) -> Self {
        Self::Crontab(Box::new(crontab))
    }
}

impl From<Solar> for Timing {
    fn from(solar: Solar) -> Self {
        Self::Solar(solar)
    }
}

impl From<Once> for Timing {
    fn from(once: Once) -> Self {
        Self::Once(once)
    }
}

impl From<Arc<dyn Schedule>> for Timing {
    fn from(custom: Arc<dyn Schedule>) -> Self {
        Self::Custom(custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    fn read(text: &str) -> Result<Timing, String> {
        Timing::from_value(&json::from_slice(text.as_bytes()).unwrap())
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for (text, words) in [
            ("30", "every 30 seconds"),
            ("1.5", "every 1.5 seconds"),
            (r#""30s""#, "every 30 seconds"),
            (r#""1h 30m""#, "every 1 hour 30 minutes"),
            (r#""0 4 * * *""#, "at 04:00"),
            (r#"{"every": 60, "relative": true}"#, "every 1 minute"),
            (r#"{"crontab": {"minute": "*/5"}}"#, "every 5 minutes"),
            (r#"{"crontab": {"minute": 0, "hour": [4, 16]}}"#, "at 04:00 and 16:00"),
            (r#"{"crontab": "0 4 * * mon"}"#, "at 04:00 on Monday"),
            (
                r#"{"solar": {"event": "sunset", "lat": 41.9, "lon": 12.5}}"#,
                "at sunset at latitude 41.9, longitude 12.5",
            ),
            (r#"{"at": "2026-03-01T10:00:00Z"}"#, "once at 2026-03-01T10:00:00Z"),
        ] {
            let timing = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(timing.schedule().describe(), words, "{text}");
            assert_eq!(Timing::from_value(&timing.to_value().unwrap()).unwrap(), timing, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("0", "longer than zero"),
            ("-1", "`every`"),
            (r#""0 25 * * *""#, "`hour`"),
            (r#""soon""#, "`crontab`"),
            (r#"{"every": 1, "at": "x"}"#, "a schedule is"),
            (r#"{"evry": 1}"#, "`evry`"),
            (r#"{"crontab": {"day": 1}}"#, "`day_of_month`"),
            (r#"{"solar": {"event": "noon", "lat": 1, "lon": 1}}"#, "`solar_noon`"),
            (r#"{"solar": {"event": "sunset", "lat": 1}}"#, "`lon` must be"),
            (r#"{"at": "tomorrow"}"#, "`at`"),
            ("true", "a schedule is"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
