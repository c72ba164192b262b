//! The thread that notices what other processes wrote, and does the chores.
//!
//! Kept true here: while anybody waits, a commit of another process is noticed within the poll interval, at
//! the cost of reading one number; while nobody waits, the thread sleeps but for its chores.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::{
    error::Result,
    owner::{self, Gone},
    tx::Tx,
    waits::Waits,
    writer::{Call, Inbox, Job},
};
use crate::{backend::remove_expired, broker::remove_old_broadcasts, shared};

/// How often dead processes are looked for.
const CHORES: Duration = Duration::from_secs(1);
/// How many of these rounds pass between two cleanings of what expired.
const CLEANING: u32 = 30;
/// A look for many results is followed by a rest of this many times its length, so that it never costs more
/// than a fifth of a core.
const REST: u32 = 4;

/// Who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Told after every commit that may concern a consumer or listener, of this or another process.
    pub(crate) changed: Arc<Notify>,
    /// Waits for results.
    pub(crate) waits: Waits,
    waiting: AtomicUsize,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
    /// This process as an owner; 0 before it is one.
    pub(super) own: AtomicI64,
}

/// Somebody waits as long as this lives.
#[derive(Debug)]
pub(crate) struct Waiting<'s>(&'s Signals);

impl Signals {
    /// Has other processes watched closely until the guard is dropped.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            self.unpark();
        }
        Waiting(self)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) struct Watch {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) interval: Duration,
    pub(super) signals: Arc<Signals>,
    pub(super) inbox: Arc<Inbox>,
}

impl Watch {
    pub(super) fn run(self) {
        let _ = self.signals.thread.set(thread::current());
        let (mut version, mut rounds) = (None, 0_u32);
        let (mut chores, mut pause) = (Instant::now(), self.interval);
        while !self.signals.stop.load(Ordering::Acquire) {
            if self.signals.waiting.load(Ordering::Acquire) > 0 {
                thread::park_timeout(pause);
                let now = self.version();
                pause = self.interval;
                if now != version {
                    version = now;
                    self.signals.changed.notify_waiters();
                    let look = Instant::now();
                    if let Err(error) = self.signals.waits.look(&self.conn) {
                        tracing::debug!(%error, "could not look for results; waiters look themselves");
                    }
                    pause = pause.max(look.elapsed() * REST);
                }
            } else {
                thread::park_timeout(CHORES);
            }
            if chores.elapsed() >= CHORES {
                chores = Instant::now();
                rounds = rounds.wrapping_add(1);
                if let Err(error) = self.release_the_dead() {
                    tracing::debug!(%error, "could not look for processes that ended");
                }
                if rounds.is_multiple_of(CLEANING) {
                    self.clean();
                }
            }
        }
    }

    /// Changes with every commit of another connection. Nobody hears of an error here: who reads or writes
    /// meets it too.
    fn version(&self) -> Option<i64> {
        self.conn.prepare_cached("PRAGMA data_version").ok()?.query_row([], |row| row.get(0)).ok()
    }

    fn release_the_dead(&self) -> Result<()> {
        let own = Some(self.signals.own.load(Ordering::Acquire)).filter(|own| *own != 0);
        for gone in owner::gone(&self.conn, &self.path, own)? {
            self.inbox.offer(Release { gone, path: self.path.clone() });
        }
        Ok(())
    }

    fn clean(&self) {
        let work = |tx: &Tx<'_>| {
            remove_old_broadcasts(tx)?;
            shared::remove_old(tx)?;
            remove_expired(tx).map(drop)
        };
        self.inbox.offer(Call { work, value: None, reply: None });
    }
}

/// Gives back what a dead owner held; its lock file goes when its row is gone.
struct Release {
    gone: Gone,
    path: PathBuf,
}

impl Job for Release {
    fn run(&mut self, tx: &Tx<'_>) -> Result<()> {
        let count = owner::release(tx, &self.gone)?;
        if count > 0 {
            tracing::warn!(deliveries = count, "a process ended and left deliveries: they are given back");
        }
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<()>) {
        if outcome.is_ok() {
            owner::remove_lock(&self.path, self.gone.id);
        }
    }
}
