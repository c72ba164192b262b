//! Fetching: takes as soon as there is something, and takes on while that is read.
//!
//! Kept true here: a fetch that follows another one asks for no more than the consumer's window leaves, waits for
//! nothing, and leaves what goes wrong to the next one that is asked for; what was taken without our knowing is looked
//! for only while no other take is under way; a take that waits on the server ends before its fetch does. States of the
//! consumer: consuming (health is fine), or away with a reason; every failed take leads to away, every take that works
//! back to consuming.

use std::{
    future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, BrokerErrorKind, Delivery},
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    armed::{Armed, Came, Waits},
    held::Held,
    settle::RedisSettler,
    take::{self, Taken, Terms},
    wait,
};

/// First and longest pause between attempts while the server is away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How often the server is asked, once an answer was lost, whether we hold more than we know: a take can be done long
/// after its answer was given up, when the network held it back.
const AUDIT: Duration = Duration::from_secs(15);

/// The most that a fetch takes that was not asked for.
const MOST_AHEAD: usize = 512;

/// What a fetch brings.
pub(super) type Fetched = Result<Batch, BrokerError>;

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) deliveries: Vec<Delivery>,
    /// The fetch that follows, if there is one.
    pub(super) next: Option<oneshot::Receiver<Fetched>>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.next.is_none()
    }
}

/// How a consumer stands.
#[derive(Debug)]
pub(super) struct State {
    /// Why it cannot take.
    away: Mutex<Option<String>>,
    audit: Mutex<Audit>,
    /// How many may be held without being asked for; 0: none.
    window: AtomicUsize,
}

