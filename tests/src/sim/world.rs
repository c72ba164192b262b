//! Lives one plan to its end.

use std::{sync::Arc, time::Duration};

use taskq::beat::Beat;
use taskq::{Signature, args};
use taskq_core::{
    BoxFuture, Error,
    app::{App, Drivers},
    backend::{MemoryBackend, ResultBackend, State},
    broker::{Broker, BrokerAdmin, MemoryBroker},
    config::{Settings, Urls},
    protocol::TaskId,
    schedule::{Entry, Interval, MemorySchedules, ScheduleStore},
    task::Registry,
    time::Clock,
};
use taskq_worker::{Stop, Worker, WorkerOptions};
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    backend::FaultyBackend,
    book::Book,
    broker::FaultyBroker,
    clock::VirtualClock,
    link::{self, Link},
    plan::{CALM, End, Life, Outage, Plan, What},
    schedules::FaultySchedules,
    tasks::{self, Desk},
};

const QUEUE: &str = "celery";
/// How often a beat sends.
const TICK: Duration = Duration::from_secs(11);
/// How long beats go on after the calm has begun.
const LAST_TICKS: Duration = Duration::from_secs(30);
/// How long after the calm all must be done.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a process may take to stop when nothing is in its way.
const STOPPING: Duration = Duration::from_secs(90);

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// The promises that were broken; none should be.
    pub broken: Vec<String>,
    /// What happened, if that was to be kept.
    pub trace: Vec<String>,
    /// Tasks whose sending was confirmed.
    pub sent: usize,
    /// Runs that began, and those that came to their end.
    pub runs: (usize, usize),
    /// Messages of bodies that were sent besides the first ones; none of them runs.
    pub copies: usize,
    /// The virtual time that it took.
    pub lasted: Duration,
}

/// Lives the plan of a seed.
///
/// # Panics
/// When there is no runtime to be had.
#[must_use]
pub fn live(seed: u64, keeps_trace: bool) -> Verdict {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    link::seed(seed);
    // Inside: the clock that stands still is the runtime's.
    runtime.block_on(async { World::new(Plan::of(seed), keeps_trace).live().await })
}

struct World {
    plan: Plan,
    clock: VirtualClock,
    broker: MemoryBroker,
    backend: MemoryBackend,
    schedules: MemorySchedules,
    book: Arc<Book>,
}

impl World {
    fn new(plan: Plan, keeps_trace: bool) -> Arc<Self> {
        let clock = VirtualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(clock);
        Arc::new(Self {
            plan,
            clock,
            broker: MemoryBroker::with_clock_seen(Arc::clone(&shared), PATIENCE),
            backend: MemoryBackend::with_clock(Arc::clone(&shared)),
            schedules: MemorySchedules::new(shared),
            book: Arc::new(Book::new(clock, keeps_trace)),
        })
    }

    async fn live(self: Arc<Self>) -> Verdict {
        let (over, no_more_ticks) = (CancellationToken::new(), CancellationToken::new());
        let (mut processes, mut beats) = (JoinSet::new(), JoinSet::new());
        for (number, life) in self.plan.workers.iter().cloned().enumerate() {
            processes.spawn(Arc::clone(&self).worker(number, life, over.clone()));
        }
        for (number, life) in self.plan.beats.iter().cloned().enumerate() {
            beats.spawn(Arc::clone(&self).beat(number, life, no_more_ticks.clone()));
        }
        let expected = self.produce().await;
        sleep((CALM + LAST_TICKS).saturating_sub(self.clock.elapsed())).await;
        no_more_ticks.cancel();
        self.join(beats).await;
        let unfinished = self.settle(&expected).await;
        over.cancel();
        self.join(processes).await;
        unfinished.into_iter().for_each(|what| self.book.broken(what));
        self.book.audit(|id| !id.starts_with('s'));
        let (broken, trace) = self.book.take();
        let runs = (self.book.runs(), self.book.done());
        let (copies, lasted) = (self.book.copies(), self.clock.elapsed());
        Verdict { seed: self.plan.seed, broken, trace, sent: expected.len(), runs, copies, lasted }
    }

    async fn join(&self, mut processes: JoinSet<()>) {
        while let Some(ended) = processes.join_next().await {
            if let Err(error) = ended {
                self.book.broken(format!("a process broke: {error}"));
            }
        }
    }

    fn link(&self, name: String, cuts: &[Outage]) -> Arc<Link> {
        let outages = self.plan.outages.iter().chain(cuts).copied().collect();
        Link::new(&self.book, name, self.plan.error_rate, outages)
    }

