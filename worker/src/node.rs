//! What every part of a worker shares: who it is, its connections, its tasks, its counters.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::tz::TimeZone;
use taskq_core::{
    Error, ErrorKind, Timestamp,
    app::App,
    backend::ResultBackend,
    broker::{Broker, Capabilities, Queue, RateLimits, Revocations, Topology, remembered_in},
    codec::Accept,
    config::Settings,
    event::EventBus,
};
use tracing::warn;

use crate::{
    Stop,
    autoscale::Autoscale,
    gate::Revoked,
    held::HeldTable,
    monitor::Seen,
    plan::Plan,
    pool::process::{Crew, Suspicion},
    prefetch::Prefetch,
    run::Place,
    share::QueueShares,
    stats::{Counters, Totals},
    tasks::Tasks,
};

/// Deliveries held beside the prefetch because their task or queue has as many runs as it may have. Enough to get at
/// what is behind them; few enough that another worker finds some.
pub(crate) const PASSED: usize = 64;

/// Deliveries for each slot while rate limits hold tasks back: some may wait here for a turn that comes soon.
const RATED: usize = 4;

/// A running worker's shared parts.
#[derive(Debug)]
pub(crate) struct Node {
    /// Node name: `celery@host`.
    pub(crate) name: Arc<str>,
    pub(crate) app: App,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) can: Capabilities,
    pub(crate) backend: Arc<dyn ResultBackend>,
    /// Limits that all workers share, where the broker or the result backend keeps them.
    pub(crate) rate_limits: Option<Arc<dyn RateLimits>>,
    /// What was revoked, where the broker or the result backend keeps it.
    pub(crate) revocations: Option<Arc<dyn Revocations>>,
    pub(crate) tasks: Tasks,
    pub(crate) decoding: Decoding,
    pub(crate) tuning: Tuning,
    pub(crate) stop: Stop,
    pub(crate) held: HeldTable,
    pub(crate) revoked: Revoked,
    /// Workflows and stamps that were revoked.
    pub(crate) marked: Revoked,
    /// Up to where both were read from where they are remembered.
    pub(crate) remembered: AtomicU64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) totals: Totals,
    pub(crate) events: EventBus,
    /// The same as its tasks see it.
    pub(crate) place: Place,
    /// The children that run its tasks; `None`: they run in this process.
    pub(crate) crew: Option<Crew>,
    /// What is known of messages whose processes died.
    pub(crate) suspicion: Suspicion,
    pub(crate) autoscale: Option<Autoscale>,
    pub(crate) seen: Arc<Seen>,
    /// Somebody reads what is seen and measured.
    pub(crate) watched: bool,
    pub(crate) busy: Busy,
    /// How many may run at once out of each queue.
    pub(crate) shares: QueueShares,
    /// Deliveries that may be held at most.
    pub(crate) prefetch: Prefetch,
    /// What is consumed.
    queues: Mutex<Vec<Queue>>,
    /// Queues of follow-ups that exist for sure.
    declared: Mutex<HashSet<String>>,
}

impl Node {
    pub(crate) fn new(
        plan: Plan,
        broker: Arc<dyn Broker>,
        backend: Arc<dyn ResultBackend>,
        stop: Stop,
        crew: Option<Crew>,
    ) -> Self {
        let Plan {
            autoscale,
            app,
            name,
            queues,
            queue_limits,
            prefetch,
            tasks,
            tuning,
            decoding,
            counters,
            seen,
            watched,
            ..
        } = plan;
        let events = app.event_bus(Arc::clone(&name), app.settings().worker_send_task_events);
        let totals = Totals::new(&tasks);
        let place = Place {
            app: app.clone(),
            name: Arc::clone(&name),
            backend: Arc::clone(&backend),
            events: events.clone(),
        };
        Self {
            rate_limits: broker.rate_limits().or_else(|| backend.rate_limits()),
            revocations: remembered_in(&*broker, Some(&*backend)),
            place,
            crew,
            suspicion: Suspicion::default(),
            autoscale,
            can: broker.capabilities(),
            name,
            app,
            broker,
            backend,
            tasks,
            decoding,
            tuning,
            stop,
            held: HeldTable::default(),
            revoked: Revoked::default(),
            marked: Revoked::default(),
            remembered: AtomicU64::new(0),
            counters,
            totals,
            events,
            seen,
            watched,
            busy: Busy::default(),
            shares: QueueShares::new(&queue_limits),
            prefetch,
            queues: Mutex::new(queues),
            declared: Mutex::default(),
        }
    }

    /// Makes sure that the queue of a follow-up exists. If that fails, the publish will tell.
    pub(crate) async fn declare(&self, queue: &Queue) {
        if self.declared.lock().unwrap_or_else(PoisonError::into_inner).contains(&queue.name) {
            return;
        }
        match self.broker.declare(&Topology { queues: vec![queue.clone()] }).await {
            Ok(()) => {
                let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
                declared.insert(queue.name.clone());
            }
            Err(error) => warn!(queue = queue.name, %error, "could not declare the queue of a follow-up"),
        }
    }

