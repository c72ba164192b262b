//! The consumer: a fetch that outlives whoever waits for it, so that waiting can be cancelled at any time.
//!
//! States: consuming (health is fine), or away with a reason; every failed take leads to away, every take
//! that works back to consuming.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, BrokerErrorKind, ConsumeSpec, Consumer, Delivery, Queue, Settler, Topology},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    held::Held,
    reclaim,
    settle::{self, RETURNS, RedisSettler},
    take::{self, Terms},
    topology, unacked,
    wait::{self, Watch},
};
use crate::options::QueueOrder;

/// First and longest pause between attempts while the server is away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How often the server is asked whether we hold more than we know: a take can be done long after its answer
/// was given up, when the network held it back.
const AUDIT: Duration = Duration::from_secs(15);

type Fetched = Result<Vec<Delivery>, BrokerError>;

pub(super) struct RedisConsumer {
    shared: Arc<Shared>,
    held: Arc<Held>,
    settler: Arc<RedisSettler>,
    queues: Vec<String>,
    terms: Terms,
    watch: Watch,
    /// A fetch that is under way, and what ends it.
    fetching: Option<(CancellationToken, oneshot::Receiver<Fetched>)>,
    /// Fetched, not handed out yet.
    ready: VecDeque<Delivery>,
    /// Where round robin goes on.
    turn: usize,
    away: Arc<Mutex<Option<String>>>,
    audit: Arc<Mutex<Audit>>,
    stop: CancellationToken,
    /// Loops that end with the consumer.
    duties: JoinSet<()>,
}

impl RedisConsumer {
    pub(super) async fn start(shared: &Shared, spec: ConsumeSpec) -> Result<Self, BrokerError> {
        let shared = Arc::new(shared.beside());
        shared.link.connect("consume").await?;
        topology::declare(&shared, &Topology { queues: spec.queues.clone() }).await?;
        let instance = format!("{}:{}", spec.node, uuid::Uuid::new_v4().as_simple());
        let held = Arc::new(Held::new(instance, shared.options.mirror_unacked));
        let (send, receive) = mpsc::channel(RETURNS);
        let watch = Watch::default();
        let wake = Arc::clone(&watch.wake);
        let settler = Arc::new(RedisSettler::new(Arc::clone(&shared), Arc::clone(&held), send, wake));
        // Ends when the last settler is gone: deliveries may outlive the consumer.
        tokio::spawn(settle::give_back(Arc::clone(&shared), Arc::clone(&held), receive));
        let stop = CancellationToken::new();
        let mut duties = JoinSet::new();
        duties.spawn(reclaim::run(Arc::clone(&shared), spec.lease));
        duties.spawn(unacked::run(Arc::clone(&shared)));
        let mut consumer = Self {
            shared,
            held,
            settler,
            queues: Vec::new(),
            terms: Terms { lease: spec.lease, max_deliveries: spec.max_deliveries },
            watch,
            fetching: None,
            ready: VecDeque::new(),
            turn: 0,
            away: Arc::default(),
            audit: Arc::new(Mutex::new(Audit::At(Instant::now() + AUDIT))),
            stop,
            duties,
        };
        consumer.watch_queues(spec.queues);
        Ok(consumer)
    }

    fn watch_queues(&mut self, queues: Vec<Queue>) {
        self.queues = queues.into_iter().map(|queue| queue.name).collect();
        if self.shared.options.queue_order == QueueOrder::Sorted {
            self.queues.sort();
        }
        self.watch.set(&self.shared, &self.queues, &self.stop);
    }

    /// The queues in the order of this turn.
    fn order(&mut self) -> Vec<String> {
        let mut queues = self.queues.clone();
        if self.shared.options.queue_order == QueueOrder::RoundRobin && !queues.is_empty() {
            self.turn = (self.turn + 1) % queues.len();
            queues.rotate_left(self.turn);
        }
        queues
    }

    fn fetch(&mut self, max: usize) -> (CancellationToken, oneshot::Receiver<Fetched>) {
        let (send, receive) = oneshot::channel();
        let end = self.stop.child_token();
        let fetch = Fetch {
            shared: Arc::clone(&self.shared),
            held: Arc::clone(&self.held),
            settler: Arc::clone(&self.settler),
            queues: self.order(),
            terms: self.terms.clone(),
            max,
            wake: Arc::clone(&self.watch.wake),
            arm: self.watch.armed(),
            away: Arc::clone(&self.away),
            audit: Arc::clone(&self.audit),
            stop: end.clone(),
        };
        // Not aborted with the consumer: a take whose answer nobody reads would leave messages held. It ends
        // within a read deadline of `stop`, and what it took goes back.
        tokio::spawn(async move {
            let settler = Arc::clone(&fetch.settler);
            if let Err(Ok(unseen)) = send.send(fetch.run().await) {
                settler.give_back_unseen(unseen);
            }
        });
        (end, receive)
    }
}

/// When to look for messages that were taken without our knowing.
#[derive(Clone, Copy, Debug)]
enum Audit {
    /// An answer was lost: before anything else is taken.
    Now,
    /// To be safe.
    At(Instant),
}

