//! Takes messages, leads them through the gates and puts them in line.
//!
//! Kept true here: never more deliveries are held than the prefetch allows, whatever they wait for; a stop is
//! heard at every wait.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use taskq_core::{
    Timestamp,
    broker::{BrokerError, Consumer, Delivery, Payload, Queue},
    crash::{self, Point},
    protocol::Request,
    task::RateLimit,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use crate::{
    completer::Completions,
    control,
    effects::{self, Completion},
    gate::{Gate, Verdict},
    held::Held,
    job::Job,
    monitor,
    node::Node,
    panics,
    pool::Pool,
    prefetch,
};

/// Deliveries in one take.
const BATCH: usize = 512;

/// How long after a task had to wait for its turn only so many are taken as may wait here.
const RATED: Duration = Duration::from_secs(2);

/// Questions to the fetch loop that may wait for it.
pub(crate) const ASKS: usize = 64;

/// What others may ask of the fetch loop.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Consume these queues from now on.
    Queues(Vec<Queue>, oneshot::Sender<Result<(), BrokerError>>),
    /// Another rate limit for a task.
    Rate(Arc<str>, Option<RateLimit>),
    /// What waits for its time in this process.
    Scheduled(oneshot::Sender<Vec<Scheduled>>),
}

/// A task that waits for its time.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) eta: Option<Timestamp>,
    pub(crate) request: Request,
    pub(crate) held: Arc<Held>,
}

/// The fetch loop.
pub(crate) struct Fetch<'a> {
    node: Arc<Node>,
    gate: Gate,
    pool: &'a Pool,
    done: Completions,
    aside: Aside,
    /// When a task last had to wait for its turn under a rate limit.
    rated: Option<Instant>,
    /// What the consumer was told it may keep unsettled.
    window: Option<usize>,
    asks: mpsc::Receiver<Ask>,
}

impl<'a> Fetch<'a> {
    pub(crate) fn new(node: Arc<Node>, pool: &'a Pool, done: Completions, asks: mpsc::Receiver<Ask>) -> Self {
        Self {
            gate: Gate::new(Arc::clone(&node)),
            node,
            pool,
            done,
            aside: Aside::default(),
            rated: None,
            window: None,
            asks,
        }
    }

    async fn answer(&mut self, ask: Ask, consumer: &mut dyn Consumer) {
        match ask {
            Ask::Queues(queues, tell) => {
                let changed = consumer.set_queues(queues.clone()).await;
                if changed.is_ok() {
                    self.node.set_queues(queues);
                }
                let _ = tell.send(changed); // whoever asked may have gone
            }
            Ask::Rate(task, rate) => self.gate.set_rate(task, rate),
            Ask::Scheduled(tell) => {
                let scheduled = |job: &Job| Scheduled {
                    eta: job.request.eta,
                    request: job.request.as_ref().clone(),
                    held: Arc::clone(&job.held),
                };
                let _ = tell.send(self.aside.0.values().map(scheduled).collect());
            }
        }
    }

    /// Fetches until the worker is told to stop; hands back what waits for its turn.
    ///
    /// # Errors
    /// What the consumer reports: no retry can mend it.
    pub(crate) async fn run(&mut self, consumer: &mut dyn Consumer) -> Result<(), BrokerError> {
        let node = Arc::clone(&self.node);
        let mut batch: Vec<Delivery> = Vec::with_capacity(BATCH.min(node.prefetch.bound()));
        let mut look = tokio::time::interval(monitor::LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut runs = tokio::time::interval(prefetch::LOOK);
        runs.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut idle = true;
        loop {
            // An idle worker wakes up for nothing: what comes next is held before this is asked again.
            if std::mem::replace(&mut idle, node.held.total() == 0) && !idle {
                runs.reset();
            }
            let rated = self.rated.is_some_and(|since| since.elapsed() < RATED);
            let (passed, aside) = (self.pool.passed(), self.aside.0.len());
            let window = node.window(self.window, passed, aside, rated);
            if std::mem::replace(&mut self.window, window) != window {
                consumer.set_window(window);
            }
            let room = node.room(passed, aside, rated);
            tokio::select! {
                biased;
                () = node.stop.warm_asked() => return Ok(()),
                () = self.aside.due() => {
                    let mut due = self.aside.take_due();
                    node.busy.add(due.len());
                    self.pool.push(&mut due);
                }
                _ = runs.tick(), if !idle => {
                    if node.prefetch.look(node.running()) {
                        self.leave().await;
                    }
                }
                _ = look.tick(), if node.watched => node.seen.consuming(consumer.health(), node.held.len()),
                Some(ask) = self.asks.recv() => self.answer(ask, consumer).await,
                () = node.held.freed(), if room == 0 => {}
                taken = consumer.next_batch(room.min(BATCH), &mut batch), if room > 0 => {
                    taken?;
                    crash::reached(Point::Taken);
                    tokio::select! {
                        biased;
                        () = self.dispatch(&mut batch) => {}
                        // What was not sent to the completer is given back by the lapse of its lease.
                        () = node.stop.cold_asked() => return Ok(()),
                    }
                }
            }
        }
    }

    /// Those that wait for their turn, oldest first.
    pub(crate) fn take_aside(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.aside.0).into_values().collect()
    }

