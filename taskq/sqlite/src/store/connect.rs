//! Connections to the file, and patience with other processes that write.

use std::{
    cell::Cell,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use taskq_core::broker::BrokerErrorKind;

use super::error::{Failure, Result};
use crate::SqliteOptions;

/// Bytes of a page of a new file. Messages are about a kilobyte: in smaller pages, each write of a batch is more of them.
const PAGE: u32 = 8 << 10;
/// Bytes in the write-ahead log before it is moved into the file.
const CHECKPOINT: u32 = 16 << 20;
/// What stays of the log's file after that, in bytes.
const LOG_LIMIT: u32 = 64 << 20;
/// Prepared statements kept by a connection; more than there are.
const STATEMENTS: usize = 64;

thread_local! {
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::from_secs(5)) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Called while another process has the lock. Sleeps shorter than SQLite's own handler does: our transactions
/// last a millisecond, not 100.
fn wait_for_lock(calls: i32) -> bool {
    let now = Instant::now();
    let since = match SINCE.get() {
        Some(since) if calls > 0 => since,
        _ => {
            SINCE.set(Some(now));
            now
        }
    };
    std::thread::sleep(Duration::from_micros(match calls {
        0..10 => 200,
        10..100 => 500,
        _ => 2_000,
    }));
    now.duration_since(since) < PATIENCE.get()
}

/// How long the calling thread waits for a lock.
pub(super) fn be_patient(patience: Duration) {
    PATIENCE.set(patience);
}

/// Opens a connection, creating the file.
pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    be_patient(options.busy_timeout);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_handler(Some(wait_for_lock))?;
    conn.pragma_update(None, "page_size", PAGE)?; // of a file that is there already it stays as it is
    write_ahead(&conn, options.busy_timeout)?;
    conn.pragma_update(None, "synchronous", options.synchronous.as_str())?;
    let page: u32 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT / page.max(512))?;
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// The same for a thread that only reads.
pub(super) fn open_for_reading(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let conn = open(path, options)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Switches to the write-ahead log. The first two processes on a new file may both try, and here SQLite does
/// not ask the busy handler.
fn write_ahead(conn: &Connection, patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode.map_err(Failure::from) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                return Err(Failure::new(
                    BrokerErrorKind::Config,
                    format!(
                        "this file system has no shared memory for SQLite (journal mode `{mode}`): use a local disk"
                    ),
                ));
            }
            Err(error) if error.is_busy() && start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}
