//! What a worker is going to do: settings and options put together and checked, before anything is connected.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use taskq_core::{
    Error, ErrorKind,
    app::{self, App},
    broker::{ConsumeSpec, Queue},
    config::{PoolKind, PrefetchKind, Settings},
};

use crate::{
    WorkerOptions,
    autoscale::{self, Autoscale},
    hostname,
    monitor::Seen,
    node::{Decoding, Tuning},
    pool::process::CrewOptions,
    prefetch::{Prefetch, Way},
    stats::Counters,
    tasks::{Known, TaskDefaults, Tasks},
};

/// How often a worker tells that it is alive, as Celery's.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Messages held per slot where that is the way to take, and no number is given.
const CELERYS_MULTIPLIER: u32 = 4;

/// A checked plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) app: App,
    pub(crate) name: Arc<str>,
    pub(crate) queues: Vec<Queue>,
    /// How many may run at once out of a queue.
    pub(crate) queue_limits: BTreeMap<String, NonZeroU32>,
    pub(crate) prefetch: Prefetch,
    pub(crate) tasks: Tasks,
    /// The limits of the children that run its tasks; `None`: they run in this process.
    pub(crate) children: Option<CrewOptions>,
    /// The bounds of a pool that follows its work.
    pub(crate) autoscale: Option<Autoscale>,
    pub(crate) tuning: Tuning,
    pub(crate) decoding: Decoding,
    pub(crate) counters: Arc<Counters>,
    pub(crate) seen: Arc<Seen>,
    /// Somebody reads what is seen.
    pub(crate) watched: bool,
    /// Attempts to connect before it gives up; `None`: any number.
    pub(crate) connect_attempts: Option<NonZeroU32>,
    /// How long a warm stop waits.
    pub(crate) grace: Option<Duration>,
    /// How long a cold stop waits.
    pub(crate) soft_shutdown: Duration,
    /// How often it tells that it is alive; zero: never.
    pub(crate) heartbeat: Duration,
    /// Whether it asks its neighbours at the start.
    pub(crate) mingle: bool,
}

