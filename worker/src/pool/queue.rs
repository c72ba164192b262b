//! The line in which jobs wait for a slot.
//!
//! Kept true here: never more than `slots` jobs run at once, over both kinds of executors, nor more of a task or
//! out of a queue than may; jobs start in the order of the [`Line`]; an executor that has a slot keeps it from job to job, so that short tasks cost no wake-up;
//! while a job waits and a slot is free, somebody is awake to take it (each taker wakes the next).

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use taskq_core::task::TaskKind;
use tokio::sync::{Notify, Semaphore};

use super::line::Line;
use crate::job::{Entered, Job};

/// The line.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// One permit wakes one idle runner.
    runners: Semaphore,
    /// Threads wait here for their tokens.
    threads: Condvar,
    quiet: Notify,
    /// How many were stepped past, for those who do not lock.
    passed: AtomicUsize,
}

#[derive(Debug)]
struct State {
    jobs: Line,
    slots: isize,
    /// Below zero while more run than the pool was shrunk to.
    free: isize,
    closed: bool,
    runners: Crew,
    threads: Crew,
    /// Wake-ups that threads have not taken yet.
    tokens: usize,
}

/// The executors of one kind.
#[derive(Debug, Default)]
struct Crew {
    hired: isize,
    idle: usize,
}

/// What to do after the lock is released.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Nobody,
    Runner,
    Thread,
    /// All are busy and there may be more of them: start another.
    Hire(TaskKind),
}

/// An executor's next step.
#[derive(Debug)]
pub(super) enum Next {
    Job(Job, Entered, Wake),
    Idle(Wake),
    Closed,
}