    /// A process's app.
    fn app(self: &Arc<Self>, link: &Arc<Link>, life: Option<&Life>) -> App {
        let mut settings = Settings::default();
        settings.lease = self.plan.lease;
        settings.max_deliveries = 0;
        settings.worker_enable_remote_control = false;
        settings.beat_enable_remote_control = false;
        let entry = Entry::new(
            "tick",
            Interval::new(TICK).expect("an interval"),
            Signature::by_name("sim.tick", args![]),
        );
        let drivers = Reached { world: Arc::clone(self), link: Arc::clone(link) };
        App::builder()
            .settings(settings)
            .registry(Registry::new())
            .task(tasks::step)
            .task(tasks::flaky)
            .task(tasks::broken)
            .task(tasks::gather)
            .task(tasks::tick)
            .state(Desk(Arc::clone(link)))
            .beat(entry)
            .clock(Arc::new(self.clock.skewed(life.map(|life| life.skew).unwrap_or_default())))
            .drivers(Arc::new(drivers))
            .in_place()
            .build()
            .expect("an app")
    }

    /// A worker that is started again whenever it has ended.
    async fn worker(self: Arc<Self>, number: usize, life: Life, over: CancellationToken) {
        let mut ends = life.ends.iter();
        for generation in 0.. {
            let link = self.link(format!("w{number}.{generation}"), &life.cuts);
            let app = self.app(&link, Some(&life));
            let options = WorkerOptions::new()
                .concurrency(life.slots)
                .heartbeat(Duration::ZERO)
                .hostname(link.name.clone());
            let stop = Stop::new();
            let worker = Worker::new(&app, &options).expect("a worker");
            let mut run = tokio::spawn(worker.run(stop.clone()));
            let end = ends.next().copied();
            let end = tokio::select! {
                biased;
                () = over.cancelled() => None,
                () = self.at(end) => end.map(|(_, end)| end),
                // A consumer that has ended for good ends its worker.
                _ = &mut run => Some(End::Killed),
            };
            match end {
                Some(End::Killed) => {
                    link.kill();
                    run.abort();
                }
                Some(End::Cold) => stop.cold(),
                Some(End::Warm) | None => stop.warm(),
            }
            if end != Some(End::Killed) {
                self.book.trace(&link.name, format_args!("stops {end:?}"));
                match timeout(PATIENCE, &mut run).await {
                    Ok(Ok(Ok(report))) if end.is_none() && report.left > 0 => {
                        self.book.broken(format!("{} left {} deliveries", link.name, report.left));
                    }
                    Ok(Ok(Err(error))) if end.is_none() => {
                        self.book.broken(format!("{} ended badly: {error}", link.name));
                    }
                    Ok(Err(error)) => self.book.broken(format!("{} broke: {error}", link.name)),
                    Err(_) => self.book.broken(format!("{} does not stop", link.name)),
                    Ok(Ok(_)) => {}
                }
                if end.is_none() {
                    return;
                }
                // What it left behind is not its own any more.
                link.kill();
                run.abort();
            }
            sleep(link::draw(|dice| Duration::from_millis(dice.u64(10..5_000)))).await;
        }
    }

    /// A beat that is started again whenever it has ended.
    async fn beat(self: Arc<Self>, number: usize, life: Life, over: CancellationToken) {
        let mut ends = life.ends.iter();
        for generation in 0.. {
            let link = self.link(format!("b{number}.{generation}"), &life.cuts);
            let app = self.app(&link, Some(&life));
            let stop = CancellationToken::new();
            let mut run = tokio::spawn(Beat::new(&app).run(stop.clone()));
            let end = ends.next().copied();
            let end = tokio::select! {
                biased;
                () = over.cancelled() => None,
                () = self.at(end) => end.map(|(_, end)| end),
                _ = &mut run => { self.book.broken(format!("{} has ended", link.name)); return }
            };
            // A beat that takes over may send again what this one was about to send.
            self.book.disturbed(&link.name);
            if end == Some(End::Killed) {
                link.kill();
                run.abort();
            } else {
                stop.cancel();
                if timeout(STOPPING, &mut run).await.is_err() {
                    self.book.broken(format!("{} does not stop", link.name));
                }
                link.kill();
            }
            if end.is_none() {
                return;
            }
            sleep(link::draw(|dice| Duration::from_millis(dice.u64(10..5_000)))).await;
        }
    }

    async fn at(&self, end: Option<(Duration, End)>) {
        match end {
            Some((at, _)) => sleep(at.saturating_sub(self.clock.elapsed())).await,
            None => std::future::pending().await,
        }
    }

