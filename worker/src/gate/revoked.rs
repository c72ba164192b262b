//! Ids that were revoked, as far as this worker has heard; also those of workflows, and stamps.
//!
//! Bounded as Celery's: the newest 50,000, for three hours.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use taskq_core::{
    broker::Revocation,
    codec::Map,
    protocol::{Request, TaskId},
};
use tokio::time::Instant;

/// Most ids kept. Celery: `CELERY_WORKER_REVOKES_MAX`.
const MOST: usize = 50_000;
/// How long they are kept. Celery: `CELERY_WORKER_REVOKE_EXPIRES`.
const KEPT: Duration = Duration::from_secs(3 * 3600);

/// Revoked ids.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    /// Nearly always the whole answer, without a lock.
    any: AtomicBool,
    ids: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    since: HashMap<TaskId, Instant>,
    order: VecDeque<(Instant, TaskId)>,
}

impl Revoked {
    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, ids: impl IntoIterator<Item = TaskId>) {
        let now = Instant::now();
        let mut known = self.lock();
        for id in ids {
            known.since.insert(id.clone(), now);
            known.order.push_back((now, id));
        }
        while known.order.front().is_some_and(|(at, _)| known.order.len() > MOST || now - *at > KEPT) {
            if let Some((at, id)) = known.order.pop_front() {
                // Revoked again since: the younger entry counts.
                if known.since.get(&id) == Some(&at) {
                    known.since.remove(&id);
                }
            }
        }
        self.any.store(!known.since.is_empty(), Ordering::Release);
    }

    /// Every id, oldest first.
    pub(crate) fn all(&self) -> Vec<TaskId> {
        let known = self.lock();
        let current = |(at, id): &&(Instant, TaskId)| known.since.get(id) == Some(at) && at.elapsed() <= KEPT;
        known.order.iter().filter(current).map(|(_, id)| id.clone()).collect()
    }

    /// Whether anything is revoked at all.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(crate) fn contains(&self, id: &TaskId) -> bool {
        self.any() && self.lock().since.get(id).is_some_and(|since| since.elapsed() <= KEPT)
    }
}

/// What of a task may be revoked besides its id: its workflow, and its stamps.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) root: Option<TaskId>,
    pub(crate) stamps: Map,
}

impl Marks {
    pub(crate) fn of(request: &Request) -> Self {
        let headers = &request.headers;
        let root = headers.root_id.as_ref().unwrap_or(&headers.id);
        Self { root: Some(root.clone()), stamps: headers.stamps.clone() }
    }

    /// Each as the id under which it is revoked.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TaskId> {
        let stamps = self.stamps.iter().flat_map(|(name, value)| Revocation::stamp(name, value));
        self.root.iter().map(Revocation::workflow).chain(stamps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ids_are_kept_for_three_hours_from_the_last_time() {
        let revoked = Revoked::default();
        let (a, b) = (TaskId::from("a"), TaskId::from("b"));
        assert!(!revoked.contains(&a));
        revoked.add([a.clone(), b.clone()]);
        tokio::time::advance(KEPT / 2).await;
        revoked.add([b.clone()]);
        tokio::time::advance(KEPT / 2 + Duration::from_secs(1)).await;
        assert!(!revoked.contains(&a) && revoked.contains(&b));
    }

    #[test]
    fn the_oldest_make_room() {
        let revoked = Revoked::default();
        revoked.add((0..=MOST).map(|n| TaskId::from(n.to_string())));
        assert!(!revoked.contains(&TaskId::from("0")));
        assert!(revoked.contains(&TaskId::from("1")));
    }
}
