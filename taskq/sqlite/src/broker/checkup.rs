//! Whether a file is sound, and used as it should be.

use rusqlite::Connection;
use taskq_core::broker::{Finding, Severity};

use crate::store::{Result, Store};

/// Looks at the file.
pub(super) async fn look(store: &Store) -> Result<Vec<Finding>> {
    let path = store.path().display().to_string();
    store.read(move |conn| Ok(vec![sound(conn, &path)?, journal(conn)?])).await
}

fn sound(conn: &Connection, path: &str) -> Result<Finding> {
    let said: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(match said.as_str() {
        "ok" => Finding::good("sqlite.file", format!("`{path}` is sound")),
        wrong => Finding::new(
            "sqlite.file",
            Severity::Problem,
            format!("`{path}` is damaged: {wrong}"),
            "stop every process, save the file, then `sqlite3 FILE .recover | sqlite3 NEW`",
        ),
    })
}

fn journal(conn: &Connection) -> Result<Finding> {
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    Ok(match mode.as_str() {
        "wal" => Finding::good("sqlite.journal", "write-ahead log"),
        mode => Finding::new(
            "sqlite.journal",
            Severity::Problem,
            format!("the journal is `{mode}`: the file system cannot keep a write-ahead log"),
            "put the file on a local disk: SQLite is not safe on a network file system",
        ),
    })
}