    /// Sends everything; answers what was confirmed, and how it must end.
    async fn produce(self: &Arc<Self>) -> Vec<(TaskId, State)> {
        let link = self.link("p".to_owned(), &[]);
        let app = self.app(&link, None);
        let mut expected = Vec::new();
        for (number, send) in self.plan.sends.iter().enumerate() {
            sleep(send.at.saturating_sub(self.clock.elapsed())).await;
            let (canvas, ids) = self.canvas(number, send.what);
            let sent = app.send_canvas(canvas).await;
            let how = sent.as_ref().map_or_else(ToString::to_string, |_| "confirmed".to_owned());
            self.book.trace("p", format_args!("sent s{number} {:?}: {how}", send.what));
            if sent.is_ok() {
                expected.extend(ids);
            }
        }
        expected
    }

    /// What is sent, and how its tasks end.
    fn canvas(&self, number: usize, what: What) -> (Signature, Vec<(TaskId, State)>) {
        let id = |part: u32| TaskId::from(format!("s{number}.{part}"));
        let step = |part: u32, takes: Duration| {
            Signature::by_name("sim.step", args![takes.as_millis() as u64, part]).task_id(id(part))
        };
        let one = |signature, state| (signature, vec![(id(0), state)]);
        match what {
            What::Step(takes) => one(step(0, takes), State::Success),
            What::Delayed(by, takes) => {
                let due = self.clock.now().saturating_add(by).expect("a time");
                self.book.not_before(id(0).as_str(), due);
                one(step(0, takes).eta(due), State::Success)
            }
            What::Flaky(retries, apart) => {
                let args = args![retries, apart.as_millis() as u64];
                one(Signature::by_name("sim.flaky", args).task_id(id(0)), State::Success)
            }
            What::Broken => one(Signature::by_name("sim.broken", args![]).task_id(id(0)), State::Failure),
            What::Chain(length) => {
                let steps = (0..length).map(|part| step(part, Duration::from_millis(50)).immutable());
                (Signature::chain(steps), (0..length).map(|part| (id(part), State::Success)).collect())
            }
            What::Chord(members) => {
                let header =
                    (0..members).map(|part| step(part, Duration::from_millis(u64::from(part) * 700)));
                let body = Signature::by_name("sim.gather", args![members]).task_id(id(members));
                self.book.body(id(members).as_str());
                let ids = (0..=members).map(|part| (id(part), State::Success)).collect();
                (Signature::chord(header, body), ids)
            }
        }
    }

    /// Waits until everything has ended; answers what has not.
    async fn settle(&self, expected: &[(TaskId, State)]) -> Vec<String> {
        let mut left = Vec::new();
        while self.clock.elapsed() < CALM + PATIENCE {
            left = self.left(expected).await;
            if left.is_empty() {
                break;
            }
            sleep(Duration::from_secs(5)).await;
        }
        left
    }

    async fn left(&self, expected: &[(TaskId, State)]) -> Vec<String> {
        let mut left = Vec::new();
        let queues = [QUEUE.to_owned()];
        for stats in self.broker.stats(&queues).await.unwrap_or_default() {
            let taskq_core::broker::QueueStats { ready, delayed, in_flight, dead, .. } = stats;
            if (ready, delayed, in_flight, dead) != (0, 0, 0, 0) {
                left.push(format!(
                    "left: {ready} ready, {delayed} delayed, {in_flight} in flight, {dead} dead"
                ));
            }
        }
        let ids: Vec<TaskId> = expected.iter().map(|(id, _)| id.clone()).collect();
        let metas = self.backend.fetch(&ids).await.unwrap_or_default();
        for ((id, state), meta) in expected.iter().zip(metas) {
            let found = meta.map(|meta| meta.state);
            if found.as_ref() != Some(state) {
                left.push(format!("lost: `{id}` was confirmed and is {found:?}"));
            }
        }
        left
    }
}

/// The servers, as one process reaches them.
struct Reached {
    world: Arc<World>,
    link: Arc<Link>,
}

impl std::fmt::Debug for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reached").field("link", &self.link).finish_non_exhaustive()
    }
}

impl Drivers for Reached {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        let broker = FaultyBroker { broker: self.world.broker.clone(), link: Arc::clone(&self.link) };
        ready(Arc::new(broker) as _)
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        let backend = FaultyBackend { backend: self.world.backend.clone(), link: Arc::clone(&self.link) };
        ready(Arc::new(backend) as _)
    }

    fn schedules<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ScheduleStore>, Error>> {
        let schedules = self.world.schedules.clone();
        ready(Arc::new(FaultySchedules { schedules, link: Arc::clone(&self.link) }) as _)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(std::future::ready(Ok(value)))
}
