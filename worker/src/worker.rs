//! The worker: the order in which its parts start and stop.
//!
//! Kept true here: every part that is started is stopped, in an order in which nothing that still works misses
//! what it needs; when [`Worker::run`] returns, nothing of the worker is left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::{
    Error, ErrorKind,
    app::App,
    crash::{self, Point},
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use crate::{
    Monitor, Report, Stop, WorkerHandle, WorkerOptions, autoscale,
    completer::{Completer, Completions},
    connect::{self, Connected},
    consume::{self, Fetch},
    control::{self, Panel},
    effects::Completion,
    executor::Executor,
    hand_over,
    heartbeat::Life,
    held::{Held, Why},
    job::Job,
    lease,
    node::Node,
    panics,
    plan::Plan,
    pool::{Pool, process::Crew},
    stats::Counters,
};

/// How long async tasks that were told to end may take to be dropped. They are dropped at their next await, so
/// this is only reached by tasks that block.
const DROPPED: Duration = Duration::from_secs(1);

/// A worker that has not started. It connects when it runs.
#[derive(Debug)]
pub struct Worker {
    plan: Plan,
    ready: CancellationToken,
}

impl Worker {
    /// A worker for the tasks of `app`.
    ///
    /// # Errors
    /// When it could not work: no queue, an impossible option, a task that misses its state or has a limit that
    /// cannot be enforced. Nothing is connected yet.
    pub fn new(app: &App, options: &WorkerOptions) -> Result<Self, Error> {
        Ok(Self { plan: Plan::new(app, options)?, ready: CancellationToken::new() })
    }

    /// Its node name: `celery@host`.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// A view into it, from now until after it has stopped. Kept up to date when it is
    /// [watched](WorkerOptions::watched).
    pub fn monitor(&self) -> Monitor {
        let Plan { name, counters, seen, .. } = &self.plan;
        Monitor::new(Arc::clone(name), Arc::clone(counters), Arc::clone(seen))
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.plan.counters)
    }

    /// Cancelled when it consumes.
    pub fn ready(&self) -> CancellationToken {
        self.ready.clone()
    }

    /// Runs in the background of the current runtime: for tests, and beside other parts of a program.
    pub fn start(self) -> WorkerHandle {
        WorkerHandle::start(self)
    }

    /// Runs until `stop` says so, and answers what it has done.
    ///
    /// # Errors
    /// When the broker refuses it for good. What ran was finished, or given back, all the same.
    pub async fn run(self, stop: Stop) -> Result<Report, Error> {
        // A task of its own: the thread of `block_on` is none of the runtime's, so each of its wake-ups would be one
        // between threads, and it is woken for every batch.
        let run = AbortOnDropHandle::new(tokio::spawn(self.start_to_stop(stop)));
        match run.await {
            Ok(report) => report,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                Err(error) => Err(Error::with_source(ErrorKind::Other, "the worker was ended", error)),
            },
        }
    }

    async fn start_to_stop(self, stop: Stop) -> Result<Report, Error> {
        panics::note_places();
        let Plan { grace, soft_shutdown, heartbeat, mingle, .. } = self.plan;
        let Some(connected) = connect::open(&self.plan, &stop).await? else { return Ok(Report::default()) };
        let Connected { broker, backend, mut consumer } = connected;
        let crew = match self.plan.children {
            Some(options) => Some(Crew::start(self.plan.tuning.concurrency, options).await?),
            None => None,
        };
        let node = Arc::new(Node::new(self.plan, broker, backend, stop, crew));

        // Start: first what ends deliveries, then what runs them, last what takes them.
        let settler = consumer.settler();
        let completer = Completer::start(Arc::clone(&node), Arc::clone(&settler));
        let done = completer.completions();
        let pool =
            Pool::new(node.tuning.concurrency, Executor { node: Arc::clone(&node), done: done.clone() });
        let leases = AbortOnDropHandle::new(tokio::spawn(lease::keep(Arc::clone(&node), settler)));
        let life = Life::begin(&node, heartbeat);
        let (asks, asked) = mpsc::channel(consume::ASKS);
        let panel = Panel { node: Arc::clone(&node), pool: pool.view(), asks, since: Instant::now() };
        let scaling = AbortOnDropHandle::new(tokio::spawn(autoscale::keep(Arc::clone(&node), pool.view())));
        let control = control::start(panel);
        control::read_remembered(&node).await;
        let remembered = AbortOnDropHandle::new(tokio::spawn(control::keep_reading(Arc::clone(&node))));
        let neighbours = mingle.then(|| {
            let node = Arc::clone(&node);
            // Beside the work: what was revoked before is known without them, where the broker keeps it.
            AbortOnDropHandle::new(tokio::spawn(async move { control::mingle(&node).await }))
        });
        let handing_over = AbortOnDropHandle::new(tokio::spawn(hand_over::run(Arc::clone(&node))));
        let mut fetch = Fetch::new(Arc::clone(&node), &pool, done.clone(), asked);
        info!(node = %node.name, tasks = node.tasks.len(), concurrency = node.tuning.concurrency, "worker is ready");
        self.ready.cancel();

        // Run.
        let fetched = fetch.run(consumer.as_mut()).await;

        drop(scaling);
        // Stop: take nothing more, give back what has not started, let the rest finish.
        node.stop.warm();
        node.seen.stopping();
        if let Err(error) = consumer.stop_fetching().await {
            warn!(%error, "could not stop fetching in order");
        }
        let mut waiting = pool.drain();
        (0..waiting.len()).for_each(|_| node.busy.done());
        waiting.append(&mut fetch.take_aside());
        let wind_down = async {
            crash::reached(Point::GivingBack);
            give_back(&node, &done, waiting).await;
            finish_running(&node, &pool, &done, grace, soft_shutdown).await;
            completer.finish().await;
            if let Some(crew) = &node.crew {
                crew.close().await;
            }
        };
        tokio::select! {
            biased;
            () = wind_down => {}
            () = node.stop.now_asked() => warn!("stopped at once: what is left comes back when its lease lapses"),
        }
        drop(leases);
        drop((control, neighbours, remembered, handing_over));
        life.end(&node).await;
        drop(consumer); // what it took and never delivered goes back
        let report = Report::of(&node);
        info!(node = %node.name, left = report.left, "worker has stopped");
        fetched.map_err(Error::from)?;
        Ok(report)
    }
}