    /// Through the gates. A message that makes the reading of it panic is put aside like any that cannot be
    /// read: it must not end this worker and then the next.
    async fn pass(&mut self, delivery: Delivery, may_hold: bool) -> (Arc<Held>, Verdict) {
        let tag = delivery.tag();
        let passing = AssertUnwindSafe(self.gate.pass(delivery, may_hold)).catch_unwind();
        passing.await.unwrap_or_else(|payload| {
            let failure = panics::failure(&*payload);
            (Arc::new(Held::new(tag, "".into())), Verdict::End(Box::new(effects::unreadable(tag, &failure))))
        })
    }

    /// Takes out what goes beyond the bound on bytes, newest first: so they come back in their order.
    fn too_many(&self, batch: &mut Vec<Delivery>) -> Vec<Delivery> {
        let mut waiting = self.node.held.waiting_bytes();
        let fits = batch.iter().position(|delivery| {
            let Payload::Message(message) = &delivery.payload else { return false };
            let bytes = message.body.len();
            let too_much = self.node.prefetch.is_too_much(waiting, bytes);
            waiting += bytes as u64;
            too_much
        });
        let mut gone = fits.map_or_else(Vec::new, |from| batch.split_off(from));
        for delivery in &gone {
            if let Payload::Message(message) = &delivery.payload {
                self.node.prefetch.came(message.body.len());
            }
        }
        gone.reverse();
        gone
    }

    /// Leaves what waits to other workers, when nothing ends here: newest first.
    async fn leave(&self) {
        let most = self.node.autoscale.as_ref().map_or(0, |autoscale| autoscale.bounds().0);
        if self.pool.slots() < most {
            return; // it is about to grow
        }
        for job in self.pool.surplus() {
            self.node.busy.done();
            if job.held.claim() {
                let back = Completion::give_back(&self.node, job.held.tag, &job.known, &job.request);
                self.done.send(back).await;
            }
        }
    }

    async fn dispatch(&mut self, batch: &mut Vec<Delivery>) {
        let node = Arc::clone(&self.node);
        let too_many = self.too_many(batch);
        node.counters.received.add(batch.len());
        control::catch_up(&node).await;
        let (mut held, mut jobs, mut ends) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
        jobs.reserve(batch.len());
        let mut asking = Vec::new();
        let most_aside = node.most_aside();
        for delivery in batch.drain(..) {
            let may_hold = self.aside.0.len() < most_aside;
            let (of, verdict) = self.pass(delivery, may_hold).await;
            held.push(of);
            match verdict {
                Verdict::Run(job) => jobs.push(job),
                Verdict::Hold(job, until) => {
                    self.rated = Some(Instant::now()); // or it is early, which is as good a reason
                    self.aside.put(job, until);
                }
                Verdict::Ask(one) => asking.push(one),
                Verdict::End(completion) => ends.push(completion),
            }
        }
        // Before anybody may end them, or waits for an answer: from here on their leases are renewed.
        node.held.insert(held);
        if !asking.is_empty() {
            self.rated = Some(Instant::now());
            let may_hold = most_aside.saturating_sub(self.aside.0.len());
            for verdict in self.gate.ask(asking, may_hold).await {
                match verdict {
                    Verdict::Run(job) => jobs.push(job),
                    Verdict::Hold(job, until) => self.aside.put(job, until),
                    Verdict::End(completion) => ends.push(completion),
                    Verdict::Ask(_) => {} // they have asked
                }
            }
        }
        for delivery in too_many {
            let (tag, ..) = delivery.accept();
            node.held.insert([Arc::new(Held::new(tag, "".into()))]);
            ends.push(Box::new(Completion::untouched(tag, node.now())));
        }
        crash::reached(Point::Passed);
        node.busy.add(jobs.len() + ends.len());
        self.pool.push(&mut jobs);
        for completion in ends {
            node.busy.done();
            self.done.send(*completion).await;
        }
    }
}

/// Jobs that wait for their turn in this process, by time.
#[derive(Debug, Default)]
struct Aside(BTreeMap<(Instant, u64), Job>, u64);

impl Aside {
    fn put(&mut self, job: Job, until: Instant) {
        self.1 += 1;
        self.0.insert((until, self.1), job);
    }

    /// Waits until the first is due; for ever when there is none.
    async fn due(&self) {
        match self.0.first_key_value() {
            Some(((at, _), _)) => sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    fn take_due(&mut self) -> Vec<Job> {
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some(entry) = self.0.first_entry()
            && entry.key().0 <= now
        {
            due.push(entry.remove());
        }
        due
    }
}
