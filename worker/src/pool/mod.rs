//! Where tasks run: async ones on the runtime, blocking ones on threads of their own, both out of one line of
//! jobs and within one number of slots.
//!
//! Kept true here: a worker with `concurrency` n never runs more than n tasks at once, whatever their kind; a
//! blocking task never holds up the runtime; executors are started when they are needed and end with the pool.

pub(crate) mod blocking;
mod line;
pub(crate) mod process;
mod queue;
mod task;

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

use taskq_core::task::TaskKind;
use tokio::{runtime::Handle, task::JoinSet};
use tracing::error;

use self::queue::{Next, Queue, Wake};
use crate::{
    executor::Executor,
    job::{Entered, Job},
};

/// Runs jobs. Dropping it gives up everything that runs on the runtime; threads end after their task.
#[derive(Debug)]
pub(crate) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Queue,
    executor: Executor,
    runtime: Handle,
    runners: Mutex<JoinSet<()>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl Pool {
    /// A pool of `slots` on the current runtime.
    pub(crate) fn new(slots: usize, executor: Executor) -> Self {
        Self(Arc::new(Inner {
            queue: Queue::new(slots),
            executor,
            runtime: Handle::current(),
            runners: Mutex::default(),
            threads: Mutex::default(),
        }))
    }

    /// A look at it, for remote control.
    pub(crate) fn view(&self) -> PoolView {
        PoolView(Arc::downgrade(&self.0))
    }

    /// Puts jobs in line, in order. After [`drain`](Self::drain) they are left in `jobs`.
    pub(crate) fn push(&self, jobs: &mut Vec<Job>) {
        if !jobs.is_empty() {
            let wake = self.0.queue.push(jobs);
            Inner::act(&self.0, wake);
        }
    }

    /// How many jobs wait because their task or queue has as many runs as it may have.
    pub(crate) fn passed(&self) -> usize {
        self.0.queue.passed()
    }

    /// How many tasks may run at once.
    pub(crate) fn slots(&self) -> usize {
        self.0.queue.slots()
    }

    /// Takes out what waits although every slot is taken, newest first.
    pub(crate) fn surplus(&self) -> Vec<Job> {
        self.0.queue.surplus()
    }

    /// Takes no more jobs, and hands back those that have not started, oldest first.
    pub(crate) fn drain(&self) -> Vec<Job> {
        self.0.queue.drain()
    }

    /// Waits until nothing runs any more. After [`drain`](Self::drain).
    pub(crate) async fn quiet(&self) {
        self.0.queue.quiet().await;
    }

    /// Waits for the executors to be gone. After [`quiet`](Self::quiet).
    pub(crate) async fn join(&self) {
        let mut runners = std::mem::take(&mut *self.0.runners.lock().unwrap_or_else(PoisonError::into_inner));
        while runners.join_next().await.is_some() {}
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // They are past their last job: joining takes no time.
            let _ = thread.join();
        }
    }
}

/// A look at a pool; does not keep it.
#[derive(Clone, Debug)]
pub(crate) struct PoolView(Weak<Inner>);

impl PoolView {
    /// How many tasks may run at once.
    pub(crate) fn slots(&self) -> usize {
        self.0.upgrade().map_or(0, |inner| inner.queue.slots())
    }

    /// Lets more, or fewer, tasks run at once. Those that run are not disturbed.
    pub(crate) fn resize(&self, by: isize) {
        if let Some(inner) = self.0.upgrade() {
            let wake = inner.queue.resize(by);
            Inner::act(&inner, wake);
        }
    }

    /// How many jobs wait because their task or queue has as many runs as it may have.
    pub(crate) fn passed(&self) -> usize {
        self.0.upgrade().map_or(0, |inner| inner.queue.passed())
    }

    /// Looks again who may start, after a limit was changed.
    pub(crate) fn look_again(&self) {
        if let Some(inner) = self.0.upgrade() {
            let wake = inner.queue.look_again();
            Inner::act(&inner, wake);
        }
    }

    /// Looks at the jobs in line.
    pub(crate) fn jobs<T>(&self, look: impl FnMut(&Job) -> T) -> Vec<T> {
        self.0.upgrade().map_or_else(Vec::new, |inner| inner.queue.look(look))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.0.queue.drain());
        self.0.runners.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Inner {
    /// An executor's next step. More may be taken when jobs are stepped past.
    fn next(&self, kind: TaskKind, ended: Option<Entered>) -> Next {
        let before = self.queue.passed();
        let next = self.queue.next(kind, ended);
        if self.queue.passed() > before {
            self.executor.node.held.wake();
        }
        next
    }

    /// Starts the executor that `wake` asks for, if it does.
    fn act(inner: &Arc<Self>, wake: Wake) {
        match wake {
            Wake::Hire(TaskKind::Async) => {
                let runner = task::run(Arc::clone(inner));
                inner.runners.lock().unwrap_or_else(PoisonError::into_inner).spawn_on(runner, &inner.runtime);
            }
            Wake::Hire(TaskKind::Blocking) => {
                let own = Arc::clone(inner);
                match thread::Builder::new().name("taskq-task".into()).spawn(move || blocking::run(&own)) {
                    Ok(thread) => {
                        inner.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
                    }
                    Err(error) => {
                        error!(%error, "could not start a thread for blocking tasks; they wait for one");
                        inner.queue.not_hired(TaskKind::Blocking);
                    }
                }
            }
            Wake::Nobody | Wake::Runner | Wake::Thread => {}
        }
    }
}