/// Newest first: each goes to the front of its queue, so that the order stays.
async fn give_back(node: &Node, done: &Completions, jobs: Vec<Job>) {
    for job in jobs.into_iter().rev() {
        if job.held.claim() {
            done.send(Completion::give_back(node, job.held.tag, &job.known, &job.request)).await;
        }
    }
}

/// Lets running tasks finish within the grace; after it, or when told to stop cold, they are given back.
async fn finish_running(
    node: &Node,
    pool: &Pool,
    done: &Completions,
    grace: Option<Duration>,
    soft: Duration,
) {
    let in_time = tokio::select! {
        biased;
        () = pool.quiet() => true,
        () = node.stop.cold_asked() => false,
        () = after(grace) => { warn!("the grace is over: running tasks go back to their queues"); false }
    };
    let in_time = in_time || (!soft.is_zero() && timeout(soft, pool.quiet()).await.is_ok());
    if !in_time {
        node.stop.cold();
        for held in node.held.all() {
            held.cancel(Why::GivenBack);
        }
        if timeout(DROPPED, pool.quiet()).await.is_err() {
            give_back_blocked(node, done).await;
            return; // their threads end with their tasks, or with the process
        }
    }
    pool.join().await;
}

/// Tasks that cannot be stopped: their messages go back, whatever they still do.
async fn give_back_blocked(node: &Node, done: &Completions) {
    let leased = |held: &Arc<Held>| held.is_running() && !held.is_acked() && held.claim();
    let blocked: Vec<_> = node.held.all().into_iter().filter(leased).collect();
    warn!(tasks = blocked.len(), "tasks that cannot be stopped were given back; they may run twice");
    for held in blocked {
        done.send(Completion::give_back_blocked(node, held.tag, &held.id)).await;
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}
