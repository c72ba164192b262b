//! Where completions wait for the completer.
//!
//! Kept true here: no more than a number of them wait, whoever brings one more waits with it; none is taken once the
//! completer is gone. The completer is woken once a batch, not for each of them: by the first, whose wait it times,
//! by the one that fills a batch, and by one after which no other can come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, time::Instant};

use super::BATCH;
use crate::{effects::Completion, node::Node};

#[derive(Debug)]
pub(super) struct Inbox {
    node: Arc<Node>,
    state: Mutex<State>,
    /// Most that wait.
    bound: usize,
    /// Wakes the completer.
    arrived: Notify,
    /// Wakes those who wait for room.
    room: Notify,
}

#[derive(Debug)]
struct State {
    waiting: Vec<Completion>,
    /// When the first of them came.
    since: Instant,
    closed: bool,
}

/// How an inbox stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) waiting: usize,
    /// When the first of them came.
    pub(super) since: Instant,
}

impl Inbox {
    pub(super) fn new(node: Arc<Node>, bound: usize) -> Self {
        Self {
            node,
            state: Mutex::new(State {
                waiting: Vec::with_capacity(BATCH),
                since: Instant::now(),
                closed: false,
            }),
            bound,
            arrived: Notify::new(),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one in; waits while there is no room. False: the completer is gone.
    pub(super) async fn put(&self, completion: Completion) -> bool {
        loop {
            // Made before the look: it hears of what happens from here on.
            let room = self.room.notified();
            {
                let state = self.lock();
                if state.closed {
                    return false;
                }
                if state.waiting.len() < self.bound {
                    self.add(state, completion);
                    return true;
                }
            }
            room.await;
        }
    }

    /// Puts one in that was taken out before; there is always room for it.
    pub(super) fn put_back(&self, completion: Completion) {
        self.add(self.lock(), completion);
    }

    fn add(&self, mut state: MutexGuard<'_, State>, completion: Completion) {
        if state.waiting.is_empty() {
            state.since = Instant::now();
        }
        state.waiting.push(completion);
        let waiting = state.waiting.len();
        drop(state);
        if waiting == 1 || waiting == BATCH || self.is_all() {
            self.arrived.notify_one();
        }
    }

    /// Whether nothing more can come before the completer has acted.
    pub(super) fn is_all(&self) -> bool {
        self.node.busy.stuck(self.node.tuning.concurrency)
    }

    pub(super) fn standing(&self) -> Standing {
        let State { waiting, since, .. } = &*self.lock();
        Standing { waiting: waiting.len(), since: *since }
    }

    /// Takes out a batch, oldest first.
    pub(super) fn take(&self) -> Vec<Completion> {
        let mut state = self.lock();
        let left = match state.waiting.len() > BATCH {
            true => state.waiting.split_off(BATCH),
            false => Vec::with_capacity(BATCH),
        };
        let batch = std::mem::replace(&mut state.waiting, left);
        state.since = Instant::now();
        drop(state);
        self.room.notify_waiters();
        batch
    }

    /// Waits until there is reason to look again. One waiter.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_waiters();
    }
}
