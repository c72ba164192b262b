//! The tasks a worker runs, each with its options resolved against the settings, by name.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use taskq_core::{
    Error, ErrorKind,
    protocol::Request,
    task::{RateLimit, RateScope, Registry, TaskDef, TaskKind, TaskOptions},
};
use tracing::warn;

use crate::{builtin, share::Share};

/// What the settings say where a task says nothing.
#[derive(Clone, Debug)]
pub(crate) struct TaskDefaults {
    pub(crate) acks_late: bool,
    pub(crate) acks_on_failure: bool,
    pub(crate) acks_on_timeout: bool,
    pub(crate) ignore_result: bool,
    pub(crate) store_errors_even_if_ignored: bool,
    pub(crate) track_started: bool,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) soft_time_limit: Option<Duration>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Give a late-acked task whose process died back to its queue.
    pub(crate) reject_on_worker_lost: bool,
    /// Retry it instead.
    pub(crate) retry_on_worker_lost: bool,
}

impl Default for TaskDefaults {
    fn default() -> Self {
        Self {
            acks_late: true,
            acks_on_failure: true,
            acks_on_timeout: true,
            ignore_result: false,
            store_errors_even_if_ignored: false,
            track_started: false,
            time_limit: None,
            soft_time_limit: None,
            rate_limit: None,
            reject_on_worker_lost: true,
            retry_on_worker_lost: false,
        }
    }
}

/// A task this worker runs.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: Arc<str>,
    pub(crate) def: Arc<TaskDef>,
    pub(crate) policy: TaskDefaults,
    /// One that every worker has.
    pub(crate) is_builtin: bool,
    /// Where it runs in this process. One that runs in a child costs no thread here.
    pub(crate) kind: TaskKind,
    /// How many of it run here, and may.
    pub(crate) share: Share,
    live: Mutex<Live>,
}

/// What can be changed while the worker runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Live {
    pub(crate) hard: Option<Duration>,
    pub(crate) soft: Option<Duration>,
    pub(crate) rate: Option<RateLimit>,
}

/// The time limits of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) hard: Option<Duration>,
    pub(crate) soft: Option<Duration>,
}

impl Limits {
    pub(crate) fn is_none(&self) -> bool {
        self.hard.is_none() && self.soft.is_none()
    }
}

impl Known {
    fn new(def: &Arc<TaskDef>, defaults: &TaskDefaults) -> Self {
        let TaskOptions { time_limit, soft_time_limit, rate_limit, .. } = def.options;
        let options = &def.options;
        let policy = TaskDefaults {
            acks_late: options.acks_late.unwrap_or(defaults.acks_late),
            acks_on_failure: options.acks_on_failure.unwrap_or(defaults.acks_on_failure),
            acks_on_timeout: options.acks_on_timeout.unwrap_or(defaults.acks_on_timeout),
            ignore_result: options.ignore_result.unwrap_or(defaults.ignore_result),
            store_errors_even_if_ignored: options
                .store_errors_even_if_ignored
                .unwrap_or(defaults.store_errors_even_if_ignored),
            track_started: options.track_started.unwrap_or(defaults.track_started),
            time_limit: time_limit.or(defaults.time_limit),
            soft_time_limit: soft_time_limit.or(defaults.soft_time_limit),
            rate_limit: rate_limit.or(defaults.rate_limit),
            reject_on_worker_lost: options.reject_on_worker_lost.unwrap_or(defaults.reject_on_worker_lost),
            retry_on_worker_lost: options.retry_on_worker_lost.unwrap_or(defaults.retry_on_worker_lost),
        };
        let live = Live { hard: policy.time_limit, soft: policy.soft_time_limit, rate: policy.rate_limit };
        Self {
            name: def.name.as_ref().into(),
            def: Arc::clone(def),
            policy,
            is_builtin: false,
            kind: def.kind,
            share: Share::new(options.max_concurrency.and_then(NonZeroU32::new)),
            live: Mutex::new(live),
        }
    }

    /// Whether its rate limit counts the starts of all workers.
    pub(crate) fn shares_rate(&self) -> bool {
        let options = &self.def.options;
        options.rate_limit_scope == RateScope::Cluster || options.rate_limit_key.is_some()
    }

