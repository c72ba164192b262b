//! What can be told wrong only when all settings are known, and what follows from them.

use std::{fmt, time::Duration};

use jiff::tz::TimeZone;

use super::{SETTINGS, Setting, Settings, Source, Urls, load::Sources, url::is_secret_name};
use crate::{
    Error,
    codec::{Map, Value},
};

const COMPRESSIONS: &[&str] = &["zlib", "gzip", "bzip2", "bzip", "lzma", "xz", "brotli", "zstd", "zstandard"];

/// Fills in what follows from other settings.
pub(super) fn complete(settings: &mut Settings) {
    if settings.source("broker_url").is_none()
        && let Some(url) = address_in_parts(settings)
    {
        settings.broker_url = url;
    }
    if settings.result_expires == Some(Duration::ZERO) {
        settings.result_expires = None;
    }
    if settings.broker_connection_max_retries == Some(0) {
        settings.broker_connection_max_retries = None;
    }
    if settings.broker_heartbeat == Some(Duration::ZERO) {
        settings.broker_heartbeat = None;
    }
}

fn address_in_parts(settings: &Settings) -> Option<Urls> {
    let host = settings.broker_host.as_deref()?;
    let scheme = settings.broker_transport.as_deref().unwrap_or("amqp");
    let login = match (&settings.broker_user, &settings.broker_password) {
        (None, None) => String::new(),
        (user, password) => {
            let user = user.as_deref().unwrap_or_default();
            format!("{user}:{}@", password.as_deref().unwrap_or_default())
        }
    };
    let port = settings.broker_port.map(|port| format!(":{port}")).unwrap_or_default();
    let vhost = settings.broker_vhost.as_deref().unwrap_or("/");
    Urls::parse(&format!("{scheme}://{login}{host}{port}/{vhost}")).ok()
}

/// Values that have the right type and cannot work: name and what is wrong.
pub(super) fn problems(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut refuse = |name, wrong: bool, what: &str| {
        if wrong {
            found.push((name, what.to_owned()));
        }
    };
    let outside = |value: Option<u32>, most| value.is_some_and(|value| value > most);
    let compression = |name: &Option<String>| {
        name.as_deref().is_some_and(|name| !COMPRESSIONS.contains(&name) && !name.starts_with("application/"))
    };
    let queue_type = |kind: &str| kind != "classic" && kind != "quorum";
    refuse("publish_timeout", settings.publish_timeout.is_zero(), "is 0: a publish needs some time");
    refuse("lease", settings.lease < Duration::from_secs(1), "is below 1 s: it could not be renewed in time");
    refuse("max_body_size", settings.max_body_size < 1024, "is below 1024 bytes");
    refuse("task_default_priority", outside(settings.task_default_priority, 9), "is outside 0 to 9");
    refuse("task_queue_max_priority", outside(settings.task_queue_max_priority, 255), "is outside 0 to 255");
    refuse("task_default_queue", settings.task_default_queue.is_empty(), "is empty");
    for (name, value) in [
        ("task_compression", &settings.task_compression),
        ("result_compression", &settings.result_compression),
    ] {
        refuse(name, compression(value), "is none of `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`");
    }
    for (name, value) in [
        ("task_default_queue_type", &settings.task_default_queue_type),
        ("task_create_missing_queue_type", &settings.task_create_missing_queue_type),
        ("broker_native_delayed_delivery_queue_type", &settings.broker_native_delayed_delivery_queue_type),
    ] {
        refuse(name, queue_type(value), "is neither `classic` nor `quorum`");
    }
    let limits = (settings.task_soft_time_limit, settings.task_time_limit);
    let never = matches!(limits, (Some(soft), Some(hard)) if soft >= hard);
    refuse("task_soft_time_limit", never, "is not below `task_time_limit`: it would never strike");
    refuse("accept_content", settings.accept_content.is_empty(), "is empty: no message could be read");
    let strategy = settings.broker_failover_strategy.as_deref();
    let unknown = strategy.is_some_and(|name| !matches!(name, "round-robin" | "shuffle"));
    refuse("broker_failover_strategy", unknown, "is neither `round-robin` nor `shuffle`");
    found
}

impl Settings {
    /// The settings of a map, as a program in another language may hand them over; everything else has its
    /// default. Unknown names are put into the notices, not refused.
    ///
    /// # Errors
    /// As [`Sources::load`].
    pub fn from_map(map: Map) -> Result<Self, Error> {
        Sources::none().set_all(map).lenient().load()
    }