/// One fetch: takes as soon as there is something.
struct Fetch {
    shared: Arc<Shared>,
    held: Arc<Held>,
    settler: Arc<RedisSettler>,
    queues: Vec<String>,
    terms: Terms,
    max: usize,
    wake: Arc<tokio::sync::Notify>,
    arm: Vec<Arc<tokio::sync::Notify>>,
    away: Arc<Mutex<Option<String>>>,
    audit: Arc<Mutex<Audit>>,
    stop: CancellationToken,
}

impl Fetch {
    async fn run(self) -> Fetched {
        let mut pause = PAUSE.0;
        let mut found_nothing = 0;
        while !self.stop.is_cancelled() {
            match self.attempt(wait::pause(found_nothing)).await {
                Ok(Some(deliveries)) => return Ok(deliveries),
                Ok(None) => {
                    found_nothing = found_nothing.saturating_add(1);
                    pause = PAUSE.0;
                }
                Err(error) if matches!(error.kind(), BrokerErrorKind::Refused | BrokerErrorKind::Config) => {
                    return Err(error);
                }
                Err(error) => {
                    self.set_away(Some(error.to_string()));
                    tracing::warn!(%error, "could not take messages; trying again");
                    self.set_audit(Audit::Now);
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        Ok(Vec::new())
    }

    /// Takes; waits when there is nothing, at most for `tick`.
    async fn attempt(&self, tick: Duration) -> Result<Option<Vec<Delivery>>, BrokerError> {
        let found = self.audit().await?;
        if !found.is_empty() {
            self.consuming();
            return Ok(Some(found));
        }
        let taken =
            take::take(&self.shared, &self.held, &self.settler, &self.queues, self.max, &self.terms).await?;
        self.consuming();
        if !taken.deliveries.is_empty() {
            return Ok(Some(taken.deliveries));
        }
        let next = Instant::now() + taken.next_due.map_or(tick, |due| due.min(tick));
        self.arm.iter().for_each(|arm| arm.notify_one());
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.wake.notified() => {}
            () = sleep_until(next) => {}
        }
        Ok(None)
    }

    /// What was taken without our knowing.
    async fn audit(&self) -> Result<Vec<Delivery>, BrokerError> {
        let audit = *self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match audit {
            Audit::Now => true,
            Audit::At(at) => at <= Instant::now() && take::unknown(&self.shared, &self.held).await? > 0,
        };
        let found = if look {
            take::recover(&self.shared, &self.held, &self.settler, &self.terms).await?
        } else {
            Vec::new()
        };
        if look || matches!(audit, Audit::At(at) if at <= Instant::now()) {
            self.set_audit(Audit::At(Instant::now() + AUDIT));
        }
        Ok(found)
    }

    fn set_audit(&self, audit: Audit) {
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = audit;
    }

    fn consuming(&self) {
        if self.set_away(None) {
            tracing::info!("consuming again");
        }
    }

    /// True when that is news.
    fn set_away(&self, reason: Option<String>) -> bool {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let news = away.is_some() != reason.is_some();
        *away = reason;
        news
    }
}

impl Consumer for RedisConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            if max == 0 || self.stop.is_cancelled() {
                return Ok(());
            }
            while self.ready.is_empty() {
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                if self.fetching.is_none() {
                    self.fetching = Some(self.fetch(max));
                }
                let Some((_, fetching)) = &mut self.fetching else { return Ok(()) };
                let fetched = fetching.await;
                self.fetching = None;
                match fetched {
                    Ok(fetched) => self.ready.extend(fetched?),
                    Err(_) => {
                        return Err(BrokerError::new(
                            BrokerErrorKind::Closed,
                            "could not take messages: the runtime they were fetched on has ended",
                        ));
                    }
                }
            }
            let count = max.min(self.ready.len());
            into.extend(self.ready.drain(..count));
            Ok(())
        })
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::<RedisSettler>::clone(&self.settler)
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.stop.cancel();
            self.duties.abort_all();
            if let Some((_, fetching)) = self.fetching.take()
                && let Ok(Ok(unseen)) = fetching.await
            {
                self.ready.extend(unseen);
            }
            self.settler.give_back_unseen(self.ready.drain(..));
            Ok(())
        })
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            topology::declare(&self.shared, &Topology { queues: queues.clone() }).await?;
            self.watch_queues(queues);
            // A fetch that is under way looks at the old queues: it ends, and what it has comes first.
            if let Some((end, fetching)) = self.fetching.take() {
                end.cancel();
                if let Ok(fetched) = fetching.await {
                    self.ready.extend(fetched?);
                }
            }
            Ok(())
        })
    }

    fn health(&self) -> Result<(), String> {
        match &*self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }
}

impl Drop for RedisConsumer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some((_, mut fetching)) = self.fetching.take() {
            fetching.close();
            if let Ok(Ok(unseen)) = fetching.try_recv() {
                self.ready.extend(unseen);
            }
        }
        self.settler.give_back_unseen(self.ready.drain(..));
    }
}