impl Plan {
    pub(crate) fn new(app: &App, options: &WorkerOptions) -> Result<Self, Error> {
        let settings = app.settings();
        app.registry().check_states(app.states())?;
        let pool = options.pool.unwrap_or(settings.worker_pool);
        let autoscale = options.autoscale.map(|(max, min)| (max, min.max(1)));
        if let Some((max, min)) = autoscale
            && (max < min || pool == PoolKind::Solo)
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!("could not scale a pool of `{pool}` between {min} and {max} slots"),
            ));
        }
        let concurrency = match (autoscale, options.concurrency) {
            (Some((_, min)), _) => min,
            (None, Some(0)) => 0,
            (None, _) if pool == PoolKind::Solo => 1,
            (None, Some(concurrency)) => concurrency,
            (None, None) => settings.worker_concurrency.get(),
        };
        if concurrency == 0 {
            return Err(Error::new(ErrorKind::Config, "a `concurrency` of 0 runs nothing: use 1 or more"));
        }
        let defaults = TaskDefaults {
            acks_late: settings.task_acks_late,
            acks_on_failure: settings
                .task_acks_on_failure
                .unwrap_or(settings.task_acks_on_failure_or_timeout),
            acks_on_timeout: settings
                .task_acks_on_timeout
                .unwrap_or(settings.task_acks_on_failure_or_timeout),
            ignore_result: settings.task_ignore_result,
            store_errors_even_if_ignored: settings.task_store_errors_even_if_ignored,
            track_started: settings.task_track_started,
            time_limit: options.time_limit.or(settings.task_time_limit),
            soft_time_limit: options.soft_time_limit.or(settings.task_soft_time_limit),
            rate_limit: settings.task_default_rate_limit,
            reject_on_worker_lost: settings.task_reject_on_worker_lost.unwrap_or(true),
            retry_on_worker_lost: settings.task_retry_on_worker_lost,
        };
        let way = way(settings, options.prefetch_multiplier);
        let slots = autoscale.map_or(concurrency, |(max, _)| max);
        let prefetch = Prefetch::new(way, slots, settings.worker_prefetch_bytes);
        let retry = settings.broker_connection_retry_on_startup.unwrap_or(settings.broker_connection_retry);
        let connect_attempts = match settings.broker_connection_max_retries {
            _ if !retry => Some(NonZeroU32::MIN),
            Some(0) | None => None,
            Some(most) => Some(NonZeroU32::MIN.saturating_add(most)),
        };
        let children = (pool == PoolKind::Processes).then(|| CrewOptions::new(settings));
        let tasks = match children {
            Some(_) => Tasks::in_children(app.registry(), &defaults)?,
            None => Tasks::new(app.registry(), &defaults, options.unenforced_limits)?,
        };
        let mut queue_limits = settings.worker_queue_concurrency.clone();
        queue_limits.extend(options.queue_concurrency.clone());
        let may_come_unasked = |known: &Arc<Known>| known.policy.acks_late && known.share.most().is_none();
        let tuning = Tuning {
            concurrency,
            only_for_free_slots: settings.worker_disable_prefetch
                || way == Way::Adaptive
                || settings.worker_prefetch == Some(PrefetchKind::Slots),
            keeps_window: way == Way::Adaptive
                && queue_limits.is_empty()
                && tasks.iter().all(may_come_unasked),
            lease: settings.lease,
            max_deliveries: settings.max_deliveries,
            max_deaths: settings.max_deaths,
            is_solo: pool == PoolKind::Solo,
            rate_limits: !settings.worker_disable_rate_limits,
            result_extended: settings.result_extended,
            skip_duplicates: settings.worker_deduplicate_successful_tasks,
        };
        let decoding = Decoding::new(settings)?;
        let seen = Arc::<Seen>::default();
        seen.resized(concurrency);
        let template = options.hostname.as_deref().unwrap_or("celery@%h");
        Ok(Self {
            app: app.clone(),
            name: hostname::node_name(template, &app::hostname()).into(),
            queues: queues(app, options)?,
            queue_limits,
            prefetch,
            tasks,
            children,
            autoscale: autoscale.map(|(max, min)| {
                Autoscale::new(max, min, options.autoscale_keep.unwrap_or(autoscale::KEEP))
            }),
            tuning,
            decoding,
            counters: Arc::default(),
            seen,
            watched: options.watched,
            connect_attempts,
            grace: options.grace.or(settings.worker_shutdown_timeout),
            mingle: options.mingle,
            heartbeat: options.heartbeat.unwrap_or(HEARTBEAT),
            soft_shutdown: options.soft_shutdown.unwrap_or(settings.worker_soft_shutdown_timeout),
        })
    }

    /// Whether a task or a queue may have fewer runs than there are slots.
    fn has_shares(&self) -> bool {
        !self.queue_limits.is_empty() || self.tasks.iter().any(|known| known.share.most().is_some())
    }

    /// What to consume.
    pub(crate) fn consume_spec(&self) -> ConsumeSpec {
        let mut spec = ConsumeSpec::new(self.name.as_ref(), self.queues.clone());
        // A window that stays would bring what nobody asked for, or nothing that may go past what waits.
        spec.prefetch = match self.has_shares() || self.prefetch.is_adaptive() {
            true => 0,
            false => u32::try_from(self.prefetch.bound()).unwrap_or(u32::MAX),
        };
        spec.lease = self.tuning.lease;
        // The worker itself puts poison aside and tells the caller. The driver's own limit catches what
        // kills a worker before it comes to that.
        spec.max_deliveries = match self.tuning.max_deliveries {
            0 => 0,
            limit => limit.saturating_add(1),
        };
        spec
    }
}

/// How to take. Who names a number for each slot, as Celery's settings do, gets it.
fn way(settings: &Settings, option: Option<u32>) -> Way {
    let each = option.or(settings.worker_prefetch_multiplier);
    match (settings.worker_prefetch, option) {
        (Some(PrefetchKind::Slots), _) => Way::PerSlot(1),
        _ if settings.worker_disable_prefetch => Way::PerSlot(1),
        (Some(PrefetchKind::Multiplier), _) => Way::PerSlot(each.unwrap_or(CELERYS_MULTIPLIER)),
        (Some(_), None) => Way::Adaptive,
        (_, _) => each.map_or(Way::Adaptive, Way::PerSlot),
    }
}

fn queues(app: &App, options: &WorkerOptions) -> Result<Vec<Queue>, Error> {
    let routing = app.routing();
    let chosen = if options.queues.is_empty() {
        routing.worker_queues()
    } else {
        options.queues.iter().map(|name| routing.queue(name)).collect::<Result<Vec<_>, _>>()?
    };
    for name in &options.exclude_queues {
        if !chosen.iter().any(|queue| queue.name == *name) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("could not exclude queue `{name}`: this worker would not consume it anyway"),
            ));
        }
    }
    let kept: Vec<Queue> = chosen
        .iter()
        .filter(|queue| !options.exclude_queues.contains(&queue.name))
        .map(|queue| queue.as_ref().clone())
        .collect();
    if kept.is_empty() {
        return Err(Error::new(ErrorKind::Config, "no queue is left to consume: exclude fewer with `-X`"));
    }
    Ok(kept)
}
