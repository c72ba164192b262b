//! What the worker is told by its environment.

use std::env;
use std::sync::Arc;

use jiff::SignedDuration;
use taskq::core::codec::{Map, json};
use taskq::core::config::Sources;
use taskq::core::time::Clock;
use taskq::{App, Error, ErrorKind, Registry, Timestamp, Value};
use taskq_worker::WorkerOptions;

use crate::interop::Interop;

/// What stands in the environment.
#[derive(Debug)]
pub(crate) struct Start {
    broker: String,
    backend: String,
    account: String,
    queues: Vec<String>,
    concurrency: usize,
    hostname: String,
    conf: Map,
    mingle: bool,
    /// How far its clock is off, in seconds.
    clock_offset: i64,
    /// What task names begin with.
    pub(crate) prefix: String,
}

impl Start {
    pub(crate) fn from_env() -> Result<Self, Error> {
        let conf = env::var("CONF").unwrap_or_else(|_| "{}".to_owned());
        let conf = json::from_slice(conf.as_bytes()).map_err(|error| wrong("CONF", &error.to_string()))?;
        let queues = optional("QUEUES").unwrap_or_default();
        Ok(Self {
            broker: required("BROKER_URL")?,
            backend: optional("RESULT_BACKEND").unwrap_or_else(|| "disabled://".to_owned()),
            account: required("ACCOUNT_URL")?,
            queues: queues.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            concurrency: required("CONCURRENCY")?.parse().map_err(|_| wrong("CONCURRENCY", "no number"))?,
            hostname: required("HOSTNAME")?,
            conf,
            mingle: optional("MINGLE").is_some_and(|mingle| mingle == "1"),
            clock_offset: optional("CLOCK_OFFSET")
                .map_or(Ok(0), |offset| offset.parse().map_err(|_| wrong("CLOCK_OFFSET", "no number")))?,
            prefix: optional("TASK_PREFIX").unwrap_or_else(|| "conf_tasks.".to_owned()),
        })
    }

    /// The app: these settings and the tasks under their run-time names, nothing from files.
    pub(crate) fn app(&self, registry: Registry) -> Result<App, Error> {
        let interop = Interop::new(self.prefix.clone(), &self.account)
            .map_err(|error| wrong("ACCOUNT_URL", &error.to_string()))?;
        let sources = Sources::none()
            .lenient()
            // Celery's default, where ours is late.
            .set("task_acks_late", Value::Bool(false))
            // `CONF` means what it means to Celery.
            .set("redis_priority", "celery")
            .set_all(self.conf.clone())
            .set("broker_url", Value::Str(self.broker.clone()))
            .set("result_backend", Value::Str(self.backend.clone()));
        let app = App::builder().sources(sources).registry(registry).state(interop);
        match self.clock_offset {
            0 => app.build(),
            offset => app.clock(Arc::new(Off(SignedDuration::from_secs(offset)))).build(),
        }
    }

    /// What `celery worker` takes as flags.
    pub(crate) fn options(&self) -> WorkerOptions {
        WorkerOptions::new()
            .queues(self.queues.iter().map(String::as_str))
            .concurrency(self.concurrency)
            .hostname(self.hostname.as_str())
            .mingle(self.mingle)
            // A configuration of Celery's works as far as it can.
            .unenforced_limits(true)
    }
}

/// The machine's clock, but off.
#[derive(Debug)]
struct Off(SignedDuration);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.0).unwrap_or(Timestamp::MAX)
    }
}

fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, Error> {
    optional(name).ok_or_else(|| wrong(name, "not set"))
}

fn wrong(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("could not read `{name}` from the environment: {why}"))
}
