//! The thread that notices what other processes wrote, and does the chores.
//!
//! Kept true here: while anybody waits, a commit of another process is noticed when the system tells of it, else
//! within the poll interval, at the cost of reading one number; while nobody waits, the thread sleeps but for its
//! chores.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::{
    bell::{Bell, Cord},
    error::Result,
    owner::{self, Gone},
    tx::Tx,
    waits::Waits,
    writer::{Call, Inbox, Job},
};
use crate::{backend::remove_expired, broker::remove_old_broadcasts, shared};

/// The longest that the system is waited for to tell of a write. Where it has not told of one that happened, it is
/// believed no more.
const LISTEN: Duration = Duration::from_millis(100);
/// The log is written before a commit can be seen, and the disk may be waited for in between: so long after a write
/// commits are looked for at each poll interval, the first of them [sooner](SOON).
const SETTLING: Duration = Duration::from_millis(100);
/// Most commits can be seen so long after the system told of a write: until then they are looked for at this interval.
const SOON: (Duration, Duration) = (Duration::from_millis(6), Duration::from_micros(250));
/// How often dead processes are looked for.
const CHORES: Duration = Duration::from_secs(1);
/// How many of these rounds pass between two cleanings of what expired.
const CLEANING: u32 = 30;
/// Rest after a look that found something, so that a flood of commits is not a flood of looks.
const REST: Duration = Duration::from_millis(2);
/// A look for many results is followed by a rest of this many times its length, so that it never costs more
/// than a fifth of a core.
const RESTS: u32 = 4;

/// Who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Told after every commit that may concern a consumer or listener, of this or another process.
    pub(crate) changed: Arc<Notify>,
    /// Waits for results.
    pub(crate) waits: Waits,
    waiting: AtomicUsize,
    stop: AtomicBool,
    cord: OnceLock<Cord>,
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
            self.call();
        }
        Waiting(self)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.call();
    }

    /// Wakes the watch.
    fn call(&self) {
        if let Some(cord) = self.cord.get() {
            cord.pull();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) struct Watch {
    conn: Connection,
    path: PathBuf,
    interval: Duration,
    signals: Arc<Signals>,
    inbox: Arc<Inbox>,
    bell: Bell,
    /// That of the last commit that was seen.
    version: Option<i64>,
    /// Something was written, or may have been, and until then commits are looked for.
    settling: Instant,
    /// When the system last told of a write.
    heard: Option<Instant>,
    /// The last look found something: the next comes after this.
    rest: Option<Duration>,
}

impl Watch {
    pub(super) fn new(
        conn: Connection,
        path: PathBuf,
        interval: Duration,
        signals: Arc<Signals>,
        inbox: Arc<Inbox>,
    ) -> io::Result<Self> {
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let (bell, cord) = Bell::new(Path::new(&log))?;
        let _ = signals.cord.set(cord);
        Ok(Self {
            conn,
            path,
            interval,
            signals,
            inbox,
            bell,
            version: None,
            settling: Instant::now(),
            heard: None,
            rest: None,
        })
    }

    pub(super) fn run(mut self) {
        let (mut chores, mut rounds) = (Instant::now(), 0_u32);
        while !self.signals.stop.load(Ordering::Acquire) {
            if self.signals.waiting.load(Ordering::Acquire) > 0 {
                self.watch();
            } else {
                self.bell.rest(CHORES);
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

    /// Sleeps until there may be something, looks, and tells those who wait.
    fn watch(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.bell.rest(rest);
        }
        let now = Instant::now();
        let settling = now < self.settling;
        let heard = self.bell.listen(self.pause(now));
        let version = self.version();
        let changed = version != self.version;
        if heard || changed {
            self.settling = Instant::now() + SETTLING;
            self.heard = heard.then(Instant::now);
        }
        if !changed {
            return;
        }
        let both_seen = self.version.is_some() && version.is_some();
        if both_seen && !settling && !heard && self.bell.can_hear() {
            tracing::debug!(path = %self.path.display(), "not told of a write: looking for them from now on");
            self.bell.go_deaf();
        }
        self.version = version;
        self.signals.changed.notify_waiters();
        let look = Instant::now();
        if let Err(error) = self.signals.waits.look(&self.conn) {
            tracing::debug!(%error, "could not look for results; waiters look themselves");
        }
        self.rest = Some(REST.max(look.elapsed() * RESTS));
    }

    /// How long it listens now before it looks.
    fn pause(&self, now: Instant) -> Duration {
        match self.heard {
            Some(heard) if now < heard + SOON.0 => self.interval.min(SOON.1),
            _ if now < self.settling || !self.bell.can_hear() => self.interval,
            _ => LISTEN,
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

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;
    use crate::{
        SqliteOptions,
        store::{connect, schema},
    };

    /// A file, somebody else's connection to it, and a watch that would look for writes every hour.
    fn watched(folder: &tempfile::TempDir, listened: &str) -> (Connection, Watch) {
        let (path, options) = (folder.path().join("taskq.db"), SqliteOptions::default());
        let mut other = connect::open(&path, &options).unwrap();
        schema::migrate(&mut other).unwrap();
        let conn = connect::open_for_reading(&path, &options).unwrap();
        let (inbox, _) = Inbox::new();
        let hour = Duration::from_secs(3_600);
        (other, Watch::new(conn, folder.path().join(listened), hour, Arc::default(), inbox).unwrap())
    }

    fn commit(conn: &Connection) {
        conn.execute("INSERT INTO queue (name) VALUES (hex(randomblob(8)))", []).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_commit_of_somebody_else_is_noticed_without_looking_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (other, mut watch) = watched(&folder, "taskq.db");
        watch.watch();
        let before = watch.version;
        assert!(before.is_some() && watch.bell.can_hear());
        let noticed = Arc::new(AtomicBool::new(false));
        let writing = thread::spawn({
            let noticed = Arc::clone(&noticed);
            move || {
                // More than one: the system tells of each before it can be seen.
                while !noticed.load(Ordering::Acquire) {
                    commit(&other);
                    thread::sleep(REST);
                }
            }
        });
        while watch.version == before {
            watch.watch();
        }
        noticed.store(true, Ordering::Release);
        writing.join().unwrap();
        assert!(watch.bell.can_hear());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_that_was_told_of_is_looked_for_soon_then_at_each_interval() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("another.db-wal");
        fs::write(&log, "").unwrap();
        let (_other, mut watch) = watched(&folder, "another.db");
        watch.watch();
        fs::write(&log, "not a commit").unwrap();
        watch.watch();
        let heard = watch.heard.expect("told of the write");
        assert_eq!(watch.pause(heard), SOON.1);
        assert_eq!(watch.pause(heard + SOON.0), watch.interval);
        assert_eq!(watch.pause(watch.settling), LISTEN);
    }

    #[test]
    fn where_the_system_does_not_tell_of_commits_they_are_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("another.db-wal"), "").unwrap();
        let (other, mut watch) = watched(&folder, "another.db");
        watch.watch();
        watch.settling = Instant::now();
        let before = watch.version;
        commit(&other);
        watch.watch();
        assert_ne!(watch.version, before);
        assert!(!watch.bell.can_hear());
    }
}
