//! Who waits for which result.
//!
//! Kept true here: a result stored by this process wakes exactly its waiters; one stored by another process
//! wakes them after the next look, which reads one small row per task that is waited for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension};
use taskq_core::{backend::State, protocol::TaskId};
use tokio::sync::Notify;

use super::error::Result;

#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<HashMap<TaskId, Waited>>);

#[derive(Debug, Default)]
struct Waited {
    by: usize,
    stored: Arc<Notify>,
}

/// A wait for one task.
#[derive(Debug)]
pub(crate) struct Wait<'w> {
    waits: &'w Waits,
    id: TaskId,
    /// Told when it may be there.
    pub(crate) stored: Arc<Notify>,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Waited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, id: &TaskId) -> Wait<'_> {
        let mut map = self.lock();
        let waited = map.entry(id.clone()).or_default();
        waited.by += 1;
        Wait { waits: self, id: id.clone(), stored: Arc::clone(&waited.stored) }
    }

    /// Wakes those who wait for one of these.
    pub(crate) fn stored<'a>(&self, ids: impl Iterator<Item = &'a TaskId>) {
        let map = self.lock();
        if map.is_empty() {
            return;
        }
        for waited in ids.filter_map(|id| map.get(id)) {
            waited.stored.notify_waiters();
        }
    }

    /// Wakes those whose task has ended.
    pub(super) fn look(&self, conn: &Connection) -> Result<()> {
        let ids: Vec<TaskId> = self.lock().keys().cloned().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut select = conn.prepare_cached("SELECT state FROM result WHERE id = ?1")?;
        let mut ended = Vec::new();
        for id in ids {
            let state: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
            if state.is_some_and(|state| State::from(state.as_str()).is_ready()) {
                ended.push(id);
            }
        }
        self.stored(ended.iter());
        Ok(())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut map = self.waits.lock();
        if let Some(waited) = map.get_mut(&self.id) {
            waited.by -= 1;
            if waited.by == 0 {
                map.remove(&self.id);
            }
        }
    }
}
