//! Results in this process's memory, for tests and for eager work.
//!
//! Kept true here: what is stored is what is read, and a waiter is woken by the store itself.

mod chord;
mod failed;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use self::chord::{Chords, Groups};
use super::{
    BackendError, ChordStore, FailedStep, FailedSteps, GroupMeta, ResultBackend, State, TaskMeta, WaitError,
};
use crate::{
    BoxFuture, Timestamp,
    protocol::TaskId,
    time::{Clock, SystemClock},
};

/// How long a result is kept, unless said otherwise: a day, as Celery's `result_expires`.
const EXPIRES: Duration = Duration::from_secs(86_400);

/// Results of this process. Clones and [`shared`](Self::shared) handles see the same results.
#[derive(Clone, Debug)]
pub struct MemoryBackend {
    shared: Arc<Shared>,
    /// `None`: never.
    expires: Option<Duration>,
    /// The same for failures; `None`: as `expires`.
    failure_expires: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    results: Mutex<HashMap<TaskId, Kept<TaskMeta>>>,
    groups: Mutex<Groups>,
    /// By workflow and id.
    failed: Mutex<HashMap<(String, String), Kept<FailedStep>>>,
    stored: Notify,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Kept<T> {
    what: T,
    until: Option<Timestamp>,
}

impl<T> Kept<T> {
    fn new(what: T, until: Option<Timestamp>) -> Self {
        Self { what, until }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl MemoryBackend {
    /// An empty backend of its own, on the clock of the machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty backend whose results expire by `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(Shared {
            results: Mutex::default(),
            groups: Mutex::default(),
            failed: Mutex::default(),
            stored: Notify::new(),
            clock,
        }))
    }

    /// The backend of that name in this process (`memory://name`), made by the first who asks. It lives as
    /// long as the process.
    #[must_use]
    pub fn shared(name: &str) -> Self {
        static NAMED: LazyLock<Mutex<HashMap<String, Arc<Shared>>>> = LazyLock::new(Mutex::default);
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        Self::of(Arc::clone(named.entry(name.to_owned()).or_insert_with(|| Self::new().shared)))
    }

    fn of(shared: Arc<Shared>) -> Self {
        Self { shared, expires: Some(EXPIRES), failure_expires: None }
    }

    /// How long what this handle stores is kept (`result_expires`); `None`: for ever. Default a day.
    #[must_use]
    pub fn expires(mut self, after: Option<Duration>) -> Self {
        self.expires = after.filter(|after| !after.is_zero());
        self
    }

    /// How long failures are kept (`result_failure_expires`); `None`: as other results. Default `None`.
    #[must_use]
    pub fn failure_expires(mut self, after: Option<Duration>) -> Self {
        self.failure_expires = after;
        self
    }

    fn results(&self) -> MutexGuard<'_, HashMap<TaskId, Kept<TaskMeta>>> {
        self.shared.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<(String, String), Kept<FailedStep>>> {
        self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When what is stored now is over.
    fn until(&self) -> Option<Timestamp> {
        self.expires.and_then(|after| self.shared.clock.now().saturating_add(after).ok())
    }

    fn read(&self, id: &TaskId) -> Option<TaskMeta> {
        let now = self.shared.clock.now();
        self.results().get(id).filter(|kept| !kept.is_over(now)).map(|kept| kept.what.clone())
    }

    async fn ready(&self, id: &TaskId) -> TaskMeta {
        loop {
            // Listening before looking: what is stored in between is heard.
            let stored = self.shared.stored.notified();
            if let Some(meta) = self.read(id).filter(|meta| meta.state.is_ready()) {
                return meta;
            }
            stored.await;
        }
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl ResultBackend for MemoryBackend {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let now = self.shared.clock.now();
            let until = |after: Option<Duration>| after.and_then(|after| now.saturating_add(after).ok());
            let mut results = self.results();
            for meta in batch {
                let after = match (&meta.state, self.failure_expires) {
                    (State::Failure, Some(after)) => Some(after).filter(|after| !after.is_zero()),
                    _ => self.expires,
                };
                let until = until(after);
                let kept = results.get(&meta.id);
                if kept.is_none_or(|kept| kept.what.state != State::Success || kept.is_over(now)) {
                    results.insert(meta.id.clone(), Kept::new(meta.clone(), until));
                }
            }
            drop(results);
            self.shared.stored.notify_waiters();
            Ok(())
        })
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        Box::pin(async move { Ok(ids.iter().map(|id| self.read(id)).collect()) })
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        Box::pin(async move {
            let Some(after) = timeout else { return Ok(self.ready(id).await) };
            tokio::time::timeout(after, self.ready(id))
                .await
                .map_err(|_| WaitError::Timeout { id: id.clone(), after })
        })
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut results = self.results();
            for id in ids {
                results.remove(id);
            }
            Ok(())
        })
    }

    fn cleanup(&self) -> BoxFuture<'_, Result<u64, BackendError>> {
        Box::pin(async move {
            let now = self.shared.clock.now();
            let mut results = self.results();
            let before = results.len();
            results.retain(|_, kept| !kept.is_over(now));
            let removed = before - results.len();
            drop(results);
            Ok((removed + self.shared.groups().clean(now)) as u64)
        })
    }

    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        Some(Arc::new(Chords { shared: Arc::clone(&self.shared), expires: self.expires }))
    }

    fn failed_steps(&self) -> Option<Arc<dyn FailedSteps>> {
        Some(Arc::new(self.clone()))
    }

    fn save_group<'a>(&'a self, group: &'a GroupMeta) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            self.shared.groups().save(group, self.until());
            Ok(())
        })
    }

    fn load_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<GroupMeta>, BackendError>> {
        Box::pin(async move { Ok(self.shared.groups().load(id, self.shared.clock.now())) })
    }

    fn forget_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            self.shared.groups().forget(id);
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::TaskOutput;

    #[derive(Debug)]
    struct ManualClock(Mutex<Timestamp>);

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn results_expire_by_the_clock_and_cleanup_counts_them() {
        let clock = Arc::new(ManualClock(Mutex::new("2030-01-01T00:00:00Z".parse().unwrap())));
        let backend =
            MemoryBackend::with_clock(Arc::clone(&clock) as _).expires(Some(Duration::from_secs(60)));
        let meta = TaskMeta::new("a".into(), State::Success, TaskOutput::NULL);
        backend.store(std::slice::from_ref(&meta)).await.unwrap();
        *clock.0.lock().unwrap() += Duration::from_secs(59);
        assert_eq!(backend.fetch(&["a".into()]).await.unwrap(), [Some(meta)]);
        assert_eq!(backend.cleanup().await.unwrap(), 0);
        *clock.0.lock().unwrap() += Duration::from_secs(1);
        assert_eq!(backend.fetch(&["a".into()]).await.unwrap(), [None]);
        assert_eq!(backend.cleanup().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn failures_have_a_time_of_their_own() {
        let clock = Arc::new(ManualClock(Mutex::new("2030-01-01T00:00:00Z".parse().unwrap())));
        let backend = MemoryBackend::with_clock(Arc::clone(&clock) as _)
            .expires(Some(Duration::from_secs(60)))
            .failure_expires(Some(Duration::from_secs(600)));
        let success = TaskMeta::new("good".into(), State::Success, TaskOutput::NULL);
        let failure = TaskMeta::new("bad".into(), State::Failure, TaskOutput::NULL);
        backend.store(&[success, failure.clone()]).await.unwrap();
        *clock.0.lock().unwrap() += Duration::from_secs(60);
        assert_eq!(backend.fetch(&["good".into(), "bad".into()]).await.unwrap(), [None, Some(failure)]);
    }
}