    /// Whether there is a setting of that name.
    pub fn knows(name: &str) -> bool {
        SETTINGS.iter().any(|setting| setting.name == name)
    }

    /// Who set it; `None`: it has its default.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.origins.sources.get(name)
    }

    /// What is worth one line at start: settings that were given and do nothing here.
    pub fn notices(&self) -> Vec<String> {
        let mut names = self.origins.without_meaning.clone();
        names.sort();
        names.dedup();
        match names.as_slice() {
            [] => Vec::new(),
            names => vec![format!("these settings have no effect in taskq: `{}`", names.join("`, `"))],
        }
    }

    /// The zone of schedules and of times without an offset: `timezone`, else UTC, or the machine's zone when
    /// `enable_utc` is false.
    pub fn zone(&self) -> TimeZone {
        match &self.timezone {
            Some(zone) => zone.clone(),
            None if self.enable_utc => TimeZone::UTC,
            None => TimeZone::system(),
        }
    }

    /// Where to publish: `broker_write_url`, else `broker_url`.
    pub fn write_url(&self) -> &Urls {
        self.broker_write_url.as_ref().unwrap_or(&self.broker_url)
    }

    /// Where to consume: `broker_read_url`, else `broker_url`.
    pub fn read_url(&self) -> &Urls {
        self.broker_read_url.as_ref().unwrap_or(&self.broker_url)
    }

    /// Where results go. When `result_backend` is not set: the place of the messages if that can hold results
    /// (sqlite, memory, redis), else `disabled://`. A plain `redis://` is completed from `redis_host` and its
    /// kin.
    pub fn backend_url(&self) -> Urls {
        match &self.result_backend {
            Some(url) if url.expose() == "redis://" => self.redis_in_parts(),
            Some(url) => url.clone(),
            None => match self.broker_url.scheme().as_ref() {
                "sqlite" | "memory" | "redis" | "rediss" | "redis+socket" | "unix" | "sentinel" => {
                    self.broker_url.clone()
                }
                _ => Urls::constant("disabled://"),
            },
        }
    }

    /// Where schedules are kept. When `beat_store` is not set: the place of the messages if that can hold them
    /// (sqlite, memory, redis), else that of the results, else a file.
    pub fn beat_store_url(&self) -> Urls {
        let holds = |urls: &Urls| {
            let keeps = ["sqlite", "memory", "redis", "rediss", "redis+socket", "unix", "sentinel"];
            keeps.contains(&urls.scheme().as_ref())
        };
        match &self.beat_store {
            Some(urls) => urls.clone(),
            None if holds(self.write_url()) => self.write_url().clone(),
            None if holds(&self.backend_url()) => self.backend_url(),
            None => Urls::constant("sqlite:./taskq-schedule.db"),
        }
    }

    fn redis_in_parts(&self) -> Urls {
        let login = match (&self.redis_username, &self.redis_password) {
            (None, None) => String::new(),
            (user, password) => {
                let user = user.as_deref().unwrap_or_default();
                format!("{user}:{}@", password.as_deref().unwrap_or_default())
            }
        };
        let host = self.redis_host.as_deref().unwrap_or("localhost");
        let port = self.redis_port.unwrap_or(6379);
        let url = format!("redis://{login}{host}:{port}/{}", self.redis_db.unwrap_or(0));
        Urls::parse(&url).unwrap_or_else(|_| Urls::constant("redis://localhost:6379/0"))
    }

    /// The value of a setting for people: secrets masked.
    pub fn shown(&self, name: &str) -> Option<Value> {
        self.get(name).map(|value| masked(name, value))
    }

    /// Settings that do not have their default, with their values as [`shown`](Self::shown).
    pub fn changed(&self) -> Vec<(&'static Setting, Value)> {
        let differs = |setting: &&Setting| self.get(setting.name) != Some((setting.default)());
        let pair = |setting: &'static Setting| Some((setting, self.shown(setting.name)?));
        SETTINGS.iter().filter(differs).filter_map(pair).collect()
    }
}

fn masked(name: &str, value: Value) -> Value {
    match value {
        Value::Str(_) if is_secret_name(name) => Value::Str("**".to_owned()),
        Value::Str(text) if text.contains(':') => Value::Str(super::redact(&text)),
        Value::Map(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (key.clone(), masked(&key, value))).collect())
        }
        Value::List(items) => Value::List(items.into_iter().map(|item| masked(name, item)).collect()),
        value => value,
    }
}

/// What differs from the defaults, secrets masked.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (setting, value) in self.changed() {
            map.entry(&setting.name, &value);
        }
        map.finish()
    }
}
