//! Which processes live: each that takes messages holds a lock on a file of its own.
//!
//! Kept true here: the system frees the lock when the process ends, however it ends, so what a killed process
//! held is given back within seconds; a process that merely hangs keeps its lock, and only the lapse of a
//! lease takes its messages away. The lock is held before the row in `owner` exists and until it is gone.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use taskq_core::crash::{self, Point};

use super::{error::Result, tx::Tx};

/// This process as an owner of leases.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    path: PathBuf,
    /// Locked; `None` where the file system cannot.
    lock: Option<File>,
}

/// What is written down of an owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    id: i64,
    /// Whether a lock vouches for it; else nobody could tell when it ends.
    locked: bool,
}

impl Owner {
    /// Draws an id and takes its lock.
    pub(super) fn new(database: &Path) -> Self {
        let id = i64::from_be_bytes(uuid::Uuid::new_v4().as_u64_pair().0.to_be_bytes()) & i64::MAX;
        let path = lock_path(database, id);
        let file = File::create(&path).and_then(|file| file.try_lock().map(|()| file).map_err(Into::into));
        let file = file.inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error,
                "no lock tells others that this process lives; what it holds when it dies waits for its leases");
        });
        Self { id, path, lock: file.ok() }
    }

    pub(super) fn row(&self) -> Row {
        Row { id: self.id, locked: self.lock.is_some() }
    }

    /// Removes the file, after the row is gone.
    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Row {
    pub(super) fn register(self, tx: &Tx<'_>, node: &str) -> Result<()> {
        if self.locked {
            let sql = "INSERT OR REPLACE INTO owner (id, node, pid, since) VALUES (?1, ?2, ?3, ?4)";
            tx.execute(sql, (self.id, node, std::process::id(), tx.now))?;
        }
        Ok(())
    }
}

fn lock_path(database: &Path, id: i64) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(format!("-owner-{id:016x}"));
    path.into()
}

/// Whether an owner lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Lives,
    Ended,
    /// There is no file to tell, as in a copy of the database.
    Unknown,
}

fn life(database: &Path, id: i64) -> Life {
    match File::open(lock_path(database, id)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Life::Ended,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Life::Lives,
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Life::Unknown,
        Err(_) => Life::Lives,
    }
}

/// An owner whose leases are to be given back.
pub(super) struct Gone {
    pub(super) id: i64,
    /// Whether it is known to have ended; else its leases lapse by themselves.
    ended: bool,
}

/// Owners that do not live any more.
pub(super) fn gone(conn: &Connection, database: &Path, own: Option<i64>) -> Result<Vec<Gone>> {
    let mut select = conn.prepare_cached("SELECT id FROM owner")?;
    let ids = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let others = ids.into_iter().filter(|id| Some(*id) != own);
    Ok(others
        .filter_map(|id| match life(database, id) {
            Life::Lives => None,
            Life::Ended => Some(Gone { id, ended: true }),
            Life::Unknown => Some(Gone { id, ended: false }),
        })
        .collect())
}

/// Gives back what an owner held, and removes its row.
pub(super) fn release(tx: &Tx<'_>, gone: &Gone) -> Result<usize> {
    let mut count = 0;
    if gone.ended {
        count =
            tx.execute("UPDATE message SET state = 0, owner = 0 WHERE state = 2 AND owner = ?1", [gone.id])?;
        tx.wake();
    }
    if count > 0 {
        crash::reached(Point::LapseSeen);
    }
    let sql = "DELETE FROM owner WHERE id = ?1
               AND NOT EXISTS (SELECT 1 FROM message WHERE state = 2 AND owner = ?1)";
    tx.execute(sql, [gone.id])?;
    Ok(count)
}

/// The same of this process, at its end.
pub(super) fn release_own(tx: &Tx<'_>, id: i64) -> Result<usize> {
    release(tx, &Gone { id, ended: true })
}

/// Removes the lock file of an owner whose row is gone.
pub(super) fn remove_lock(database: &Path, id: i64) {
    let _ = std::fs::remove_file(lock_path(database, id));
}
