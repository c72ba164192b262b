//! Opening the file.
//!
//! Kept true here: a file that cannot be read is never deleted and never stops the board: it is set aside as
//! `*.corrupt`, with its log, and a new one is begun; one of a newer version of this program is refused.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use taskq_core::{Error, ErrorKind};

/// What made a file what it is, in order. How many were done is in `user_version`; a file of more is refused.
/// Steps that were released are never changed.
const STEPS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema_watched.sql"), include_str!("schema_kept.sql")];
/// `taskq` in `application_id`, so that no other program's file is taken for ours.
const APPLICATION: i64 = 0x7461_736b;
/// Pages in the log before they are moved into the file: 16 MB.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What stays of the log's file after that, in bytes.
const LOG_LIMIT: u32 = 64 << 20;
/// Cache of a connection, in KiB.
const CACHE_KIB: i64 = 16 << 10;
/// Milliseconds to wait for a lock, which only a second program on the file would hold.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 64;

/// An opened file, and where one that could not be read went.
pub(super) struct Opened {
    pub(super) conn: Connection,
    pub(super) set_aside: Option<PathBuf>,
}

/// Opens the file for writing, creating it.
pub(super) fn open(path: &Path) -> Result<Opened, Error> {
    match prepare(path) {
        Ok(conn) => Ok(Opened { conn, set_aside: None }),
        Err(error) if is_corrupt(&error) => begin_anew(path, &error),
        Err(error) => Err(failure(path, error)),
    }
}

/// Sets a damaged file aside and begins a new one.
pub(super) fn begin_anew(path: &Path, error: &rusqlite::Error) -> Result<Opened, Error> {
    let aside = set_aside(path)?;
    tracing::error!(%error, "history cannot be read; it was set aside as `{}`", aside.display());
    let conn = prepare(path).map_err(|error| failure(path, error))?;
    Ok(Opened { conn, set_aside: Some(aside) })
}

/// Opens it once more, for reading.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    tune(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if (tables > 0 && application != APPLICATION) || done > STEPS.len() {
        let text = if application == APPLICATION {
            "it was written by a newer version: use that, or name another file"
        } else {
            "it belongs to another program: name another file"
        };
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH);
        return Err(rusqlite::Error::SqliteFailure(code, Some(text.to_owned())));
    }
    if tables == 0 {
        // Before the first table: gives pages of deleted rows back to the disk, a few at a time.
        conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    tune(&conn)?;
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let version = index + 1;
        conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    check(&conn)?;
    Ok(conn)
}

fn tune(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the machine may lose the last moments, never the file.
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Looks at both ends of each table: quick at any size, and finds a file that was cut or overwritten.
fn check(conn: &Connection) -> rusqlite::Result<()> {
    for sql in [
        "SELECT min(key), max(key) FROM task",
        "SELECT min(timestamp), max(timestamp) FROM task",
        "SELECT min(task), max(task) FROM payload",
        "SELECT count(*) FROM word",
        "SELECT min(seq), max(seq) FROM audit",
    ] {
        conn.query_row(sql, [], |_| Ok(()))?;
    }
    Ok(())
}

/// Whether SQLite found that the file is damaged, or no file of its own.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Renames a file, and what belongs to it, to a name that is free.
fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let named = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let free = (0..1_000)
        .map(|number| if number == 0 { named(".corrupt") } else { named(&format!(".corrupt.{number}")) })
        .find(|name| !name.exists())
        .unwrap_or_else(|| named(".corrupt"));
    std::fs::rename(path, &free).map_err(|error| {
        let text =
            format!("`{}` is damaged and could not be set aside as `{}`", path.display(), free.display());
        Error::with_source(ErrorKind::Other, text, error)
    })?;
    for suffix in ["-wal", "-shm"] {
        // Of no use without the other; often not there.
        let _ = std::fs::rename(named(suffix), format!("{}{suffix}", free.display()));
    }
    Ok(free)
}

fn failure(path: &Path, error: rusqlite::Error) -> Error {
    let hint = match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => ": its folder must exist and be writable",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => ": file and folder must be writable",
        Some(ErrorCode::DiskFull) => ": the disk or the quota is full",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another board uses it",
        _ => "",
    };
    let text = format!("could not open `{}` for history{hint}", path.display());
    Error::with_source(ErrorKind::Config, text, error)
}