impl Default for State {
    fn default() -> Self {
        let audit = Mutex::new(Audit::At(Instant::now() + AUDIT));
        Self { away: Mutex::default(), audit, window: AtomicUsize::new(0) }
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

impl Audit {
    fn is_due(self) -> bool {
        match self {
            Self::Now => true,
            Self::At(at) => at <= Instant::now(),
        }
    }
}

impl State {
    pub(super) fn set_window(&self, most: Option<usize>) {
        self.window.store(most.unwrap_or(0), Relaxed);
    }

    fn window(&self) -> usize {
        self.window.load(Relaxed)
    }

    /// The reason for which it is away, as an error.
    pub(super) fn health(&self) -> Result<(), String> {
        match &*self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }

    fn audit(&self) -> Audit {
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner)
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

/// One fetch.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) shared: Arc<Shared>,
    pub(super) held: Arc<Held>,
    pub(super) settler: Arc<RedisSettler>,
    pub(super) queues: Vec<String>,
    pub(super) terms: Terms,
    pub(super) max: usize,
    pub(super) wake: Arc<Notify>,
    pub(super) watchers: Vec<Arc<Notify>>,
    pub(super) waits: Arc<Waits>,
    pub(super) state: Arc<State>,
    pub(super) stop: CancellationToken,
}

/// How a fetch waits.
#[derive(Default)]
struct Waiting {
    armed: Option<Armed>,
    /// That failed: not again before the next look.
    failed: bool,
}

impl Waiting {
    /// What comes of what is armed.
    async fn came(&mut self) -> Came {
        let Some(armed) = &mut self.armed else { return future::pending().await };
        let came = armed.came().await;
        self.armed = None;
        came
    }
}

impl Fetch {
    /// Fetches, whether somebody waits for it or not: a take whose answer nobody reads would leave messages held. It
    /// ends within a read deadline of `stop`.
    pub(super) fn start(self) -> oneshot::Receiver<Fetched> {
        self.spawn(Self::run)
    }

    fn spawn<F>(self, run: impl FnOnce(Self) -> F) -> oneshot::Receiver<Fetched>
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let settler = Arc::clone(&self.settler);
        let run = run(self);
        tokio::spawn(async move {
            if let Err(unseen) = send.send(run.await) {
                give_back(&settler, unseen);
            }
        });
        receive
    }

    async fn run(self) -> Fetched {
        let mut waiting = Waiting::default();
        let fetched = self.until_found(&mut waiting).await;
        let Some(armed) = waiting.armed.take() else { return fetched };
        let overtaken = fetched.as_ref().is_ok_and(|batch| !batch.deliveries.is_empty());
        let mut rest = self.disarm(armed, overtaken).await;
        let mut batch = match fetched {
            Ok(batch) => batch,
            Err(error) => {
                self.settler.give_back_unseen(rest);
                return Err(error);
            }
        };
        // Both together may be more than was asked for.
        let room = self.max.saturating_sub(batch.deliveries.len()).min(rest.len());
        self.settler.give_back_unseen(rest.drain(room..));
        batch.deliveries.append(&mut rest);
        batch.next = self.ahead(batch.deliveries.len() == self.max, 0);
        Ok(batch)
    }

    async fn until_found(&self, waiting: &mut Waiting) -> Fetched {
        let mut pause = PAUSE.0;
        let mut found_nothing = 0;
        while !self.stop.is_cancelled() {
            match self.attempt(waiting, wait::pause(found_nothing)).await {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {
                    found_nothing = found_nothing.saturating_add(1);
                    pause = PAUSE.0;
                }
                Err(error) if matches!(error.kind(), BrokerErrorKind::Refused | BrokerErrorKind::Config) => {
                    return Err(error);
                }
                Err(error) => {
                    self.state.set_away(Some(error.to_string()));
                    tracing::warn!(%error, "could not take messages; trying again");
                    self.state.set_audit(Audit::Now);
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        Ok(Batch::default())
    }

    /// Takes; waits when there is nothing, at most for `tick`.
    async fn attempt(&self, waiting: &mut Waiting, tick: Duration) -> Result<Option<Batch>, BrokerError> {
        let found = self.audit(waiting).await?;
        if !found.is_empty() {
            self.state.consuming();
            return Ok(Some(Batch { deliveries: found, next: None }));
        }
        let taken = self.take().await?;
        self.state.consuming();
        let next_due = taken.next_due;
        let batch = match waiting.armed {
            None => self.read(taken).await,
            // What waits ends first.
            Some(_) => Batch { deliveries: self.deliveries(taken).await, next: None },
        };
        if !batch.is_empty() {
            return Ok(Some(batch));
        }
        if let Some(void) = waiting.armed.take_if(|armed| armed.is_void()) {
            let deliveries = self.disarm(void, false).await;
            if !deliveries.is_empty() {
                return Ok(Some(Batch { deliveries, next: None }));
            }
        }
        self.wait(waiting, Instant::now() + tick, next_due).await
    }

    /// Waits until there may be something, at most until `tick` or something is due. Brings what was taken meanwhile.
    async fn wait(
        &self,
        waiting: &mut Waiting,
        tick: Instant,
        mut next_due: Option<Duration>,
    ) -> Result<Option<Batch>, BrokerError> {
        let mut until = tick;
        loop {
            if let Some(due) = next_due.take() {
                until = until.min(Instant::now() + due);
            }
            if waiting.armed.is_none() && !waiting.failed {
                waiting.armed = self.arm();
            }
            let came = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                came = waiting.came() => came,
                () = self.wake.notified() => return Ok(None),
                () = sleep_until(until) => {
                    waiting.failed = false;
                    return Ok(None);
                }
            };
            match came {
                Came::Taken(taken) => {
                    next_due = taken.next_due;
                    let batch = self.read(taken).await;
                    if !batch.is_empty() {
                        return Ok(Some(batch));
                    }
                    // The wait was over, or others were quicker: it has looked, so it can wait again.
                }
                Came::Look => return Ok(None),
                Came::Failed(error) => {
                    tracing::debug!(%error, "could not wait for messages");
                    waiting.failed = true;
                }
                Came::Lost(error) => {
                    tracing::debug!(%error, "lost the answer of a take that waited");
                    waiting.failed = true;
                    self.state.set_audit(Audit::Now);
                    return Ok(None);
                }
            }
        }
    }

    /// Lets a take wait on the server, or else watchers.
    fn arm(&self) -> Option<Armed> {
        match &self.queues[..] {
            [queue] if self.waits.can() => {
                let Self { shared, held, waits, max, terms, .. } = self;
                Some(Armed::new(shared, held, waits, queue, *max, terms.lease))
            }
            _ => {
                self.watchers.iter().for_each(|watcher| watcher.notify_one());
                None
            }
        }
    }

    /// Ends what waits, and brings what it took. `overtaken`: something was taken since it was armed.
    async fn disarm(&self, armed: Armed, overtaken: bool) -> Vec<Delivery> {
        match armed.disarm().await {
            Came::Taken(mut taken) => {
                if overtaken {
                    taken.was_overtaken();
                }
                self.deliveries(taken).await
            }
            Came::Look => Vec::new(),
            Came::Failed(error) => {
                tracing::debug!(%error, "could not wait for messages");
                Vec::new()
            }
            Came::Lost(error) => {
                tracing::debug!(%error, "could not end a take that waited");
                self.state.set_audit(Audit::Now);
                Vec::new()
            }
        }
    }

    async fn take(&self) -> Result<Taken, BrokerError> {
        take::take(&self.shared, &self.held, &self.queues, self.max, self.terms.lease).await
    }

    /// Reads what was taken, while the next fetch is under way.
    async fn read(&self, taken: Taken) -> Batch {
        let next = self.ahead(taken.is_full(), taken.len());
        let deliveries = self.deliveries(taken).await;
        Batch { deliveries, next }
    }

    async fn deliveries(&self, taken: Taken) -> Vec<Delivery> {
        taken.read(&self.shared, &self.held, &self.settler, &self.queues, &self.terms).await
    }

    /// The fetch that follows one that got all it asked for, if there is likely to be more, and room for it beside what is
    /// not read yet.
    fn ahead(&self, got_all: bool, unread: usize) -> Option<oneshot::Receiver<Fetched>> {
        let window = self.state.window();
        let room = window.saturating_sub(self.held.total() + unread);
        let is_worth_it = got_all && room > 0 && room >= window / 4;
        // Before anything was taken under it, nobody knows whether the owner's name is still good.
        if !is_worth_it || !self.held.has_taken() || self.state.audit().is_due() || self.stop.is_cancelled() {
            return None;
        }
        let next = Self { max: room.min(MOST_AHEAD), ..self.clone() };
        // Boxed: it may be followed by one of its own.
        Some(next.spawn(|fetch| -> BoxFuture<'static, Fetched> { Box::pin(fetch.run_ahead()) }))
    }

    /// Takes once.
    async fn run_ahead(self) -> Fetched {
        match self.take().await {
            Ok(taken) => {
                let mut batch = self.read(taken).await;
                // It may have become smaller meanwhile.
                let beyond = self.held.total().saturating_sub(self.state.window());
                let fits = batch.deliveries.len().saturating_sub(beyond);
                self.settler.give_back_unseen(batch.deliveries.drain(fits..));
                Ok(batch)
            }
            Err(error) => {
                tracing::debug!(%error, "could not take ahead");
                self.state.set_audit(Audit::Now);
                Ok(Batch::default())
            }
        }
    }

    /// What was taken without our knowing.
    async fn audit(&self, waiting: &mut Waiting) -> Result<Vec<Delivery>, BrokerError> {
        if !self.state.audit().is_due() {
            return Ok(Vec::new());
        }
        // What waits may take while we look, and would come twice. Where no other answer was lost nobody has to look.
        if let Some(armed) = waiting.armed.take_if(|armed| self.held.has_unknown_besides(armed.numbers())) {
            let came = self.disarm(armed, false).await;
            if !came.is_empty() {
                return Ok(came);
            }
        }
        let found = match waiting.armed {
            None => take::recover(&self.shared, &self.held, &self.settler, &self.terms).await?,
            Some(_) => Vec::new(),
        };
        self.state.set_audit(Audit::At(Instant::now() + AUDIT));
        Ok(found)
    }
}

/// Gives back what nobody waits for, and what follows it.
fn give_back(settler: &RedisSettler, fetched: Fetched) {
    let mut fetched = Some(fetched);
    while let Some(Ok(Batch { deliveries, next })) = fetched {
        settler.give_back_unseen(deliveries);
        fetched = next.and_then(|mut next| {
            next.close();
            next.try_recv().ok()
        });
    }
}
