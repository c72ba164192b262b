//! A schedule in memory: for tests, and for programs that are their own beat and worker.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Entry,
    store::{
        Change, Claim, EntryState, HISTORY, Leadership, ScheduleStore, Snapshot, Tick, TickKind, TickRecord,
    },
};
use crate::{BoxFuture, Error, time::Clock};

/// Entries of one process. Clones share them.
#[derive(Clone, Debug)]
pub struct MemorySchedules {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    entries: BTreeMap<String, Kept>,
    leader: Option<(String, Instant)>,
    token: u64,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    state: EntryState,
    history: Vec<TickRecord>,
}

impl MemorySchedules {
    /// Without entries.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn leader(&self) -> Option<&str> {
        let leads = |(_, until): &&(String, Instant)| *until > Instant::now();
        self.leader.as_ref().filter(leads).map(|(leader, _)| leader.as_str())
    }

    fn change(&mut self, change: &Change, now: crate::Timestamp) -> bool {
        match change {
            Change::Put(entry) => {
                let kept = self.entries.entry(entry.name.clone()).or_insert_with(|| Kept {
                    entry: (**entry).clone(),
                    state: EntryState { since: Some(now), ..EntryState::default() },
                    history: Vec::new(),
                });
                kept.entry = (**entry).clone();
                true
            }
            Change::Remove(name) => self.entries.remove(name).is_some(),
            Change::Pause(name, paused) => {
                self.entries.get_mut(name).map(|kept| kept.state.paused = *paused).is_some()
            }
            Change::RunNow(name, at) => {
                self.entries.get_mut(name).map(|kept| kept.state.asked = Some(*at)).is_some()
            }
        }
    }

    fn claim(&mut self, token: u64, tick: &Tick) -> Claim {
        if tick.kind != TickKind::Backfill && (token != self.token || self.leader().is_none()) {
            return Claim::Fenced;
        }
        let Some(Kept { state, history, .. }) = self.entries.get_mut(&tick.entry) else { return Claim::Lost };
        let ours = match tick.kind {
            TickKind::Due | TickKind::LeftOut => state.last_due == tick.after,
            TickKind::RunNow => state.asked == Some(tick.due),
            TickKind::Backfill => {
                !history.iter().any(|was| was.kind == TickKind::Backfill && was.due == tick.due)
            }
        };
        if !ours {
            return Claim::Lost;
        }
        match tick.kind {
            TickKind::Due | TickKind::LeftOut => state.last_due = Some(tick.due),
            TickKind::RunNow => state.asked = None,
            TickKind::Backfill => {}
        }
        if tick.kind != TickKind::LeftOut {
            state.last_sent = Some(tick.at);
            state.last_task = Some(tick.task.clone());
            state.runs += 1;
            if tick.kind != TickKind::Backfill {
                state.pending = Some(tick.due);
            }
        }
        history.insert(0, TickRecord::of(tick));
        history.truncate(HISTORY);
        Claim::Won
    }
}

impl ScheduleStore for MemorySchedules {
    fn publishes(&self) -> bool {
        false
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, Error>> {
        Box::pin(async {
            let state = self.state();
            let stored = |(name, kept): (&String, &Kept)| (name.clone(), kept.state.clone());
            Ok(Snapshot {
                revision: state.revision,
                entries: state.entries.values().map(|kept| kept.entry.clone()).collect(),
                states: state.entries.iter().map(stored).collect(),
                unreadable: Vec::new(),
                leader: state.leader().map(str::to_owned),
            })
        })
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async { Ok(self.state().revision) })
    }

    fn change<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<bool>, Error>> {
        Box::pin(async {
            let now = self.clock.now();
            let mut state = self.state();
            state.revision += 1;
            Ok(changes.iter().map(|change| state.change(change, now)).collect())
        })
    }

    fn lead<'a>(&'a self, beat: &'a str, lease: Duration) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            match state.leader() {
                Some(leader) if leader != beat => {
                    return Ok(Leadership::Follower { leader: leader.to_owned() });
                }
                Some(_) => {}
                None => state.token += 1,
            }
            state.leader = Some((beat.to_owned(), Instant::now() + lease));
            Ok(Leadership::Leader { token: state.token })
        })
    }

    fn resign<'a>(&'a self, beat: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.leader() == Some(beat) {
                state.leader = None;
            }
            Ok(())
        })
    }

    fn claim<'a>(&'a self, token: u64, ticks: &'a [Tick]) -> BoxFuture<'a, Result<Vec<Claim>, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            Ok(ticks.iter().map(|tick| state.claim(token, tick)).collect())
        })
    }

    fn confirm<'a>(&'a self, token: u64, entries: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut state = self.state();
            if token == state.token {
                for name in entries {
                    if let Some(kept) = state.entries.get_mut(name) {
                        kept.state.pending = None;
                    }
                }
            }
            Ok(())
        })
    }

    fn history<'a>(&'a self, entry: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TickRecord>, Error>> {
        Box::pin(async move {
            let state = self.state();
            let history = state.entries.get(entry).map(|kept| kept.history.as_slice()).unwrap_or_default();
            Ok(history.iter().take(limit).cloned().collect())
        })
    }
}
