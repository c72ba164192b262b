//! The thread that writes: everything told since the last time, in one transaction, four times a second.
//!
//! Kept true here: there is one writer; what could not be written stays in memory and is tried again; a failure of
//! the disk is said and does not end the thread.

use std::{
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::oneshot;

use super::{Shared, open, retention::Retention, row, words::Adding};

/// How often what was told is written.
const FLUSH: Duration = Duration::from_millis(250);
/// So many tasks are written at once without waiting for that.
pub(super) const PLENTY: usize = 5_000;
/// How often rollups are written.
const ROLL: Duration = Duration::from_secs(5);
/// Pause after a failure; doubled up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// Something for the writer to do.
pub(super) enum Command {
    /// Writes what was told, rollups too if so; answers when that is done, or has failed.
    Flush { rollups: bool, done: oneshot::Sender<()> },
    /// Writes without being asked to answer: there is plenty.
    Nudge,
    /// Runs in a transaction of its own.
    Do(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Writes what is left, and ends.
    Stop,
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) retention: Retention,
    rolled: Instant,
    /// After a failure: when to try again, and how long to wait the next time.
    again: Option<(Instant, Duration)>,
}

impl Writer {
    pub(super) fn new(conn: Connection, path: PathBuf, shared: Arc<Shared>) -> Self {
        let retention = Retention::new(shared.options.clone());
        Self { conn, path, shared, retention, rolled: Instant::now(), again: None }
    }

    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut next = Instant::now() + FLUSH;
        loop {
            match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Command::Flush { rollups, done }) => {
                    self.flush(rollups);
                    // Whoever asked may be gone.
                    let _ = done.send(());
                }
                Ok(Command::Nudge) => self.flush(false),
                Ok(Command::Do(work)) => work(&mut self.conn),
                Err(RecvTimeoutError::Timeout) => {
                    self.flush(self.rolled.elapsed() >= ROLL);
                    next = Instant::now() + FLUSH;
                    self.forget();
                }
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.again = None;
        self.flush(true);
        // Leaves one file behind, not three.
        let _ = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// Writes until nothing waits, unless it failed a moment ago.
    fn flush(&mut self, rollups: bool) {
        if self.again.is_some_and(|(at, _)| at > Instant::now()) {
            return;
        }
        if self.shared.readers.is_damaged() {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return self
                .failed(&rusqlite::Error::SqliteFailure(code, Some("a read found damage".to_owned())));
        }
        let start = Instant::now();
        let before = self.shared.hot().waiting();
        loop {
            match self.write(rollups) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return self.failed(&error),
            }
        }
        if rollups {
            self.rolled = Instant::now();
        }
        if before > 0 || self.again.is_some() {
            self.again = None;
            self.shared.said(|health| {
                health.flush = Some(start.elapsed().as_secs_f64());
                health.error = None;
            });
        }
    }

    /// Writes what waits, up to as much as one transaction should hold; answers how many tasks.
    fn write(&mut self, rollups: bool) -> rusqlite::Result<usize> {
        let Self { conn, shared, .. } = self;
        let words = shared.words();
        let mut taken = Vec::new();
        let mut cells = None;
        let result = (|| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut adding = Adding::new(&words);
            let mut new = 0;
            while taken.len() < PLENTY {
                let from = taken.len();
                taken.extend(shared.hot().take());
                if from == taken.len() {
                    break;
                }
                for task in &mut taken[from..] {
                    new += u64::from(row::write(&tx, &mut adding, task)?);
                }
            }
            if rollups {
                cells = Some(std::mem::take(&mut shared.hot().rollups));
            }
            if let Some(cells) = &cells {
                cells.write(&tx, &mut adding)?;
            }
            if taken.is_empty() && cells.as_ref().is_none_or(super::rollup::Rollups::is_empty) {
                return Ok((Vec::new(), 0, 0));
            }
            tx.commit()?;
            let folded = adding.folded;
            Ok((adding.finish(), new, folded))
        })();
        match result {
            Ok((added, new, folded)) => {
                if !added.is_empty() {
                    drop(words);
                    let mut words = shared.words.write().unwrap_or_else(PoisonError::into_inner);
                    // Copied only if somebody reads with them now.
                    Arc::make_mut(&mut words).add(added);
                }
                let count = taken.len();
                // Both at once for who counts what is in the file and what is not.
                let mut hot = shared.hot();
                hot.written(taken);
                shared.said(|health| {
                    health.tasks += new;
                    health.folded += folded;
                });
                drop(hot);
                Ok(count)
            }
            Err(error) => {
                let mut hot = shared.hot();
                hot.not_written(taken);
                if let Some(cells) = cells {
                    hot.rollups.merge(cells);
                }
                drop(hot);
                Err(error)
            }
        }
    }

    /// Deletes a little of what is too old or too much.
    fn forget(&mut self) {
        if self.again.is_some() {
            return;
        }
        match self.retention.step(&mut self.conn, &self.shared) {
            Ok(ids) if !ids.is_empty() => self.shared.hot().forget(&ids),
            Ok(_) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        if open::is_corrupt(error) && self.begin_anew(error) {
            return;
        }
        let pause = self.again.map_or(AGAIN.0, |(_, pause)| (pause * 2).min(AGAIN.1));
        let first = self.again.is_none();
        self.again = Some((Instant::now() + pause, pause));
        let hint = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ": the disk or the quota is full; history waits in memory",
            _ => "",
        };
        let text = format!("could not write history to `{}`: {error}{hint}", self.path.display());
        if first {
            tracing::error!("{text}");
        }
        self.shared.said(|health| health.error = Some(text));
    }

    /// Sets a file aside that turned out to be damaged, and goes on with an empty one.
    fn begin_anew(&mut self, error: &rusqlite::Error) -> bool {
        let Ok(memory) = Connection::open_in_memory() else { return false };
        // Closes the file before it is renamed.
        self.conn = memory;
        let Ok(opened) = open::begin_anew(&self.path, error) else { return false };
        self.conn = opened.conn;
        *self.shared.words.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        self.shared.readers.renew();
        self.shared.hot().all_again();
        self.shared.said(|health| {
            health.tasks = 0;
            health.set_aside = opened.set_aside;
        });
        true
    }
}
