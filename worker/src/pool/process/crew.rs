//! The children of a worker: as many as there are slots, each idle or with one run.
//!
//! Kept true here: a child that ends, for whatever reason, is replaced while the worker wants as many; nobody
//! gets one that has reached its limit of tasks or memory; a child that cannot start is tried again, with a
//! pause, and said aloud.

use std::{
    collections::BTreeSet,
    process::ExitStatus,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use taskq_core::{Error, ErrorKind, config::Settings};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::{debug, error, info, warn};

use super::hand::{Hand, Watch, shown};

/// Pause before a child that could not start is tried again: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A child that ends by itself before this age, without a run, is replaced with a pause.
const YOUNG: Duration = Duration::from_secs(1);

/// A child that takes so much longer than `worker_proc_alive_timeout` to start is given up.
const PATIENCE: u32 = 15;

/// How long the last children may take to end.
const LAST: Duration = Duration::from_secs(10);

/// The limits of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrewOptions {
    /// Runs before it is replaced.
    pub(crate) max_tasks: Option<u32>,
    /// Memory, in KiB, beyond which it is replaced after its run.
    pub(crate) max_memory: Option<u64>,
    /// After so long a child that does not start is worth a warning.
    pub(crate) starting: Duration,
}

impl CrewOptions {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            max_tasks: settings.worker_max_tasks_per_child.filter(|most| *most > 0),
            max_memory: settings.worker_max_memory_per_child.filter(|most| *most > 0),
            starting: settings.worker_proc_alive_timeout,
        }
    }
}

/// The children of a worker. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Crew {
    inner: Arc<Inner>,
    _gone: DropGuard,
}

#[derive(Debug)]
struct Inner {
    options: CrewOptions,
    state: Mutex<State>,
    /// As many permits as children are idle.
    free: Semaphore,
    gone: CancellationToken,
    watches: TaskTracker,
    jobs: AtomicU64,
}

#[derive(Debug)]
struct State {
    idle: Vec<Hand>,
    /// Those that are wanted: idle, or with a run.
    pids: BTreeSet<u32>,
    starting: usize,
    target: usize,
    generation: u32,
    closing: bool,
}

impl State {
    fn live(&self) -> usize {
        self.pids.len() + self.starting
    }
}

impl Crew {
    /// Starts `slots` children and waits for the first.
    ///
    /// # Errors
    /// When it cannot start.
    pub(crate) async fn start(slots: usize, options: CrewOptions) -> Result<Self, Error> {
        let gone = CancellationToken::new();
        let inner = Arc::new(Inner {
            options,
            state: Mutex::new(State {
                idle: Vec::new(),
                pids: BTreeSet::new(),
                starting: 0,
                target: slots,
                generation: 0,
                closing: false,
            }),
            free: Semaphore::new(0),
            gone: gone.clone(),
            watches: TaskTracker::new(),
            jobs: AtomicU64::new(0),
        });
        let crew = Self { inner, _gone: gone.drop_guard() };
        let first = crew.inner.hire(0).await.map_err(|error| {
            Error::with_source(ErrorKind::Config, "could not start a child process for tasks", error)
        })?;
        crew.inner.welcome(first);
        Inner::fill(&crew.inner);
        Ok(crew)
    }

    /// An idle child; waits for one.
    pub(crate) async fn take(&self) -> Option<Hand> {
        loop {
            // Closed when the worker is gone.
            self.inner.free.acquire().await.ok()?.forget();
            if let Some(hand) = self.inner.lock().idle.pop() {
                return Some(hand);
            }
        }
    }

    /// Whether none is idle.
    pub(crate) fn is_busy(&self) -> bool {
        self.inner.free.available_permits() == 0
    }

    /// Gives a child back after a run.
    pub(crate) fn put(&self, hand: Hand) {
        let options = &self.inner.options;
        let spent = options.max_tasks.is_some_and(|most| hand.runs >= most)
            || options.max_memory.is_some_and(|most| hand.memory > most);
        if spent {
            info!(pid = hand.pid, runs = hand.runs, memory_kib = hand.memory, "child has reached its limit");
        }
        let mut state = self.inner.lock();
        if spent || state.closing || hand.generation != state.generation || state.live() > state.target {
            self.inner.retire(&mut state, hand);
        } else {
            state.idle.push(hand);
            self.inner.free.add_permits(1);
        }
        drop(state);
        Inner::fill(&self.inner);
    }

    /// From now on there are so many.
    pub(crate) fn resize(&self, slots: usize) {
        let mut state = self.inner.lock();
        state.target = slots;
        while state.live() > slots
            && let Some(hand) = state.idle.pop()
        {
            self.inner.free.forget_permits(1);
            self.inner.retire(&mut state, hand);
        }
        drop(state);
        Inner::fill(&self.inner);
    }

