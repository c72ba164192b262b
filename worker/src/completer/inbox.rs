//! Where completions wait for the completer.
//!
//! Kept true here: no more than [`UNSETTLED`] wait or are being applied, whoever brings one more waits with it; none is
//! taken once the completer is gone. The completer is woken once a batch, not for each of them: by the first, whose wait
//! it times, by the first that somebody waits for, by the one that fills a batch, and by one after which no other can
//! come.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::{BATCH, UNSETTLED};
use crate::{effects::Completion, node::Node};

/// How long the first of a batch waits for others, while others may come.
const LINGER: Duration = Duration::from_millis(2);
/// How long mere acknowledgements wait, as long as slots have work ahead of them: nobody waits for these, and the time
/// that they take is that of tasks which compute.
const LINGER_UNAWAITED: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Inbox {
    node: Arc<Node>,
    state: Mutex<State>,
    /// Wakes the completer.
    arrived: Notify,
    /// Who brings one waits here for its turn, and only as many are woken as there is room for: thousands may wait.
    room: Semaphore,
}

#[derive(Debug)]
struct State {
    waiting: Vec<Completion>,
    linger: Linger,
    closed: bool,
}

/// How long completions wait for company.
#[derive(Debug)]
struct Linger {
    until: Instant,
    /// Somebody waits for one of them.
    awaited: bool,
}

impl Linger {
    /// One more has come. True when they may wait less long than before.
    fn join(&mut self, is_first: bool, is_awaited: bool, now: impl FnOnce() -> Instant) -> bool {
        let hurries = is_first || is_awaited && !self.awaited;
        if hurries {
            let until = now() + if is_awaited { LINGER } else { LINGER_UNAWAITED };
            *self = Self { until: if is_first { until } else { until.min(self.until) }, awaited: is_awaited };
        }
        hurries
    }
}

/// How an inbox stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) waiting: usize,
    /// Until when they may wait for others.
    pub(super) due: Instant,
}

impl Inbox {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            state: Mutex::new(State {
                waiting: Vec::with_capacity(BATCH),
                linger: Linger { until: Instant::now(), awaited: false },
                closed: false,
            }),
            arrived: Notify::new(),
            room: Semaphore::new(UNSETTLED),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one in; waits while there is no room. False: the completer is gone.
    pub(super) async fn put(&self, completion: Completion) -> bool {
        let Ok(room) = self.room.acquire().await else { return false };
        let state = self.lock();
        if state.closed {
            return false;
        }
        // Until it was applied.
        room.forget();
        self.add(state, completion);
        true
    }

    /// Puts one in that was taken out and [kept](Applying::keep): it still has its room.
    pub(super) fn put_back(&self, completion: Completion) {
        self.add(self.lock(), completion);
    }

    fn add(&self, mut state: MutexGuard<'_, State>, completion: Completion) {
        let (is_first, is_awaited) = (state.waiting.is_empty(), self.is_awaited(&completion));
        let hurries = state.linger.join(is_first, is_awaited, Instant::now);
        state.waiting.push(completion);
        let waiting = state.waiting.len();
        drop(state);
        if hurries || waiting == BATCH || self.is_all() {
            self.arrived.notify_one();
        }
    }

    /// Whether somebody waits for it, or a slot for the room that it makes.
    fn is_awaited(&self, completion: &Completion) -> bool {
        let has_work_ahead = self.node.prefetch.is_adaptive() && self.node.held.waiting_bytes() > 0;
        !has_work_ahead || !completion.is_mere_acknowledgement()
    }

    /// Whether nothing more can come before the completer has acted.
    pub(super) fn is_all(&self) -> bool {
        self.node.busy.stuck(self.node.tuning.concurrency)
    }

    pub(super) fn standing(&self) -> Standing {
        let State { waiting, linger, .. } = &*self.lock();
        Standing { waiting: waiting.len(), due: linger.until }
    }

    /// Takes out a batch, oldest first. It has its room until the guard is dropped.
    pub(super) fn take(self: &Arc<Self>) -> (Vec<Completion>, Applying) {
        let mut state = self.lock();
        let left = match state.waiting.len() > BATCH {
            true => state.waiting.split_off(BATCH),
            false => Vec::with_capacity(BATCH),
        };
        let batch = std::mem::replace(&mut state.waiting, left);
        // Those that are left are a batch too many: they have waited.
        state.linger = Linger { until: Instant::now() + LINGER, awaited: true };
        let applying = Applying { inbox: Arc::clone(self), count: batch.len() };
        (batch, applying)
    }

    /// Waits until there is reason to look again. One waiter.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
    }
}

/// The room of a batch that is being applied.
#[derive(Debug)]
pub(super) struct Applying {
    inbox: Arc<Inbox>,
    count: usize,
}

impl Applying {
    /// So many of it are to be applied again, and keep their room.
    pub(super) fn keep(&mut self, count: usize) {
        self.count -= count;
    }
}

impl Drop for Applying {
    fn drop(&mut self) {
        self.inbox.room.add_permits(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_does_not_wait_as_long_as_the_acknowledgements_before_it() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let mut linger = Linger { until: start, awaited: true };
        assert!(linger.join(true, false, || start), "the first of a batch is timed");
        assert_eq!(linger.until, start + LINGER_UNAWAITED);
        assert!(!linger.join(false, false, || start + ms(1)));
        assert!(linger.join(false, true, || start + ms(3)));
        assert_eq!(linger.until, start + ms(3) + LINGER);
        assert!(!linger.join(false, true, || start + ms(4)), "it is timed already");
        assert!(linger.join(true, false, || start + ms(20)));
        assert!(linger.join(false, true, || start + ms(29)));
        assert_eq!(linger.until, start + ms(20) + LINGER_UNAWAITED, "never longer than before");
    }
}
