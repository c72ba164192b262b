//! What is wrong with a schedule: the field, its value, and what would do.

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A field of a crontab cannot be read.
    #[error("`{value}` in the field `{field}`: {why}")]
    Field {
        /// `minute`, `hour`, `day_of_month`, `month_of_year`, `day_of_week`, `second`.
        field: &'static str,
        /// The part that was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A crontab has too few or too many fields.
    #[error(
        "`{text}` has {found} fields: a crontab has 5 (minute, hour, day of month, month, day of week), or 6 \
         with seconds in front"
    )]
    Fields {
        /// The whole text.
        text: String,
        /// How many there are.
        found: usize,
    },
    /// A crontab that no day matches.
    #[error("`{0}` is never due: no day matches")]
    Never(String),
    /// An interval of nothing, or less.
    #[error("an interval must be longer than zero")]
    ZeroInterval,
    /// A solar event that there is not.
    #[error(
        "`{0}` is no solar event; there are `dawn_astronomical`, `dawn_nautical`, `dawn_civil`, `sunrise`, \
         `solar_noon`, `sunset`, `dusk_civil`, `dusk_nautical`, `dusk_astronomical`"
    )]
    SolarEvent(String),
    /// A place that is not on Earth.
    #[error(
        "latitude {latitude}, longitude {longitude}: a latitude is from -90 to 90, a longitude from -180 to 180"
    )]
    Place {
        /// Degrees north.
        latitude: String,
        /// Degrees east.
        longitude: String,
    },
}