    /// How many deliveries may be taken now. `passed`: so many wait for a share; `aside`: so many for their time.
    /// `rated`: some of late had to wait for their turn under a rate limit.
    pub(crate) fn room(&self, passed: usize, aside: usize, rated: bool) -> usize {
        let held = if self.tuning.only_for_free_slots { self.held.total() } else { self.held.len() };
        let most = match (self.prefetch.is_adaptive(), rated) {
            // How many turns there are has nothing to do with how long runs take.
            (true, true) => self.prefetch.slots().saturating_mul(RATED),
            (true, false) => self.prefetch.most().saturating_add(aside),
            // Beside a number that was asked for, nothing waits for its time.
            (false, _) => self.prefetch.most(),
        };
        let most = most.saturating_add(passed.min(PASSED));
        match most.saturating_sub(held) {
            few if !rated && few < self.prefetch.worth() => 0,
            // A message beyond the bound on bytes is taken when nothing else waits.
            room if self.held.waiting_bytes() > 0 => {
                room.min(self.prefetch.room_for(self.held.waiting_bytes()))
            }
            room => room.min(self.prefetch.room_for(0).max(1)),
        }
    }

    /// How many deliveries a consumer that pushes may keep unsettled, when it is `now` that many; `None`: what
    /// [`room`](Self::room) says, which a window cannot follow while some wait for something else than a slot.
    pub(crate) fn window(
        &self,
        now: Option<usize>,
        passed: usize,
        aside: usize,
        rated: bool,
    ) -> Option<usize> {
        if !self.tuning.keeps_window || rated || passed > 0 || aside > 0 {
            return None;
        }
        let window = self.prefetch.window(now);
        (self.prefetch.room_for(self.held.waiting_bytes()) >= window).then_some(window)
    }

    /// How many may be held aside for their time: tasks without a limit always find room.
    pub(crate) fn most_aside(&self) -> usize {
        match self.prefetch.is_adaptive() {
            true => self.prefetch.slots().saturating_mul(RATED / 2),
            false => self.prefetch.bound() / 2,
        }
    }

    /// The pool has so many slots.
    pub(crate) fn set_slots(&self, slots: usize) {
        self.prefetch.set_slots(slots);
        self.held.wake();
    }

    /// What is consumed.
    pub(crate) fn queues(&self) -> Vec<Queue> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_queues(&self, queues: Vec<Queue>) {
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = queues;
    }

    /// How many tasks run now.
    pub(crate) fn running(&self) -> usize {
        self.held.all().iter().filter(|held| held.is_running()).count()
    }

    /// The instant now.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.clock().now()
    }
}

/// How messages are read.
#[derive(Debug)]
pub(crate) struct Decoding {
    pub(crate) accept: Accept,
    pub(crate) zone: TimeZone,
    /// Bound on a decompressed body, in bytes.
    pub(crate) inflate_limit: usize,
}

impl Decoding {
    /// # Errors
    /// When a format of `accept_content` is unknown.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            accept: Accept::from_names(&settings.accept_content).map_err(|error| {
                Error::with_source(ErrorKind::Config, "could not read `accept_content`", error)
            })?,
            zone: settings.zone(),
            inflate_limit: usize::try_from(settings.max_body_size).unwrap_or(usize::MAX),
        })
    }
}

/// The numbers a worker runs by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Tasks at once.
    pub(crate) concurrency: usize,
    /// Take a delivery only for a free slot, also when running ones are acknowledged.
    pub(crate) only_for_free_slots: bool,
    /// Deliveries may come without being asked for: every task is unacknowledged for as long as it runs, and none has
    /// fewer runs than there are slots.
    pub(crate) keeps_window: bool,
    pub(crate) lease: Duration,
    /// Deliveries of one message before it is poison; 0 is no limit.
    pub(crate) max_deliveries: u32,
    /// Deaths of its processes before a message runs alone; 0: it never does.
    pub(crate) max_deaths: u32,
    /// It has one slot, whatever it is told.
    pub(crate) is_solo: bool,
    pub(crate) rate_limits: bool,
    /// Store name, arguments, worker, retries and queue with results.
    pub(crate) result_extended: bool,
    /// Skip redelivered messages whose task has succeeded.
    pub(crate) skip_duplicates: bool,
}

/// How many deliveries are on their way to an end that the completer has not seen yet, and how many of them
/// cannot go on before it has acknowledged them. When no other is left, waiting for more is pointless.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    all: AtomicUsize,
    blocked: AtomicUsize,
}

impl Busy {
    pub(crate) fn add(&self, n: usize) {
        self.all.fetch_add(n, Ordering::AcqRel);
    }

    pub(crate) fn done(&self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
    }

    /// Counts a slot as blocked until the guard is dropped.
    pub(crate) fn block(&self) -> Blocked<'_> {
        self.blocked.fetch_add(1, Ordering::AcqRel);
        Blocked(self)
    }

    /// Whether nothing can come to the completer before it has acted, with so many slots.
    pub(crate) fn stuck(&self, slots: usize) -> bool {
        let (all, blocked) = (self.all.load(Ordering::Acquire), self.blocked.load(Ordering::Acquire));
        blocked >= all || blocked >= slots
    }
}

/// A slot that waits for the completer.
#[derive(Debug)]
pub(crate) struct Blocked<'a>(&'a Busy);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.blocked.fetch_sub(1, Ordering::AcqRel);
    }
}
