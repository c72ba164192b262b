//! Results in a SQLite file.
//!
//! Kept true here: a stored SUCCESS is never overwritten, by any process; a wait looks again after every
//! commit that may concern it, and on a slow tick besides.

mod chord;
mod failed;
mod group;
mod row;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use taskq_core::{
    BoxFuture,
    backend::{BackendError, ChordStore, FailedSteps, GroupMeta, ResultBackend, TaskMeta, WaitError},
    broker::{RateLimits, Revocations},
    protocol::TaskId,
};

use self::{chord::Chords, failed::Failed, row::Row};
use crate::{
    SqliteOptions,
    shared::Shared,
    store::{Failure, Result, Store, Tx, micros, micros_now},
};

/// The longest wait before it looks again, whatever it was told.
const LOOK: Duration = Duration::from_secs(1);
/// Expired results removed in one transaction.
const STEP: usize = 1_000;

/// A result backend on a SQLite file, which may be the broker's.
#[derive(Debug)]
pub struct SqliteBackend {
    /// `None` once it is closed.
    store: Mutex<Option<Arc<Store>>>,
    /// `None`: for ever.
    expires: Option<Duration>,
    /// The same for failures.
    failure_expires: Option<Duration>,
}

impl SqliteBackend {
    /// Opens the file of an address such as `sqlite:./taskq.db`, creating it.
    ///
    /// # Errors
    /// As [`SqliteBroker::open`](crate::SqliteBroker::open).
    pub async fn open(url: &str, options: SqliteOptions) -> std::result::Result<Self, BackendError> {
        let (path, options) = options.with_url(url).map_err(BackendError::permanent)?;
        let expires = options.result_expires.filter(|after| !after.is_zero());
        let failure_expires = match options.result_failure_expires {
            Some(after) => Some(after).filter(|after| !after.is_zero()),
            None => expires,
        };
        let store =
            Store::open(path, options).await.map_err(|failure| failure.backend("open the backend"))?;
        Ok(Self { store: Mutex::new(Some(store)), expires, failure_expires })
    }

    fn store(&self) -> Result<Arc<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(Failure::closed)
    }

    async fn store_all(&self, batch: &[TaskMeta]) -> Result<()> {
        let store = self.store()?;
        let ids: Vec<TaskId> = batch.iter().map(|meta| meta.id.clone()).collect();
        let rows = batch.iter().map(Row::of).collect::<Result<Vec<_>>>()?;
        let (expires, failure_expires) = (self.expires.map(micros), self.failure_expires.map(micros));
        let work = move |tx: &Tx<'_>| {
            rows.iter().try_for_each(|row| {
                let after = if row.is_failure() { failure_expires } else { expires };
                row.upsert(tx, after.map(|after| tx.now.saturating_add(after)))
            })
        };
        store.write(work).await?;
        store.signals.waits.stored(ids.iter());
        Ok(())
    }

    async fn fetch_all(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskMeta>>> {
        let ids = ids.to_vec();
        let read = move |conn: &Connection| {
            let now = micros_now();
            ids.iter().map(|id| row::find(conn, id, now)).collect()
        };
        self.store()?.read(read).await
    }

    async fn ready(&self, id: &TaskId) -> Result<TaskMeta> {
        let store = self.store()?;
        let wait = store.signals.waits.enter(id);
        let _watched = store.signals.waiting();
        loop {
            // Listening before looking: what is stored in between is heard.
            let stored = wait.stored.notified();
            let read = self.fetch_all(std::slice::from_ref(id)).await?.pop().flatten();
            if let Some(meta) = read.filter(|meta| meta.state.is_ready()) {
                return Ok(meta);
            }
            let _ = tokio::time::timeout(LOOK, stored).await;
        }
    }
}

impl ResultBackend for SqliteBackend {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            if batch.is_empty() {
                return Ok(());
            }
            let tried = || format!("store {} results", batch.len());
            self.store_all(batch).await.map_err(|failure| failure.backend(tried()))
        })
    }

    fn fetch<'a>(
        &'a self,
        ids: &'a [TaskId],
    ) -> BoxFuture<'a, std::result::Result<Vec<Option<TaskMeta>>, BackendError>> {
        Box::pin(async move {
            let tried = || format!("read {} results", ids.len());
            self.fetch_all(ids).await.map_err(|failure| failure.backend(tried()))
        })
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, std::result::Result<TaskMeta, WaitError>> {
        Box::pin(async move {
            let ready = match timeout {
                None => self.ready(id).await,
                Some(after) => tokio::time::timeout(after, self.ready(id))
                    .await
                    .map_err(|_| WaitError::Timeout { id: id.clone(), after })?,
            };
            let tried = || format!("read the result of `{id}`");
            ready.map_err(|failure| WaitError::Backend(failure.backend(tried())))
        })
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let own = ids.to_vec();
            let work = move |tx: &Tx<'_>| {
                own.iter().try_for_each(|id| {
                    tx.execute("DELETE FROM result WHERE id = ?1", [id.as_str()]).map(drop)
                })
            };
            let forgotten = async { self.store()?.write(work).await };
            forgotten.await.map_err(|failure| failure.backend(format!("forget {} results", ids.len())))
        })
    }

    fn cleanup(&self) -> BoxFuture<'_, std::result::Result<u64, BackendError>> {
        Box::pin(async move {
            let mut removed = 0;
            loop {
                let step = async { self.store()?.write(remove_expired).await };
                let step = step.await.map_err(|failure| failure.backend("remove expired results"))?;
                removed += step as u64;
                if step < STEP {
                    return Ok(removed);
                }
            }
        })
    }

    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        Some(Arc::new(Chords { store: self.store(), expires: self.expires }))
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(Shared(self.store().ok()?)))
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        Some(Arc::new(Shared(self.store().ok()?)))
    }

    fn failed_steps(&self) -> Option<Arc<dyn FailedSteps>> {
        Some(Arc::new(Failed { store: self.store().ok()?, expires: self.failure_expires }))
    }

    fn save_group<'a>(
        &'a self,
        group: &'a GroupMeta,
    ) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let (group, expires) = (group.clone(), self.expires.map(micros));
            let work =
                move |tx: &Tx<'_>| group::save(tx, &group, expires.map(|after| tx.now.saturating_add(after)));
            let saved = async { self.store()?.write(work).await };
            saved.await.map_err(|failure| failure.backend("save a group"))
        })
    }

    fn load_group<'a>(
        &'a self,
        id: &'a str,
    ) -> BoxFuture<'a, std::result::Result<Option<GroupMeta>, BackendError>> {
        Box::pin(async move {
            let own = id.to_owned();
            let read = move |conn: &Connection| group::load(conn, &own, micros_now());
            let loaded = async { self.store()?.read(read).await };
            loaded.await.map_err(|failure| failure.backend("read a saved group"))
        })
    }

    fn forget_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let own = id.to_owned();
            let work = move |tx: &Tx<'_>| group::forget(tx, &own);
            let forgotten = async { self.store()?.write(work).await };
            forgotten.await.map_err(|failure| failure.backend("forget a saved group"))
        })
    }

    fn close(&self) -> BoxFuture<'_, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The last user joins the threads.
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
            Ok(())
        })
    }
}

/// Removes some of what expired; answers how many.
pub(crate) fn remove_expired(tx: &Tx<'_>) -> Result<usize> {
    chord::remove_expired(tx)?;
    group::remove_expired(tx)?;
    failed::remove_expired(tx)?;
    tx.execute(
        "DELETE FROM result WHERE rowid IN (SELECT rowid FROM result WHERE expires <= ?1 LIMIT ?2)",
        (tx.now, STEP),
    )
}
