//! What a priority means where Celery's numbers run the other way.

/// What the number of a priority means on Redis. Setting: `redis_priority`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedisPriority {
    /// 9 first, as on every other broker: 9 is written as kombu's 0.
    #[default]
    HigherFirst,
    /// 0 first: the number stands on the wire as it is given, as in Celery.
    Celery,
}

impl RedisPriority {
    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "higher_first" => Some(Self::HigherFirst),
            "celery" => Some(Self::Celery),
            _ => None,
        }
    }

    /// The name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HigherFirst => "higher_first",
            Self::Celery => "celery",
        }
    }
}