    /// What holds now.
    pub(crate) fn live(&self) -> Live {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_time_limits(&self, hard: Option<Duration>, soft: Option<Duration>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        (live.hard, live.soft) = (hard, soft);
    }

    pub(crate) fn set_rate_limit(&self, rate: Option<RateLimit>) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).rate = rate;
    }

    /// Whether a return value is stored: the call decides, else the task.
    pub(crate) fn stores_result(&self, request: &Request) -> bool {
        !request.headers.ignore_result.unwrap_or(self.policy.ignore_result)
    }

    /// Whether RETRY, FAILURE and REVOKED are stored.
    pub(crate) fn stores_errors(&self, request: &Request) -> bool {
        self.stores_result(request) || self.policy.store_errors_even_if_ignored
    }

    /// The limits of this run: those of the call, else the task's. Zero means none, as in Celery.
    pub(crate) fn limits(&self, request: &Request) -> Limits {
        let (hard, soft) = request.headers.timelimit;
        let live = self.live();
        let pick = |seconds: Option<f64>, own: Option<Duration>| match seconds {
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => own,
        };
        let some = |limit: &Duration| !limit.is_zero();
        Limits { hard: pick(hard, live.hard).filter(some), soft: pick(soft, live.soft).filter(some) }
    }
}

/// The tasks a worker runs.
#[derive(Debug, Default)]
pub(crate) struct Tasks(HashMap<Arc<str>, Arc<Known>>);

impl Tasks {
    /// # Errors
    /// When a hard time limit holds for a blocking task: a thread cannot be stopped from outside. One that the
    /// settings give is let through, with a warning, when `unenforced` limits are.
    pub(crate) fn new(registry: &Registry, defaults: &TaskDefaults, unenforced: bool) -> Result<Self, Error> {
        check_limits(registry, defaults, unenforced)?;
        check_rate_keys(registry)?;
        Ok(Self::of(registry, defaults, |def| def.kind))
    }

    /// Tasks that run in children: those can be killed.
    ///
    /// # Errors
    /// When an option of a task cannot be.
    pub(crate) fn in_children(registry: &Registry, defaults: &TaskDefaults) -> Result<Self, Error> {
        check_rate_keys(registry)?;
        Ok(Self::of(registry, defaults, |_| TaskKind::Async))
    }

    fn of(registry: &Registry, defaults: &TaskDefaults, kind: impl Fn(&TaskDef) -> TaskKind) -> Self {
        let mut tasks = HashMap::with_capacity(registry.len());
        for def in registry.iter() {
            let known = Arc::new(Known { kind: kind(def), ..Known::new(def, defaults) });
            tasks.insert(Arc::clone(&known.name), known);
        }
        for def in builtin::defs() {
            let known = Known { is_builtin: true, ..Known::new(&Arc::new(def), defaults) };
            tasks.entry(Arc::clone(&known.name)).or_insert_with(|| Arc::new(known));
        }
        Self(tasks)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Known>> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.0.values()
    }

    /// A task whose rate limit needs a store that all workers share, if there is one.
    pub(crate) fn shares_rate(&self) -> Option<&Arc<Known>> {
        self.iter().find(|known| known.shares_rate() && known.policy.rate_limit.is_some())
    }

    /// How many of them are the program's.
    pub(crate) fn len(&self) -> usize {
        self.0.values().filter(|known| !known.is_builtin).count()
    }
}

/// # Errors
/// When a hard time limit holds for a blocking task, but one that the settings give and that need not be
/// enforced.
fn check_limits(registry: &Registry, defaults: &TaskDefaults, unenforced: bool) -> Result<(), Error> {
    let limit = defaults.time_limit.filter(|limit| !limit.is_zero());
    let mut blocking = registry.iter().filter(|def| def.kind == TaskKind::Blocking);
    if let Some(limit) = limit
        && let Some(first) = blocking.next()
    {
        let more = match blocking.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "`task_time_limit` ({} s) cannot end `{}`{more}: a blocking `fn` runs on a thread, which cannot be \
             stopped",
            limit.as_secs_f64(),
            first.name
        );
        if !unenforced {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{text}; run it with `-P processes`, make it an `async fn`, or set `task_soft_time_limit` and look at \
                     `cx.is_cancelled()`"
                ),
            ));
        }
        warn!("{text}");
    }
    for def in registry.iter() {
        if def.kind == TaskKind::Blocking && def.options.time_limit.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "task `{}` has a hard `time_limit`, but it is a blocking `fn` and a thread cannot be \
                     stopped: run it with `-P processes`, make it an `async fn`, or use `soft_time_limit` and look at \
                     `cx.is_cancelled()`",
                    def.name
                ),
            ));
        }
    }
    Ok(())
}

/// # Errors
/// When a task's rate limit is for each value of a parameter that it has not.
fn check_rate_keys(registry: &Registry) -> Result<(), Error> {
    for def in registry.iter() {
        if let Some(key) = def.options.rate_limit_key
            && !def.params.iter().any(|param| param.name == key)
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "task `{}` has `rate_limit_key = \"{key}\"`, but no parameter of that name",
                    def.name
                ),
            ));
        }
    }
    Ok(())
}
