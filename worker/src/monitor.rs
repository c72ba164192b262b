//! What a worker lets others see while it runs: whether it consumes, and if not, why; how much it holds.
//!
//! Kept true here: a broker that is away makes a worker not ready, never dead: restarting it would not help.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{Stats, stats::Counters};

/// How often a watched worker looks at itself.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// A view into a worker, from before it starts until after it has stopped. Clones are the same view.
#[derive(Clone, Debug)]
pub struct Monitor {
    name: Arc<str>,
    counters: Arc<Counters>,
    seen: Arc<Seen>,
}

/// What the worker wrote down last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: Mutex<State>,
    held: AtomicUsize,
    /// Tasks that it may run at once.
    slots: AtomicUsize,
    /// How often it stopped consuming without being told to.
    interruptions: AtomicU64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Starting,
    /// Its last attempt to connect.
    NotConnected(String),
    /// What the broker's consumer said at that time.
    Consuming(Instant, Result<(), String>),
    Stopping,
}

impl Seen {
    pub(crate) fn not_connected(&self, why: String) {
        self.set(State::NotConnected(why));
    }

    pub(crate) fn consuming(&self, health: Result<(), String>, held: usize) {
        self.held.store(held, Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if health.is_err() && matches!(*state, State::Consuming(_, Ok(()))) {
            self.interruptions.fetch_add(1, Relaxed);
        }
        *state = State::Consuming(Instant::now(), health);
    }

    pub(crate) fn resized(&self, slots: usize) {
        self.slots.store(slots, Relaxed);
    }

    pub(crate) fn stopping(&self) {
        self.set(State::Stopping);
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Monitor {
    pub(crate) fn new(name: Arc<str>, counters: Arc<Counters>, seen: Arc<Seen>) -> Self {
        Self { name, counters, seen }
    }

    /// Its node name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tasks it may run at once now: a pool can be resized, and follows its work with `--autoscale`.
    pub fn slots(&self) -> usize {
        self.seen.slots.load(Relaxed)
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Deliveries it held when it last looked: running, waiting, and not yet settled.
    pub fn held(&self) -> usize {
        self.seen.held.load(Relaxed)
    }

    /// How often it stopped consuming without being told to.
    pub fn interruptions(&self) -> u64 {
        self.seen.interruptions.load(Relaxed)
    }

    /// Whether messages can arrive right now.
    ///
    /// # Errors
    /// Why not, for a person.
    pub fn ready(&self) -> Result<(), String> {
        match &*self.seen.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Starting => Err("the worker is starting".to_owned()),
            State::NotConnected(why) => Err(format!("not connected: {why}")),
            State::Consuming(_, Err(why)) => Err(why.clone()),
            State::Consuming(at, Ok(())) => match at.elapsed() {
                late if late > LOOK * 30 => Err(format!("the worker has not looked for {late:.0?}")),
                _ => Ok(()),
            },
            State::Stopping => Err("the worker is stopping".to_owned()),
        }
    }

    /// Whether the worker itself works, whatever its broker does.
    ///
    /// # Errors
    /// Why not: its fetch loop has stood still for a minute.
    pub fn live(&self) -> Result<(), String> {
        match &*self.seen.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Consuming(at, _) if at.elapsed() > LOOK * 60 => {
                Err(format!("the worker has not looked for {:.0?}", at.elapsed()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_not_ready_but_live_and_counted_once() {
        let seen = Arc::new(Seen::default());
        let monitor = Monitor::new("w@h".into(), Arc::default(), Arc::clone(&seen));
        assert!(monitor.ready().unwrap_err().contains("starting"));
        seen.not_connected("refused".to_owned());
        assert!(monitor.ready().unwrap_err().contains("refused"));
        seen.consuming(Ok(()), 3);
        assert_eq!((monitor.ready(), monitor.held()), (Ok(()), 3));
        seen.consuming(Err("connection reset".to_owned()), 3);
        seen.consuming(Err("connection reset".to_owned()), 3);
        assert_eq!(monitor.ready(), Err("connection reset".to_owned()));
        assert_eq!((monitor.live(), monitor.interruptions()), (Ok(()), 1));
        seen.stopping();
        assert!(monitor.ready().unwrap_err().contains("stopping"));
    }
}
