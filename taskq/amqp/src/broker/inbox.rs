//! Deliveries on their way from the loop that receives them to whoever takes them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use taskq_core::broker::{BrokerError, BrokerErrorKind, Delivery};
use tokio::sync::Notify;

/// What was received and is not taken yet, and what the taker wants.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Rung when something has come, or nothing more will.
    arrived: Notify,
    /// Rung when what is wanted changes.
    pub(super) wanted: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<(Arc<str>, VecDeque<Delivery>)>,
    /// Where the next round begins.
    turn: usize,
    wanted: usize,
    /// How many may be unsettled at once; 0: what is asked for.
    window: u16,
    away: Option<String>,
    failed: Option<(BrokerErrorKind, String)>,
    ended: bool,
}

/// The wish of one take; it ends with the take.
struct Wish<'a>(&'a Inbox);

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.lock().wanted = 0;
        self.0.wanted.notify_one();
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what has come, with the queues it came from.
    pub(super) fn push_all(&self, deliveries: impl ExactSizeIterator<Item = (Arc<str>, Delivery)>) {
        if deliveries.len() == 0 {
            return;
        }
        let mut state = self.lock();
        for (queue, delivery) in deliveries {
            match state.ready.iter_mut().find(|(name, _)| *name == queue) {
                Some((_, deliveries)) => deliveries.push_back(delivery),
                None => state.ready.push((queue, VecDeque::from([delivery]))),
            }
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// What is wanted and not there.
    pub(super) fn wish(&self) -> usize {
        let state = self.lock();
        if state.ready.iter().all(|(_, deliveries)| deliveries.is_empty()) { state.wanted } else { 0 }
    }

    /// How many may be unsettled at once; 0: what is asked for.
    pub(super) fn window(&self) -> u16 {
        self.lock().window
    }

    /// Sets it.
    pub(super) fn set_window(&self, window: u16) {
        let before = std::mem::replace(&mut self.lock().window, window);
        if before != window {
            self.wanted.notify_one();
        }
    }

    /// Takes all that is there, of these queues only.
    pub(super) fn remove(&self, is: impl Fn(&str) -> bool) -> Vec<Delivery> {
        let mut state = self.lock();
        let (gone, stay) = state.ready.drain(..).partition(|(name, _)| is(name));
        state.ready = stay;
        drop(state);
        let gone: Vec<(Arc<str>, VecDeque<Delivery>)> = gone;
        gone.into_iter().flat_map(|(_, deliveries)| deliveries).collect()
    }

    /// Notes why nothing comes; `None` when it does. True when that is news.
    pub(super) fn set_away(&self, reason: Option<String>) -> bool {
        let mut state = self.lock();
        let news = state.away.is_some() != reason.is_some();
        state.away = reason;
        news
    }

    /// Why nothing comes.
    pub(super) fn health(&self) -> Result<(), String> {
        self.lock().away.clone().map_or(Ok(()), Err)
    }

    /// Nothing comes any more: takes come back with nothing, or with the error.
    pub(super) fn end(&self, error: Option<&BrokerError>) {
        let mut state = self.lock();
        state.ended = true;
        if let Some(error) = error {
            state.away = Some(error.to_string());
            state.failed = Some((error.kind(), error.to_string()));
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits for something, then takes at most `max` of it, from the queues in turn.
    pub(super) async fn take(&self, max: usize, into: &mut Vec<Delivery>) -> Result<(), BrokerError> {
        let mut wish = None;
        loop {
            {
                let mut state = self.lock();
                let taken = into.len();
                state.drain(max, into);
                if into.len() > taken {
                    // Under the lock: nobody may fetch once more for a wish that is fulfilled.
                    state.wanted = 0;
                    return Ok(());
                }
                if let Some((kind, text)) = &state.failed {
                    return Err(BrokerError::new(*kind, text.clone()));
                }
                if state.ended {
                    return Ok(());
                }
                state.wanted = max;
            }
            if wish.is_none() {
                wish = Some(Wish(self));
                self.wanted.notify_one();
            }
            self.arrived.notified().await;
        }
    }
}

impl State {
    fn drain(&mut self, max: usize, into: &mut Vec<Delivery>) {
        let queues = self.ready.len();
        let mut left = max;
        let mut empty = 0;
        while left > 0 && empty < queues {
            self.turn = (self.turn + 1) % queues;
            match self.ready[self.turn].1.pop_front() {
                Some(delivery) => {
                    into.push(delivery);
                    (left, empty) = (left - 1, 0);
                }
                None => empty += 1,
            }
        }
    }
}
