//! How a failed publish is repeated.

use std::time::Duration;

use crate::{
    codec::{Map, Value},
    config::Settings,
};

/// How a failed publish is repeated: pauses that grow by a step, within the deadline of the publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Repetitions at most; `None`: until the deadline.
    pub max_retries: Option<u32>,
    /// Pause before the first repetition.
    pub interval_start: Duration,
    /// What each further pause is longer by.
    pub interval_step: Duration,
    /// Longest pause.
    pub interval_max: Duration,
}

impl Default for RetryPolicy {
    /// Celery's: three times, after 0 s, 0.2 s and 0.4 s.
    fn default() -> Self {
        Self {
            max_retries: Some(3),
            interval_start: Duration::ZERO,
            interval_step: Duration::from_millis(200),
            interval_max: Duration::from_secs(1),
        }
    }
}

impl RetryPolicy {
    /// No repetition.
    pub const NEVER: Self = Self {
        max_retries: Some(0),
        interval_start: Duration::ZERO,
        interval_step: Duration::ZERO,
        interval_max: Duration::ZERO,
    };

    /// Reads Celery's map; what it does not say has its default.
    pub fn from_map(map: &Map) -> Self {
        let mut policy = Self::default();
        let seconds = |name: &str| {
            map.get(name).and_then(Value::as_f64).and_then(|s| Duration::try_from_secs_f64(s).ok())
        };
        match map.get("max_retries") {
            Some(Value::Null) => policy.max_retries = None,
            Some(value) => {
                policy.max_retries =
                    value.as_i64().and_then(|n| u32::try_from(n).ok()).or(policy.max_retries);
            }
            None => {}
        }
        policy.interval_start = seconds("interval_start").unwrap_or(policy.interval_start);
        policy.interval_step = seconds("interval_step").unwrap_or(policy.interval_step);
        policy.interval_max = seconds("interval_max").unwrap_or(policy.interval_max);
        policy
    }

    /// Celery's map of it.
    pub fn to_map(self) -> Map {
        let seconds = |duration: Duration| Value::Float(duration.as_secs_f64());
        [
            ("max_retries".to_owned(), self.max_retries.map_or(Value::Null, |n| Value::Int(n.into()))),
            ("interval_start".to_owned(), seconds(self.interval_start)),
            ("interval_step".to_owned(), seconds(self.interval_step)),
            ("interval_max".to_owned(), seconds(self.interval_max)),
        ]
        .into_iter()
        .collect()
    }

    /// The policy of the settings.
    pub(crate) fn of(settings: &Settings) -> Self {
        if settings.task_publish_retry {
            Self::from_map(&settings.task_publish_retry_policy)
        } else {
            Self::NEVER
        }
    }

    /// The pause before repetition `n` (the first is 0); `None` when there is none.
    pub fn pause(&self, n: u32) -> Option<Duration> {
        if self.max_retries.is_some_and(|max| n >= max) {
            return None;
        }
        Some(self.interval_start.saturating_add(self.interval_step.saturating_mul(n)).min(self.interval_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (0..4).map(|n| policy.pause(n).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(0), Some(200), Some(400), None]);
        assert_eq!(RetryPolicy::NEVER.pause(0), None);
        let endless = RetryPolicy { max_retries: None, ..policy };
        assert_eq!(endless.pause(1000), Some(Duration::from_secs(1)));
    }
}
