//! Sunrise, sunset and their kin at a place.
//!
//! Kept true here: an event that does not happen on a day (the midnight sun has no sunset) is looked for on the
//! days after it, for a year; what never happens at a place is never due. The crate `sunrise` knows the sun; its
//! answers are good to about a minute.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::NaiveDate;
use jiff::{ToSpan, Zoned, civil::Date};
use sunrise::{Coordinates, DawnType, SolarDay};

use super::{Schedule, ScheduleError};
use crate::Timestamp;

/// How many days ahead an event is looked for. Celery's `max_search_days`.
const DAYS: usize = 366;

/// Celery's nine solar events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SolarEvent {
    /// The sun is 18 degrees below the horizon and rises.
    DawnAstronomical,
    /// 12 degrees below.
    DawnNautical,
    /// 6 degrees below.
    DawnCivil,
    /// The upper edge of the sun appears.
    Sunrise,
    /// The sun is highest.
    SolarNoon,
    /// The upper edge of the sun disappears.
    Sunset,
    /// The sun is 6 degrees below the horizon and sets.
    DuskCivil,
    /// 12 degrees below.
    DuskNautical,
    /// 18 degrees below.
    DuskAstronomical,
}

impl SolarEvent {
    /// All of them, in the order of a day.
    pub const ALL: [Self; 9] = [
        Self::DawnAstronomical,
        Self::DawnNautical,
        Self::DawnCivil,
        Self::Sunrise,
        Self::SolarNoon,
        Self::Sunset,
        Self::DuskCivil,
        Self::DuskNautical,
        Self::DuskAstronomical,
    ];

    /// Celery's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DawnAstronomical => "dawn_astronomical",
            Self::DawnNautical => "dawn_nautical",
            Self::DawnCivil => "dawn_civil",
            Self::Sunrise => "sunrise",
            Self::SolarNoon => "solar_noon",
            Self::Sunset => "sunset",
            Self::DuskCivil => "dusk_civil",
            Self::DuskNautical => "dusk_nautical",
            Self::DuskAstronomical => "dusk_astronomical",
        }
    }
}

impl FromStr for SolarEvent {
    type Err = ScheduleError;

    fn from_str(name: &str) -> Result<Self, ScheduleError> {
        let known = Self::ALL.into_iter().find(|event| event.name() == name);
        known.ok_or_else(|| ScheduleError::SolarEvent(name.to_owned()))
    }
}

