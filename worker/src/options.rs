//! What a worker can be told besides the settings: what the command line says.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use taskq_core::config::PoolKind;

/// Options of a [`Worker`](crate::Worker). `None` means: as the settings say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// Queues to consume (`-Q`). Default: all of `task_queues`, or the default queue.
    pub queues: Vec<String>,
    /// Queues not to consume (`-X`).
    pub exclude_queues: Vec<String>,
    /// How many tasks run at once (`-c`), of both kinds together. Default: `worker_concurrency`, by default the
    /// number of CPUs.
    pub concurrency: Option<usize>,
    /// At most so many at once out of a queue (`--queue-concurrency`), over what `worker_queue_concurrency` says.
    pub queue_concurrency: BTreeMap<String, NonZeroU32>,
    /// The most and the least slots (`--autoscale`): as many as there is work, instead of `concurrency`.
    pub autoscale: Option<(usize, usize)>,
    /// How long after it grew an autoscaled pool shrinks. Default: 30 s. Celery: `AUTOSCALE_KEEPALIVE`.
    pub autoscale_keep: Option<Duration>,
    /// What runs the tasks (`-P`). Default: `worker_pool`.
    pub pool: Option<PoolKind>,
    /// Node name (`-n`): `%h` is the host's name, `%n` its first part, `%d` its domain, `%%` a percent sign; a
    /// name without `@` gets the host's. Default: `celery@%h`.
    pub hostname: Option<String>,
    /// Deliveries held per slot (`--prefetch-multiplier`); 0 is no limit. Default: as `worker_prefetch` and
    /// `worker_prefetch_multiplier` say.
    pub prefetch_multiplier: Option<u32>,
    /// Hard limit of tasks that name none (`--time-limit`).
    pub time_limit: Option<Duration>,
    /// Soft limit of tasks that name none (`--soft-time-limit`).
    pub soft_time_limit: Option<Duration>,
    /// Start although `task_time_limit` holds for blocking tasks, which it cannot end: warn instead. Default
    /// false.
    pub unenforced_limits: bool,
    /// How long a warm stop waits for running tasks before they are given back. Default:
    /// `worker_shutdown_timeout`; without one, until they end.
    pub grace: Option<Duration>,
    /// How long a cold stop waits for running tasks. Default: `worker_soft_shutdown_timeout`.
    pub soft_shutdown: Option<Duration>,
    /// How often it tells that it is alive (`--heartbeat-interval`). Default: 2 s; zero: never
    /// (`--without-heartbeat`).
    pub heartbeat: Option<Duration>,
    /// Somebody reads its [`Monitor`](crate::Monitor) and its [measures](crate::measure). Default false.
    pub watched: bool,
    /// Whether it asks its neighbours at the start what was revoked, as Celery's workers do (without
    /// `--without-mingle`). It does not wait for their answers. Default: no.
    pub mingle: bool,
}

impl WorkerOptions {
    /// As the settings say.
    pub fn new() -> Self {
        Self::default()
    }

    /// Consumes these queues.
    #[must_use]
    pub fn queues<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.queues = names.into_iter().map(Into::into).collect();
        self
    }

    /// Does not consume these queues.
    #[must_use]
    pub fn exclude_queues<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.exclude_queues = names.into_iter().map(Into::into).collect();
        self
    }

    /// Runs so many tasks at once.
    #[must_use]
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.concurrency = Some(slots);
        self
    }

    /// Runs at most so many at once out of that queue.
    #[must_use]
    pub fn queue_concurrency(mut self, queue: impl Into<String>, most: NonZeroU32) -> Self {
        self.queue_concurrency.insert(queue.into(), most);
        self
    }

    /// Runs between `min` and `max` tasks at once, as there is work.
    #[must_use]
    pub fn autoscale(mut self, max: usize, min: usize) -> Self {
        self.autoscale = Some((max, min));
        self
    }

    /// Runs tasks there.
    #[must_use]
    pub fn pool(mut self, pool: PoolKind) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Starts although a hard limit of the settings cannot be enforced on blocking tasks.
    #[must_use]
    pub fn unenforced_limits(mut self, yes: bool) -> Self {
        self.unenforced_limits = yes;
        self
    }

    /// Sets the node name.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Holds so many deliveries per slot.
    #[must_use]
    pub fn prefetch_multiplier(mut self, deliveries: u32) -> Self {
        self.prefetch_multiplier = Some(deliveries);
        self
    }

    /// Keeps its [`Monitor`](crate::Monitor) up to date, and measures.
    #[must_use]
    pub fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// Sets the hard limit of tasks that name none.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Sets the soft limit of tasks that name none.
    #[must_use]
    pub fn soft_time_limit(mut self, limit: Duration) -> Self {
        self.soft_time_limit = Some(limit);
        self
    }

    /// Waits so long for running tasks at a warm stop.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Asks its neighbours at the start.
    #[must_use]
    pub fn mingle(mut self, ask: bool) -> Self {
        self.mingle = ask;
        self
    }

    /// Tells that it is alive so often; zero: never.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// Waits so long for running tasks at a cold stop.
    #[must_use]
    pub fn soft_shutdown(mut self, grace: Duration) -> Self {
        self.soft_shutdown = Some(grace);
        self
    }
}
