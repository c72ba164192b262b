//! Transport options: kombu's names where kombu has them.

use std::time::Duration;

use taskq_core::{
    broker::{BrokerError, BrokerErrorKind},
    codec::{Map, Value},
};

use crate::{sentinel::SentinelOptions, tls::TlsOptions};

/// In which order the queues of one priority step are looked at. kombu: `queue_order_strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueOrder {
    /// In turn, so that no queue starves.
    #[default]
    RoundRobin,
    /// As they are listed.
    Priority,
    /// By name.
    Sorted,
}

/// Options of the Redis broker. Celery: `broker_transport_options`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisOptions {
    /// Stands before every key and channel. kombu: `global_keyprefix`.
    pub key_prefix: String,
    /// Between a queue's name and its priority step. Default `\x06\x16`.
    pub sep: String,
    /// Priority steps, most urgent first. Default 0, 3, 6, 9.
    pub priority_steps: Vec<u8>,
    /// How long Python workers' unacknowledged messages are left alone. Default one hour. Our own messages are
    /// guarded by leases that are renewed; this never applies to them.
    pub visibility_timeout: Duration,
    /// How often Python's abandoned messages are looked for. Default 10 s.
    pub restore_interval: Duration,
    /// Also record what we hold in `unacked`, so that Python workers alone can restore it. Default false.
    pub mirror_unacked: bool,
    /// The hash of unacknowledged messages.
    pub unacked_key: String,
    /// Its index by time.
    pub unacked_index_key: String,
    /// The lock of whoever restores.
    pub unacked_mutex_key: String,
    /// Put the database number before fan-out channels; `Some(text)` is another prefix, `{db}` in it is the
    /// number. Default `/{db}.`.
    pub fanout_prefix: Option<String>,
    /// Put routing keys into fan-out channels. Default true.
    pub fanout_patterns: bool,
    /// See [`QueueOrder`].
    pub queue_order: QueueOrder,
    /// The longest wait for an answer. Default 2 s.
    pub socket_timeout: Duration,
    /// The longest wait for a connection. Default 2 s.
    pub connect_timeout: Duration,
    /// `CLIENT SETNAME`.
    pub client_name: Option<String>,
    /// See [`TlsOptions`].
    pub tls: TlsOptions,
    /// See [`SentinelOptions`].
    pub sentinel: SentinelOptions,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            key_prefix: String::new(),
            sep: "\u{6}\u{16}".to_owned(),
            priority_steps: vec![0, 3, 6, 9],
            visibility_timeout: Duration::from_secs(3600),
            restore_interval: Duration::from_secs(10),
            mirror_unacked: false,
            unacked_key: "unacked".to_owned(),
            unacked_index_key: "unacked_index".to_owned(),
            unacked_mutex_key: "unacked_mutex".to_owned(),
            fanout_prefix: Some("/{db}.".to_owned()),
            fanout_patterns: true,
            queue_order: QueueOrder::default(),
            socket_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
            client_name: None,
            tls: TlsOptions::default(),
            sentinel: SentinelOptions::default(),
        }
    }
}

/// The options that are read.
const OPTIONS: &[&str] = &[
    "global_keyprefix",
    "sep",
    "priority_steps",
    "visibility_timeout",
    "unacked_restore_interval",
    "mirror_unacked",
    "unacked_key",
    "unacked_index_key",
    "unacked_mutex_key",
    "fanout_prefix",
    "fanout_patterns",
    "queue_order_strategy",
    "socket_timeout",
    "socket_connect_timeout",
    "client_name",
    "master_name",
    "sentinel_kwargs",
];

/// How alike names must be for one to be suggested.
const ALIKE: f64 = 0.85;

/// The refusal of an option that is not known, with the one that was probably meant.
fn unknown(name: &str) -> String {
    let nearest = OPTIONS
        .iter()
        .chain(NO_EFFECT)
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("is not an option of the Redis transport; did you mean `{nearest}`?"),
        None => format!("is not an option of the Redis transport; there are `{}`", OPTIONS.join("`, `")),
    }
}

/// kombu's options that have no meaning here; accepted so that a Celery configuration loads.
const NO_EFFECT: &[&str] = &[
    "ack_emulation",
    "body_encoding",
    "deadletter_queue",
    "health_check_interval",
    "max_connections",
    "max_retries",
    "interval_start",
    "interval_step",
    "interval_max",
    "min_other_sentinels",
    "retry_on_timeout",
    "sentinel_fanout_compat",
    "socket_keepalive",
    "socket_keepalive_options",
    "unacked_mutex_expire",
    "unacked_restore_limit",
    "unacked_restore_throttle",
    "reauth_check_interval",
    "credential_provider",
    "confirm_publish",
];

