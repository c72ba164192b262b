//! The options of a task, const-built by the macro.

use std::{fmt, time::Duration};

use super::Failure;
use crate::{codec::Serializer, protocol::DeliveryMode};

/// Options of a task. `None` means "as the settings say"; names and defaults are Celery's unless a line says
/// otherwise.
#[derive(Clone, Copy, Debug)]
pub struct TaskOptions {
    /// Queue it is sent to. Default: routing, then `task_default_queue`.
    pub queue: Option<&'static str>,
    /// Exchange it is sent to.
    pub exchange: Option<&'static str>,
    /// Routing key it is sent with.
    pub routing_key: Option<&'static str>,
    /// Priority, 0 to 9.
    pub priority: Option<u8>,
    /// Persistent or transient.
    pub delivery_mode: Option<DeliveryMode>,
    /// Body format. Default `task_serializer`.
    pub serializer: Option<Serializer>,
    /// Body compression: `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`.
    pub compression: Option<&'static str>,
    /// Default expiry, from the time of the call.
    pub expires: Option<Duration>,
    /// Retries at most; `None` is no limit. Default 3.
    pub max_retries: Option<u32>,
    /// Delay of a retry that names none. Default 180 s.
    pub default_retry_delay: Duration,
    /// Factor of exponential backoff: `retry_backoff` alone is 1 s.
    pub retry_backoff: Option<Duration>,
    /// Longest backoff. Default 600 s.
    pub retry_backoff_max: Duration,
    /// Full jitter: a uniform pick between 0 and the backoff. Default true.
    pub retry_jitter: bool,
    /// Which failures are retried by themselves (`autoretry_for` minus `dont_autoretry_for`). `None`: all, if
    /// `retry_backoff` is given, else none. Bad arguments never are.
    pub retry_on: Option<fn(&Failure) -> bool>,
    /// Which failures are expected: stored, but logged without alarm.
    pub throws: Option<fn(&Failure) -> bool>,
    /// At most so many starts per time, by each worker or by all.
    pub rate_limit: Option<RateLimit>,
    /// Whose starts the rate limit counts. Default: each worker's own, as Celery.
    pub rate_limit_scope: RateScope,
    /// The parameter whose value is limited: each value has a rate of its own. Goes with [`RateScope::Cluster`].
    pub rate_limit_key: Option<&'static str>,
    /// At most so many runs of it at once in each worker; others of its queue go past those that wait. Default:
    /// as many as the worker has slots.
    pub max_concurrency: Option<u32>,
    /// Hard limit: the run is ended.
    pub time_limit: Option<Duration>,
    /// Soft limit: the run is told.
    pub soft_time_limit: Option<Duration>,
    /// Store no result.
    pub ignore_result: Option<bool>,
    /// Store errors although results are ignored.
    pub store_errors_even_if_ignored: Option<bool>,
    /// Store results of eager runs.
    pub store_eager_result: Option<bool>,
    /// Record what the task sends as its children. Default true.
    pub trail: bool,
    /// Emit task events. Default true.
    pub send_events: bool,
    /// Store STARTED.
    pub track_started: Option<bool>,
    /// Acknowledge after the run. taskq's default is true, Celery's false (setting `task_acks_late`).
    pub acks_late: Option<bool>,
    /// Acknowledge a late-acked task that failed. Default true.
    pub acks_on_failure: Option<bool>,
    /// Acknowledge a late-acked task that hit its hard limit. Default true.
    pub acks_on_timeout: Option<bool>,
    /// Requeue when the process that ran it died.
    pub reject_on_worker_lost: Option<bool>,
    /// Retry (with the retry budget) when the process that ran it died.
    pub retry_on_worker_lost: Option<bool>,
    /// Longest result text in logs and events, in characters. Default 1024.
    pub resultrepr_maxsize: usize,
    /// Sent by beat every so often, without arguments. Celery: an entry of `beat_schedule`.
    pub every: Option<Duration>,
    /// Sent by beat by this crontab, without arguments.
    pub cron: Option<&'static str>,
    /// Zone of the crontab. Default: the setting `timezone`.
    pub tz: Option<&'static str>,
}

impl TaskOptions {
    /// Every default.
    pub const DEFAULT: Self = Self {
        queue: None,
        exchange: None,
        routing_key: None,
        priority: None,
        delivery_mode: None,
        serializer: None,
        compression: None,
        expires: None,
        max_retries: Some(3),
        default_retry_delay: Duration::from_secs(180),
        retry_backoff: None,
        retry_backoff_max: Duration::from_secs(600),
        retry_jitter: true,
        retry_on: None,
        throws: None,
        rate_limit: None,
        rate_limit_scope: RateScope::Worker,
        rate_limit_key: None,
        max_concurrency: None,
        time_limit: None,
        soft_time_limit: None,
        ignore_result: None,
        store_errors_even_if_ignored: None,
        store_eager_result: None,
        trail: true,
        send_events: true,
        track_started: None,
        acks_late: None,
        acks_on_failure: None,
        acks_on_timeout: None,
        reject_on_worker_lost: None,
        retry_on_worker_lost: None,
        resultrepr_maxsize: 1024,
        every: None,
        cron: None,
        tz: None,
    };
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whose starts a rate limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateScope {
    /// Those of each worker by itself.
    #[default]
    Worker,
    /// Those of all workers together.
    Cluster,
}

/// So many starts per time: `"10/s"`, `"100/m"`, `"2/h"`, or a plain number per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// How many.
    pub count: f64,
    /// In how long.
    pub per: Duration,
}

impl RateLimit {
    /// `count` starts in `per`.
    pub const fn new(count: f64, per: Duration) -> Self {
        Self { count, per }
    }

    /// The mean time between two starts.
    pub fn interval(&self) -> Duration {
        self.per.div_f64(self.count)
    }
}

impl std::str::FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no rate: write a number, or `10/s`, `100/m`, `2/h`");
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let per = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let count: f64 = count.trim().parse().map_err(|_| wrong())?;
        if !(count.is_finite() && count > 0.0) {
            return Err(wrong());
        }
        Ok(Self { count, per: Duration::from_secs(per) })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3600 => "h",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.count)
    }
}