    /// Replaces all of them, those with a run when it is over.
    pub(crate) fn restart(&self) {
        let mut state = self.inner.lock();
        state.generation += 1;
        for hand in std::mem::take(&mut state.idle) {
            self.inner.free.forget_permits(1);
            self.inner.retire(&mut state, hand);
        }
        drop(state);
        Inner::fill(&self.inner);
    }

    /// The number of the next run, from 0.
    pub(crate) fn next_job(&self) -> u64 {
        self.inner.jobs.fetch_add(1, Relaxed)
    }

    /// Their process ids.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.inner.lock().pids.iter().copied().collect()
    }

    pub(crate) fn options(&self) -> CrewOptions {
        self.inner.options
    }

    /// Lets them go, and waits until they are gone. After the last run.
    pub(crate) async fn close(&self) {
        self.inner.stop();
        self.inner.watches.close();
        if timeout(LAST, self.inner.watches.wait()).await.is_err() {
            warn!("child processes did not end in time; they are killed");
            self.inner.gone.cancel();
            self.inner.watches.wait().await;
        }
        self.inner.free.close();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.closing = true;
        for hand in std::mem::take(&mut state.idle) {
            self.retire(&mut state, hand);
        }
    }

    /// Starts those that are missing.
    fn fill(inner: &Arc<Self>) {
        let mut state = inner.lock();
        while !state.closing && state.live() < state.target {
            state.starting += 1;
            let own = Arc::clone(inner);
            tokio::spawn(async move {
                let gone = own.gone.clone();
                tokio::select! {
                    () = own.hire_until_it_works() => {}
                    () = gone.cancelled() => {}
                }
            });
        }
    }

    async fn hire_until_it_works(self: &Arc<Self>) {
        let mut pause = AGAIN.0;
        loop {
            let generation = self.lock().generation;
            match self.hire(generation).await {
                Ok(hand) => {
                    self.lock().starting -= 1;
                    return self.welcome(hand);
                }
                Err(error) => error!(%error, "could not start a child process for tasks; trying again"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
            if self.gives_up() {
                return;
            }
        }
    }

    /// Whether a child that cannot start is not wanted any more.
    fn gives_up(&self) -> bool {
        let mut state = self.lock();
        let gives_up = state.closing || state.live() > state.target;
        state.starting -= usize::from(gives_up);
        gives_up
    }

    async fn hire(self: &Arc<Self>, generation: u32) -> std::io::Result<Hand> {
        let starting = self.options.starting;
        let mut start = std::pin::pin!(Hand::start(generation, starting.saturating_mul(PATIENCE)));
        let started = match timeout(starting, &mut start).await {
            Ok(started) => started,
            Err(_) => {
                warn!(
                    "a child process takes longer than `worker_proc_alive_timeout` ({} s) to start",
                    starting.as_secs_f64()
                );
                start.await
            }
        };
        let (hand, watch) = started?;
        debug!(pid = hand.pid, "child is ready");
        self.watches.spawn(Arc::clone(self).watch(hand.pid, hand.since, watch));
        Ok(hand)
    }

    /// Waits for the end of a child, and replaces it if it was still wanted.
    async fn watch(self: Arc<Self>, pid: u32, since: tokio::time::Instant, watch: Watch) {
        let status = watch.watch(self.gone.clone()).await;
        let idle = self.missing(pid, status);
        if idle && since.elapsed() < YOUNG {
            sleep(YOUNG).await;
        }
        Self::fill(&self);
    }

    /// Forgets a child that has ended; answers whether it had nothing to do.
    fn missing(&self, pid: u32, status: ExitStatus) -> bool {
        let mut state = self.lock();
        state.pids.remove(&pid);
        let before = state.idle.len();
        state.idle.retain(|hand| hand.pid != pid);
        let idle = state.idle.len() < before;
        if idle {
            // If a taker has the permit already, it finds nobody and waits again.
            self.free.forget_permits(1);
            warn!(pid, "a child process died while it had nothing to do: {}", shown(status));
        } else {
            debug!(pid, "child has ended: {}", shown(status));
        }
        idle
    }

    fn welcome(&self, hand: Hand) {
        let mut state = self.lock();
        state.pids.insert(hand.pid);
        if state.closing || state.live() > state.target || hand.generation != state.generation {
            return self.retire(&mut state, hand);
        }
        state.idle.push(hand);
        self.free.add_permits(1);
    }

    /// It does not count any more; it ends beside.
    fn retire(&self, state: &mut State, hand: Hand) {
        state.pids.remove(&hand.pid);
        tokio::spawn(hand.retire());
    }
}