impl RedisOptions {
    /// Reads Celery's `broker_transport_options`.
    ///
    /// # Errors
    /// Names an option that is not known or has the wrong type.
    pub fn from_map(map: &Map) -> Result<Self, BrokerError> {
        let mut options = Self::default();
        for (name, value) in map {
            options.set(name, value).map_err(|expected| {
                BrokerError::new(
                    BrokerErrorKind::Config,
                    format!("`broker_transport_options`: `{name}` {expected}"),
                )
            })?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| "must be a text".to_owned());
        let truth = || value.as_bool().ok_or_else(|| "must be true or false".to_owned());
        let seconds = || {
            value
                .as_f64()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .ok_or_else(|| "must be a number of seconds".to_owned())
        };
        match name {
            "global_keyprefix" => self.key_prefix = text()?,
            "sep" => self.sep = text()?,
            "priority_steps" => {
                let steps = value.as_list().unwrap_or_default();
                let steps: Option<Vec<u8>> =
                    steps.iter().map(|step| step.as_i64().and_then(|step| step.try_into().ok())).collect();
                self.priority_steps = steps
                    .filter(|steps| !steps.is_empty() && steps.is_sorted())
                    .ok_or("must be a sorted list of numbers from 0 to 255")?;
            }
            "visibility_timeout" => self.visibility_timeout = seconds()?,
            "unacked_restore_interval" => self.restore_interval = seconds()?.max(Duration::from_millis(100)),
            "mirror_unacked" => self.mirror_unacked = truth()?,
            "unacked_key" => self.unacked_key = text()?,
            "unacked_index_key" => self.unacked_index_key = text()?,
            "unacked_mutex_key" => self.unacked_mutex_key = text()?,
            "fanout_prefix" => {
                self.fanout_prefix = match value {
                    Value::Bool(true) => Some("/{db}.".to_owned()),
                    Value::Bool(false) => None,
                    _ => Some(text()?),
                }
            }
            "fanout_patterns" => self.fanout_patterns = truth()?,
            "queue_order_strategy" => {
                self.queue_order = match text()?.as_str() {
                    "round_robin" => QueueOrder::RoundRobin,
                    "priority" => QueueOrder::Priority,
                    "sorted" => QueueOrder::Sorted,
                    _ => return Err("must be `round_robin`, `priority` or `sorted`".to_owned()),
                }
            }
            "socket_timeout" => self.socket_timeout = seconds()?,
            "socket_connect_timeout" => self.connect_timeout = seconds()?,
            "client_name" => self.client_name = Some(text()?),
            "master_name" => self.sentinel.master_name = Some(text()?),
            "sentinel_kwargs" => self.sentinel.set_kwargs(value)?,
            _ if NO_EFFECT.contains(&name) => {}
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn celerys_names_are_read_and_others_refused() {
        let map: Map = [
            ("visibility_timeout".to_owned(), Value::Int(10)),
            ("priority_steps".to_owned(), Value::from(vec![0, 5])),
            ("global_keyprefix".to_owned(), Value::from("p:")),
            ("health_check_interval".to_owned(), Value::Int(25)),
        ]
        .into_iter()
        .collect();
        let options = RedisOptions::from_map(&map).unwrap();
        assert_eq!(options.visibility_timeout, Duration::from_secs(10));
        assert_eq!(options.priority_steps, [0, 5]);
        let wrong = |name: &str, value: Value| {
            RedisOptions::from_map(&[(name.to_owned(), value)].into_iter().collect()).unwrap_err().to_string()
        };
        assert!(wrong("visibility_timeot", Value::Int(1)).contains("`visibility_timeot` is not an option"));
        assert!(wrong("visibility_timeot", Value::Int(1)).contains("did you mean `visibility_timeout`?"));
        assert!(wrong("colour", Value::Int(1)).contains("there are `global_keyprefix`"));
        assert!(wrong("visibility_timeout", Value::from("x")).contains("must be a number of seconds"));
    }

    #[test]
    fn every_option_that_is_named_is_read() {
        for name in OPTIONS {
            let refused = RedisOptions::default().set(name, &Value::Null).err().unwrap_or_default();
            assert!(!refused.contains("not an option"), "{name}: {refused}");
        }
    }
}