impl Queue {
    pub(super) fn new(slots: usize) -> Self {
        let slots = isize::try_from(slots).unwrap_or(isize::MAX);
        Self {
            state: Mutex::new(State {
                jobs: Line::default(),
                slots,
                free: slots,
                closed: false,
                runners: Crew::default(),
                threads: Crew::default(),
                tokens: 0,
            }),
            runners: Semaphore::new(0),
            threads: Condvar::new(),
            quiet: Notify::new(),
            passed: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts jobs in line. After [`drain`](Self::drain) they come back.
    pub(super) fn push(&self, jobs: &mut Vec<Job>) -> Wake {
        let mut state = self.lock();
        if state.closed {
            return Wake::Nobody;
        }
        state.jobs.extend(jobs.drain(..));
        let wake = state.wake_next();
        self.count(&state);
        drop(state);
        self.rouse(wake)
    }

    /// The next job for an executor of `kind`, which gives up its slot (if it has `ended` a job) when there is none.
    pub(super) fn next(&self, kind: TaskKind, ended: Option<Entered>) -> Next {
        let mut state = self.lock();
        if let Some(entered) = ended {
            state.free += 1;
            if entered.leave() {
                state.jobs.freed();
            }
        }
        let mine = state.free > 0 && state.jobs.peek().is_some_and(|job| job.kind() == kind);
        if mine && let Some(job) = state.jobs.pop() {
            state.free -= 1;
            let entered = job.enter();
            let wake = state.wake_next();
            self.count(&state);
            drop(state);
            return Next::Job(job, entered, self.rouse(wake));
        }
        if state.closed && state.jobs.is_empty() {
            let quiet = state.free == state.slots;
            drop(state);
            if quiet {
                self.quiet.notify_one();
            }
            return Next::Closed;
        }
        let wake = state.wake_next();
        state.crew(kind).idle += 1;
        self.count(&state);
        drop(state);
        Next::Idle(self.rouse(wake))
    }

    fn count(&self, state: &State) {
        self.passed.store(state.jobs.passed(), Ordering::Release);
    }

    /// How many wait because their task or queue has as many runs as it may have.
    pub(super) fn passed(&self) -> usize {
        self.passed.load(Ordering::Acquire)
    }

    /// Looks again who may start, after a limit was changed.
    pub(super) fn look_again(&self) -> Wake {
        let mut state = self.lock();
        state.jobs.freed();
        let wake = if state.closed { Wake::Nobody } else { state.wake_next() };
        self.count(&state);
        drop(state);
        self.rouse(wake)
    }

    /// Takes out what waits although every slot is taken, newest first. Those that wait for a share stay.
    pub(super) fn surplus(&self) -> Vec<Job> {
        let mut state = self.lock();
        if state.free > 0 { Vec::new() } else { state.jobs.take_newest() }
    }

    /// How many may run at once.
    pub(super) fn slots(&self) -> usize {
        self.lock().slots.unsigned_abs()
    }

    /// Adds slots, or takes some away, but never the last.
    pub(super) fn resize(&self, by: isize) -> Wake {
        let mut state = self.lock();
        let by = by.max(1 - state.slots);
        state.slots = state.slots.saturating_add(by);
        state.free = state.free.saturating_add(by);
        let wake = if state.closed { Wake::Nobody } else { state.wake_next() };
        drop(state);
        self.rouse(wake)
    }

    /// Looks at the jobs in line.
    pub(super) fn look<T>(&self, look: impl FnMut(&Job) -> T) -> Vec<T> {
        self.lock().jobs.iter().map(look).collect()
    }

    /// An executor that was to be hired could not be started.
    pub(super) fn not_hired(&self, kind: TaskKind) {
        self.lock().crew(kind).hired -= 1;
    }

    /// Waits for a wake-up on the runtime.
    pub(super) async fn runner_waits(&self) {
        if let Ok(permit) = self.runners.acquire().await {
            permit.forget();
        }
    }

    /// Waits for a wake-up on a thread.
    pub(super) fn thread_waits(&self) {
        let mut state = self.lock();
        while state.tokens == 0 {
            state = self.threads.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.tokens -= 1;
    }

    /// Takes no more jobs and hands back those that have not started, oldest first.
    pub(super) fn drain(&self) -> Vec<Job> {
        let mut state = self.lock();
        state.closed = true;
        let jobs = state.jobs.take();
        self.count(&state);
        let (runners, threads) = (state.runners.idle, state.threads.idle);
        state.runners.idle = 0;
        state.threads.idle = 0;
        state.tokens += threads;
        let quiet = state.free == state.slots;
        drop(state);
        self.runners.add_permits(runners);
        self.threads.notify_all();
        if quiet {
            self.quiet.notify_one();
        }
        jobs
    }

    /// Waits until nothing runs, after [`drain`](Self::drain). One waiter.
    pub(super) async fn quiet(&self) {
        loop {
            {
                let state = self.lock();
                if state.closed && state.free == state.slots {
                    return;
                }
            }
            self.quiet.notified().await;
        }
    }

    fn rouse(&self, wake: Wake) -> Wake {
        match wake {
            Wake::Runner => self.runners.add_permits(1),
            Wake::Thread => self.threads.notify_one(),
            Wake::Nobody | Wake::Hire(_) => {}
        }
        wake
    }
}

impl State {
    fn crew(&mut self, kind: TaskKind) -> &mut Crew {
        match kind {
            TaskKind::Async => &mut self.runners,
            TaskKind::Blocking => &mut self.threads,
        }
    }

    /// Wakes, or hires, whoever can take the next job.
    fn wake_next(&mut self) -> Wake {
        if self.free <= 0 {
            return Wake::Nobody;
        }
        let Some(kind) = self.jobs.peek().map(Job::kind) else { return Wake::Nobody };
        let slots = self.slots;
        let crew = self.crew(kind);
        if crew.idle > 0 {
            crew.idle -= 1;
            return match kind {
                TaskKind::Async => Wake::Runner,
                TaskKind::Blocking => {
                    self.tokens += 1;
                    Wake::Thread
                }
            };
        }
        if crew.hired < slots {
            crew.hired += 1;
            return Wake::Hire(kind);
        }
        Wake::Nobody
    }
}
