//! The audit log: who did what, and how it went.
//!
//! Kept true here: rows are only added; each carries a fingerprint of itself and of the row before, so that a
//! changed or missing row shows.

use std::path::Path;

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension, Row};
use taskq_core::{Error, ErrorKind};
use uuid::Uuid;

use super::Store;

/// Something that was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditEntry {
    /// When, in seconds since 1970.
    pub at: f64,
    /// Who: a user, a token, an address.
    pub actor: String,
    /// What: `task.revoke`.
    pub action: String,
    /// To what: the id of a task, a worker, a queue.
    pub target: String,
    /// With what, as JSON.
    pub details: String,
    /// How it went, as JSON.
    pub outcome: String,
}

/// A row of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditRow {
    /// Its number.
    pub seq: i64,
    /// What it says.
    pub entry: AuditEntry,
}

impl Store {
    /// Adds a row to the audit log; answers its number once it is stored.
    ///
    /// # Errors
    /// When it cannot be written: then what it tells of should not be done.
    pub async fn audit(&self, entry: AuditEntry) -> Result<i64, Error> {
        self.write(move |conn| {
            let last = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1";
            let before: Option<Vec<u8>> = conn.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?;
            let hash = fingerprint(&before.unwrap_or_default(), &entry);
            let sql = "INSERT INTO audit (at, actor, action, target, details, outcome, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            conn.prepare_cached(sql)?.execute((
                entry.at,
                &entry.actor,
                &entry.action,
                &entry.target,
                &entry.details,
                &entry.outcome,
                hash,
            ))?;
            Ok(conn.last_insert_rowid())
        })
        .await
    }

    /// The newest rows, before number `before` if given, of one target if given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn audits(
        &self,
        target: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        let target = target.map(str::to_owned);
        self.read(move |conn, _| {
            let sql = "SELECT seq, at, actor, action, target, details, outcome FROM audit
                       WHERE (?1 IS NULL OR target = ?1) AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
            let mut rows = conn.prepare_cached(sql)?;
            let rows = rows.query_map((target, before.unwrap_or(i64::MAX), limit), |row| {
                Ok(AuditRow { seq: row.get(0)?, entry: entry(row)? })
            })?;
            rows.collect()
        })
        .await
    }

    /// The number of the first row that does not fit the one before it: it was changed, or rows between are
    /// missing. The oldest row is taken on trust, since older ones are deleted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn audit_break(&self) -> Result<Option<i64>, Error> {
        self.read(|conn, _| check(conn, None).map(|checked| checked.broken_at)).await
    }
}

/// What a look at the whole audit log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditCheck {
    /// Rows that there are.
    pub rows: u64,
    /// Numbers of the first and the last.
    pub range: Option<(i64, i64)>,
    /// The hash of the last row, in hexadecimal digits. Noted elsewhere, it shows later whether rows at the end were
    /// taken out.
    pub head: Option<String>,
    /// The first row that does not fit the one before it: it was changed, or rows between are missing.
    pub broken_at: Option<i64>,
    /// Whether a row has the hash that was asked for.
    pub has_head: bool,
}

/// Looks at the audit log of a board, whether it runs or not. `head`: a hash that some row has to have.
///
/// # Errors
/// When the file is not there or cannot be read.
pub fn check_audit(path: &Path, head: Option<&str>) -> Result<AuditCheck, Error> {
    let failed = |error| {
        Error::with_source(
            ErrorKind::Other,
            format!("could not read the audit log of `{}`", path.display()),
            error,
        )
    };
    let conn = super::open::open_for_reading(path).map_err(failed)?;
    check(&conn, head).map_err(failed)
}

fn check(conn: &Connection, head: Option<&str>) -> rusqlite::Result<AuditCheck> {
    let sql = "SELECT seq, at, actor, action, target, details, outcome, hash FROM audit ORDER BY seq";
    let mut rows = conn.prepare(sql)?;
    let mut rows = rows.query([])?;
    let mut found = AuditCheck::default();
    let mut before: Option<Vec<u8>> = None;
    while let Some(row) = rows.next()? {
        let (seq, entry): (i64, _) = (row.get(0)?, entry(row)?);
        let hash: Vec<u8> = row.get(7)?;
        let fits = match &before {
            None => true,
            // One of an older version, which none of a newer one is followed by.
            Some(before) if hash.len() == OLD && before.len() <= OLD => {
                old_fingerprint(before, &entry) == hash
            }
            Some(before) => fingerprint(before, &entry) == hash,
        };
        if !fits && found.broken_at.is_none() {
            found.broken_at = Some(seq);
        }
        let shown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        found.has_head |= head.is_some_and(|head| head.eq_ignore_ascii_case(&shown));
        found.rows += 1;
        found.range = Some((found.range.map_or(seq, |(first, _)| first), seq));
        found.head = Some(shown);
        before = Some(hash);
    }
    Ok(found)
}

/// Of a row that begins with its number.
fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        details: row.get(5)?,
        outcome: row.get(6)?,
    })
}

/// Bytes of a hash as older versions made them.
const OLD: usize = 16;

/// What is hashed of the row before and this one.
fn bytes(before: &[u8], entry: &AuditEntry) -> Vec<u8> {
    let texts = [&entry.actor, &entry.action, &entry.target, &entry.details, &entry.outcome];
    let mut bytes = before.to_vec();
    bytes.extend(entry.at.to_le_bytes());
    for text in texts {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A hash of the row before and this one. No proof by itself against whoever can write the file, and could make all
/// of them anew: for that, note the hash of the last row elsewhere.
fn fingerprint(before: &[u8], entry: &AuditEntry) -> Vec<u8> {
    digest(&SHA256, &bytes(before, entry)).as_ref().to_vec()
}

fn old_fingerprint(before: &[u8], entry: &AuditEntry) -> Vec<u8> {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes(before, entry)).into_bytes().to_vec()
}
