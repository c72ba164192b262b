//! Waiting for results: one pub/sub connection for everybody who waits.
//!
//! A notification only says "look again": the result itself is read with `MGET`, for many waiters at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use taskq_core::{
    backend::{BackendError, TaskMeta, WaitError},
    protocol::TaskId,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::Inner;
use crate::conn::answers;

/// How often everything that is waited for is read, whatever was announced, and the connection is asked for a
/// sign of life.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// Pause before a lost subscription is made again.
const PAUSE: Duration = Duration::from_millis(200);
/// Changes that wait for the subscriber. A full channel makes waiters wait, not lose anything.
const CHANGES: usize = 1_024;

#[derive(Debug)]
enum Change {
    Listen(TaskId),
    Leave(TaskId),
}

/// Everybody who waits, and the connection they share.
pub(super) struct Waiters {
    inner: Arc<Inner>,
    board: Arc<Board>,
    changes: mpsc::Sender<Change>,
    _subscriber: AbortOnDropHandle<()>,
}

/// Who waits for what: the number goes up when it is time to look again.
#[derive(Default)]
struct Board(Mutex<HashMap<TaskId, (usize, watch::Sender<u64>)>>);

impl Board {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, (usize, watch::Sender<u64>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins; true for the first.
    fn join(&self, id: &TaskId) -> (bool, watch::Receiver<u64>) {
        let mut board = self.lock();
        let (count, sender) = board.entry(id.clone()).or_insert_with(|| (0, watch::channel(0).0));
        *count += 1;
        (*count == 1, sender.subscribe())
    }

    /// Leaves; true for the last.
    fn leave(&self, id: &TaskId) -> bool {
        let mut board = self.lock();
        let Some((count, _)) = board.get_mut(id) else { return false };
        *count -= 1;
        let last = *count == 0;
        if last {
            board.remove(id);
        }
        last
    }

    fn look(&self, id: &str) {
        if let Some((_, sender)) = self.lock().get(id) {
            sender.send_modify(|times| *times += 1);
        }
    }

    fn look_all(&self) {
        for (_, sender) in self.lock().values() {
            sender.send_modify(|times| *times += 1);
        }
    }

    fn ids(&self) -> Vec<TaskId> {
        self.lock().keys().cloned().collect()
    }
}

impl Waiters {
    pub(super) fn start(inner: Arc<Inner>) -> Self {
        let board = Arc::new(Board::default());
        let (changes, receive) = mpsc::channel(CHANGES);
        let subscriber = tokio::spawn(subscriber(Arc::clone(&inner), Arc::clone(&board), receive));
        Self { inner, board, changes, _subscriber: AbortOnDropHandle::new(subscriber) }
    }

    pub(super) async fn wait(&self, id: &TaskId, timeout: Option<Duration>) -> Result<TaskMeta, WaitError> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let place = Place::take(self, id).await;
        let mut look = place.look.clone();
        loop {
            look.mark_unchanged();
            match self.inner.fetch(std::slice::from_ref(id)).await {
                Ok(mut found) => {
                    if let Some(meta) = found.pop().flatten()
                        && meta.state.is_ready()
                    {
                        return Ok(meta);
                    }
                }
                Err(error) if error.is_retryable() => tracing::debug!(%error, "could not read a result yet"),
                Err(error) => return Err(WaitError::Backend(error)),
            }
            let over = || WaitError::Timeout { id: id.clone(), after: timeout.unwrap_or_default() };
            let changed = match deadline {
                Some(deadline) => timeout_at(deadline, look.changed()).await.map_err(|_| over())?,
                None => look.changed().await,
            };
            if changed.is_err() {
                let closed = BackendError::permanent("the result backend was closed");
                return Err(WaitError::Backend(closed));
            }
        }
    }
}

/// A place on the board; dropping it leaves.
struct Place<'a> {
    waiters: &'a Waiters,
    id: TaskId,
    look: watch::Receiver<u64>,
}

impl<'a> Place<'a> {
    async fn take(waiters: &'a Waiters, id: &TaskId) -> Self {
        let (first, look) = waiters.board.join(id);
        let place = Self { waiters, id: id.clone(), look };
        if first {
            let _ = waiters.changes.send(Change::Listen(id.clone())).await;
        }
        place
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.waiters.board.leave(&self.id) {
            // When the channel is full the subscription stays until the connection is made anew.
            let _ = self.waiters.changes.try_send(Change::Leave(self.id.clone()));
        }
    }
}

/// Keeps the subscription in step with the board, for as long as the backend lives.
async fn subscriber(inner: Arc<Inner>, board: Arc<Board>, mut changes: mpsc::Receiver<Change>) {
    let mut tick = interval(SLOW_TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Nobody waits: no connection is held.
        while board.ids().is_empty() {
            if changes.recv().await.is_none() {
                return;
            }
        }
        let Ok(pubsub) = inner.link.pubsub("subscribe to results").await else {
            tokio::select! {
                _ = tick.tick() => board.look_all(),
                () = sleep(PAUSE) => {}
            }
            continue;
        };
        let (mut sink, mut messages) = pubsub.split();
        let keys: Vec<String> = board.ids().iter().map(|id| inner.key(id)).collect();
        let deadline = inner.link.response_timeout();
        if answers(deadline, sink.subscribe(&keys)).await.is_err() {
            sleep(PAUSE).await;
            continue;
        }
        // Whatever was stored before the subscription was there is found now.
        board.look_all();
        let prefix = inner.key(&TaskId::from(""));
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { break };
                    if let Some(id) = message.get_channel_name().strip_prefix(prefix.as_str()) {
                        board.look(id);
                    }
                }
                change = changes.recv() => {
                    let done = match change {
                        None => return,
                        Some(Change::Listen(id)) => {
                            let done = answers(deadline, sink.subscribe(inner.key(&id))).await;
                            board.look(id.as_str());
                            done
                        }
                        Some(Change::Leave(id)) if board.lock().contains_key(&id) => Ok(()),
                        Some(Change::Leave(id)) => answers(deadline, sink.unsubscribe(inner.key(&id))).await,
                    };
                    if done.is_err() {
                        break;
                    }
                }
                _ = tick.tick() => {
                    board.look_all();
                    // Nobody has waited for a while: the connection goes.
                    let idle = board.ids().is_empty();
                    if idle || answers(deadline, sink.ping::<redis::Value>()).await.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
