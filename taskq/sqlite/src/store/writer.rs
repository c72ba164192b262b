//! The one thread of this process that writes.
//!
//! Kept true here: everything that waits is written in one transaction (group commit), and its caller is
//! answered after the commit, never before; work that fails is rolled back alone, not with its neighbours.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use taskq_core::broker::DeliveryTag;
use tokio::sync::{Notify, mpsc, oneshot};

use super::{
    clock::WallClock,
    error::{Failure, Result},
    names::Names,
    tx::Tx,
};
use crate::broker::give_back;

/// Callers that may wait for the writer; the next one waits for a place.
pub(super) const QUEUED: usize = 1_024;

/// Something to write.
pub(crate) trait Job: Send {
    /// Whether a look without the write lock shows that there is nothing to do.
    fn is_idle(&mut self, _conn: &Connection) -> Result<bool> {
        Ok(false)
    }

    /// Does it. May be called again after a rollback.
    fn run(&mut self, tx: &Tx<'_>) -> Result<()>;

    /// Answers the caller, after the commit or instead of it.
    fn end(self: Box<Self>, outcome: Result<()>);
}

/// What everybody who gives the writer work shares with it.
#[derive(Debug)]
pub(crate) struct Inbox {
    jobs: mpsc::Sender<Box<dyn Job>>,
    /// Deliveries to give back. Nobody waits for that.
    returned: Mutex<Vec<DeliveryTag>>,
    closing: AtomicBool,
    /// When the youngest revocation was remembered, as the last claim saw it.
    pub(crate) newest: AtomicI64,
}

impl Inbox {
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Box<dyn Job>>) {
        let (jobs, inbox) = mpsc::channel(QUEUED);
        (
            Arc::new(Self {
                jobs,
                returned: Mutex::default(),
                closing: AtomicBool::new(false),
                newest: AtomicI64::new(i64::MAX),
            }),
            inbox,
        )
    }

    pub(crate) async fn send(&self, job: Box<dyn Job>) -> Result<()> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Failure::closed());
        }
        self.jobs.send(job).await.map_err(|_| Failure::closed())
    }

    /// Gives it to the writer unless it is busy.
    pub(super) fn offer(&self, job: impl Job + 'static) {
        let _ = self.jobs.try_send(Box::new(job));
    }

    /// Gives deliveries back soon; from any thread, without waiting.
    pub(crate) fn give_back(&self, tags: impl IntoIterator<Item = DeliveryTag>) {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).extend(tags);
        self.offer(Nudge);
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.offer(Nudge);
    }

    fn take_returned(&self) -> Vec<DeliveryTag> {
        std::mem::take(&mut *self.returned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Nothing but a reason to look.
struct Nudge;

impl Job for Nudge {
    fn is_idle(&mut self, _: &Connection) -> Result<bool> {
        Ok(true)
    }

    fn run(&mut self, _: &Tx<'_>) -> Result<()> {
        Ok(())
    }

    fn end(self: Box<Self>, _: Result<()>) {}
}

/// A closure as a job; its value travels back when it is committed.
pub(super) struct Call<F, T> {
    pub(super) work: F,
    pub(super) value: Option<T>,
    pub(super) reply: Option<oneshot::Sender<Result<T>>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnMut(&Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> Result<()> {
        self.value = Some((self.work)(tx)?);
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<()>) {
        let Self { value, reply, .. } = *self;
        let value = outcome.and_then(|()| value.ok_or_else(Failure::closed));
        if let Some(reply) = reply {
            let _ = reply.send(value); // the caller may have gone
        }
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) patience: Duration,
    pub(super) inbox: Arc<Inbox>,
    pub(super) changed: Arc<Notify>,
    pub(super) names: Names,
    pub(super) clock: WallClock,
}

impl Writer {
    /// Writes until the inbox is closed and empty; then runs `last`.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>, last: &Mutex<Option<Box<dyn Job>>>) {
        let mut group: Vec<Box<dyn Job>> = Vec::new();
        loop {
            let closing = self.inbox.closing.load(Ordering::Acquire);
            if !closing && let Some(job) = jobs.blocking_recv() {
                group.push(job);
            }
            while group.len() < QUEUED
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            let returned = self.inbox.take_returned();
            if !returned.is_empty() {
                group.push(Box::new(Call {
                    work: move |tx: &Tx<'_>| give_back(tx, &returned),
                    value: None,
                    reply: None,
                }));
            }
            let last_round = closing && group.is_empty();
            if last_round && let Some(job) = last.lock().unwrap_or_else(PoisonError::into_inner).take() {
                group.push(job);
            }
            self.group(&mut group);
            if last_round {
                return;
            }
        }
    }

    fn group(&mut self, group: &mut Vec<Box<dyn Job>>) {
        let mut jobs = Vec::with_capacity(group.len());
        for mut job in group.drain(..) {
            match job.is_idle(&self.conn) {
                Ok(true) => job.end(Ok(())),
                // Whatever is wrong will be wrong again in the transaction.
                Ok(false) | Err(_) => jobs.push(job),
            }
        }
        match self.together(&mut jobs) {
            Ok(()) => jobs.into_iter().for_each(|job| job.end(Ok(()))),
            Err((true, failure)) if jobs.len() > 1 => {
                tracing::debug!(jobs = jobs.len(), %failure, "a transaction failed; each of its parts alone");
                for job in jobs {
                    let mut alone = vec![job];
                    let outcome = self.together(&mut alone).map_err(|(_, failure)| self.at(failure));
                    alone.into_iter().for_each(|job| job.end(outcome.clone()));
                }
            }
            Err((_, failure)) => {
                let failure = self.at(failure);
                jobs.into_iter().for_each(|job| job.end(Err(failure.clone())));
            }
        }
    }

    fn at(&self, failure: Failure) -> Failure {
        failure.at(&self.path, self.patience)
    }

    /// One transaction for all. On an error nothing of it is written, and true tells that one of the jobs, not
    /// the lock, was the reason.
    fn together(&mut self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<(), (bool, Failure)> {
        if jobs.is_empty() {
            return Ok(());
        }
        let begin = self.conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
        begin.map_err(|error| (false, error.into()))?;
        let tx = Tx::new(&self.conn, &self.names, &mut self.clock);
        let mut outcome = jobs.iter_mut().try_for_each(|job| job.run(&tx));
        if outcome.is_ok() {
            outcome = tx.finish().and_then(|()| {
                self.conn.prepare_cached("COMMIT")?.execute([])?;
                Ok(())
            });
        }
        let woken = tx.woken();
        match outcome {
            Ok(()) => {
                self.names.keep();
                if woken {
                    self.changed.notify_waiters();
                }
                Ok(())
            }
            Err(failure) => {
                self.names.forget();
                if !self.conn.is_autocommit()
                    && let Err(error) = self.conn.execute_batch("ROLLBACK")
                {
                    tracing::warn!(%error, "could not roll back");
                }
                Err((true, failure))
            }
        }
    }
}