impl fmt::Display for SolarEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A solar event at a place, every day that has it. Celery: `solar(event, lat, lon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solar {
    event: SolarEvent,
    place: Coordinates,
}

impl Solar {
    /// An event at a place: degrees north, degrees east.
    ///
    /// # Errors
    /// When the place is not on Earth.
    pub fn new(event: SolarEvent, latitude: f64, longitude: f64) -> Result<Self, ScheduleError> {
        match Coordinates::new(latitude, longitude) {
            Some(place) => Ok(Self { event, place }),
            None => {
                Err(ScheduleError::Place { latitude: latitude.to_string(), longitude: longitude.to_string() })
            }
        }
    }

    /// The event.
    pub fn event(&self) -> SolarEvent {
        self.event
    }

    /// Degrees north.
    pub fn latitude(&self) -> f64 {
        self.place.lat()
    }

    /// Degrees east.
    pub fn longitude(&self) -> f64 {
        self.place.lon()
    }

    fn on(&self, day: Date) -> Option<Timestamp> {
        let date = NaiveDate::from_ymd_opt(
            day.year().into(),
            day.month().unsigned_abs().into(),
            day.day().unsigned_abs().into(),
        )?;
        let event = match self.event {
            SolarEvent::SolarNoon => return solar_noon(day, self.place.lon()),
            SolarEvent::DawnAstronomical => sunrise::SolarEvent::Dawn(DawnType::Astronomical),
            SolarEvent::DawnNautical => sunrise::SolarEvent::Dawn(DawnType::Nautical),
            SolarEvent::DawnCivil => sunrise::SolarEvent::Dawn(DawnType::Civil),
            SolarEvent::Sunrise => sunrise::SolarEvent::Sunrise,
            SolarEvent::Sunset => sunrise::SolarEvent::Sunset,
            SolarEvent::DuskCivil => sunrise::SolarEvent::Dusk(DawnType::Civil),
            SolarEvent::DuskNautical => sunrise::SolarEvent::Dusk(DawnType::Nautical),
            SolarEvent::DuskAstronomical => sunrise::SolarEvent::Dusk(DawnType::Astronomical),
        };
        let time = SolarDay::new(self.place, date).event_time(event)?;
        Timestamp::from_second(time.timestamp()).ok()
    }
}

/// Mean noon of the longitude, less the equation of time: how far the sun runs before the clock on that day.
fn solar_noon(day: Date, longitude: f64) -> Option<Timestamp> {
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    // Days since noon of 1 January 2000, from which the sun's mean elements are counted.
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let days = (midnight - 946_728_000) as f64 / 86_400.0 + 0.5 - longitude / 360.0;
    let anomaly = (357.5291 + 0.985_600_28 * days).to_radians();
    let center = 1.9148 * anomaly.sin() + 0.02 * (2.0 * anomaly).sin() + 0.0003 * (3.0 * anomaly).sin();
    let longitude_of_sun = (anomaly.to_degrees() + center + 180.0 + 102.9372).to_radians();
    let early = 0.0053 * anomaly.sin() - 0.0069 * (2.0 * longitude_of_sun).sin();
    #[allow(clippy::cast_possible_truncation)] // seconds of one day
    let seconds = ((0.5 - longitude / 360.0 + early) * 86_400.0).round() as i64;
    Timestamp::from_second(midnight + seconds).ok()
}

impl Schedule for Solar {
    fn next(&self, after: &Zoned) -> Option<Zoned> {
        let utc = after.with_time_zone(jiff::tz::TimeZone::UTC).date();
        // A day at the place begins up to half a day from the one at Greenwich.
        let first = utc.checked_sub(1.day()).ok()?;
        first
            .series(1.day())
            .take(DAYS + 2)
            .filter_map(|day| self.on(day))
            .find(|due| *due > after.timestamp())
            .map(|due| due.to_zoned(after.time_zone().clone()))
    }

    fn describe(&self) -> Cow<'_, str> {
        let name = self.event.name().replace('_', " ");
        Cow::Owned(format!("at {name} at latitude {}, longitude {}", self.place.lat(), self.place.lon()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(event: &str, place: (f64, f64), after: &str) -> Option<String> {
        let solar = Solar::new(event.parse().unwrap(), place.0, place.1).unwrap();
        let due = solar.next(&after.parse().unwrap())?;
        Some(due.strftime("%Y-%m-%d %H:%M").to_string())
    }

    const GREENWICH: (f64, f64) = (51.48, 0.0);
    const TROMSO: (f64, f64) = (69.65, 18.96);

    #[test]
    fn a_day_has_its_events_in_order() {
        let mut last = "2026-03-20T00:00:00[UTC]".parse::<Zoned>().unwrap();
        for event in SolarEvent::ALL {
            let due = Solar::new(event, GREENWICH.0, GREENWICH.1).unwrap().next(&last).unwrap();
            assert!(due > last && due.date() == last.date(), "{event}: {due} after {last}");
            last = due;
        }
    }

    /// What PyEphem, which Celery asks, says with Celery's settings.
    #[test]
    fn times_are_within_two_minutes_of_ephem() {
        const SYDNEY: (f64, f64) = (-33.87, 151.21);
        const NEW_YORK: (f64, f64) = (40.71, -74.0);
        for (event, (latitude, longitude), day, expected) in [
            ("dawn_civil", GREENWICH, "2026-03-20", "2026-03-20T05:29:40Z"),
            ("sunrise", GREENWICH, "2026-03-20", "2026-03-20T06:02:53Z"),
            ("sunset", GREENWICH, "2026-06-21", "2026-06-21T20:20:51Z"),
            ("solar_noon", GREENWICH, "2026-11-03", "2026-11-03T11:43:33Z"),
            ("dusk_nautical", GREENWICH, "2026-11-03", "2026-11-03T17:44:28Z"),
            ("dawn_astronomical", SYDNEY, "2026-06-21", "2026-06-21T19:30:43Z"),
            ("sunrise", SYDNEY, "2026-11-03", "2026-11-03T18:52:20Z"),
            ("solar_noon", SYDNEY, "2026-03-20", "2026-03-20T02:02:43Z"),
            ("sunset", SYDNEY, "2026-06-21", "2026-06-21T06:53:47Z"),
            ("dawn_astronomical", NEW_YORK, "2026-06-21", "2026-06-21T07:18:31Z"),
            ("sunset", NEW_YORK, "2026-06-21", "2026-06-21T00:30:28Z"),
            ("solar_noon", NEW_YORK, "2026-03-20", "2026-03-20T17:03:22Z"),
            ("dusk_nautical", NEW_YORK, "2026-03-20", "2026-03-20T00:06:23Z"),
        ] {
            let start: Zoned = format!("{day}T00:00:00[UTC]").parse().unwrap();
            let due = Solar::new(event.parse().unwrap(), latitude, longitude).unwrap().next(&start).unwrap();
            let off = due.timestamp().duration_since(expected.parse().unwrap()).as_secs();
            assert!(off.abs() <= 120, "{event} at {latitude}: {due} is {off} s off {expected}");
        }
    }

    #[test]
    fn the_midnight_sun_has_no_sunset_for_weeks() {
        let due = next("sunset", TROMSO, "2026-06-01T00:00:00[Europe/Oslo]").unwrap();
        assert!(due.as_str() > "2026-07-15" && due.as_str() < "2026-08-01", "{due}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!("noon".parse::<SolarEvent>().unwrap_err().to_string().contains("`solar_noon`"));
        assert!(Solar::new(SolarEvent::Sunrise, 91.0, 0.0).unwrap_err().to_string().contains("91"));
        assert!(Solar::new(SolarEvent::Sunrise, 0.0, f64::NAN).is_err());
    }

    #[test]
    fn the_poles_do_not_stop_it() {
        for latitude in [90.0, -90.0, 89.999] {
            for event in SolarEvent::ALL {
                let solar = Solar::new(event, latitude, 180.0).unwrap();
                let start = "2026-01-01T00:00:00[UTC]".parse().unwrap();
                assert!(solar.next(&start).is_none_or(|due| due > start), "{event} at {latitude}");
            }
        }
    }
}
