//! Connections that read, on threads that may block.
//!
//! Kept true here: a read never waits for the writer; so many run at a time, the others wait.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rusqlite::Connection;
use taskq_core::{Error, ErrorKind};
use tokio::sync::Semaphore;

use super::open;

/// Reads that run at a time.
const AT_A_TIME: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    turns: Semaphore,
    /// Connections that nobody uses, and the file they belong to.
    idle: Mutex<Vec<(u64, Connection)>>,
    /// Counts the files: a damaged one is replaced.
    file: AtomicU64,
    /// Whether this file turned out to be damaged. The writer may not notice: it has its pages in memory.
    damaged: AtomicBool,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            turns: Semaphore::new(AT_A_TIME),
            idle: Mutex::default(),
            file: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
        }
    }

    /// The file was replaced.
    pub(super) fn renew(&self) {
        self.file.fetch_add(1, Ordering::Relaxed);
        self.damaged.store(false, Ordering::Relaxed);
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a reader found the file damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Waits for a turn. Held while [`read`](Self::read) runs.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        self.turns.acquire().await.map_err(|error| failure(&error))
    }

    /// Reads, on this thread.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let file = self.file.load(Ordering::Relaxed);
        let known = self.idle().pop().filter(|(of, _)| *of == file);
        let conn = match known {
            Some((_, conn)) => conn,
            None => open::open_for_reading(&self.path).map_err(|error| self.failed(file, &error))?,
        };
        let result = read(&conn).map_err(|error| self.failed(file, &error));
        // One that failed may be of no use any more.
        if result.is_ok() && file == self.file.load(Ordering::Relaxed) {
            self.idle().push((file, conn));
        }
        result
    }

    fn failed(&self, file: u64, error: &rusqlite::Error) -> Error {
        if open::is_corrupt(error) && file == self.file.load(Ordering::Relaxed) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        failure(error)
    }
}

fn failure(error: &impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Other, format!("could not read history: {error}"))
}
