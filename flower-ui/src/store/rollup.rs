//! Counts and histograms by minute, name and queue: what charts are drawn from.
//!
//! Kept true here: each event counts once, in the minute it was told for; charts never read rows of tasks.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{OptionalExtension, Transaction};

use super::{
    Histogram,
    words::{Adding, Kind},
};
use crate::record::{History, Step};

/// Seconds that a row stands for, and how long such rows are kept, in seconds.
pub(super) const SPANS: [(i64, i64); 3] = [(60, 2 * 86_400), (600, 14 * 86_400), (3_600, 400 * 86_400)];
/// Rows that are collected before they are written; further names count as unknown.
const MOST_CELLS: usize = 20_000;

/// What happened in a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollup {
    /// Tasks that were sent, as far as senders tell.
    pub sent: u64,
    /// Tasks that workers received.
    pub received: u64,
    /// Tasks that were started.
    pub started: u64,
    /// Tasks that succeeded.
    pub succeeded: u64,
    /// Tasks that failed for good.
    pub failed: u64,
    /// Attempts that ended with a retry.
    pub retried: u64,
    /// Tasks that were revoked, or expired.
    pub revoked: u64,
    /// Tasks that were rejected.
    pub rejected: u64,
    /// Seconds until tasks were started.
    pub wait: Histogram,
    /// Seconds that attempts ran.
    pub run: Histogram,
}

impl Rollup {
    /// Adds what happened in another span, or of another name.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.started += other.started;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.retried += other.retried;
        self.revoked += other.revoked;
        self.rejected += other.rejected;
        self.wait.merge(&other.wait);
        self.run.merge(&other.run);
    }
}

/// Minute, name and queue.
type Key = (i64, Option<Arc<str>>, Option<Arc<str>>);

/// What is not written yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Rollups(HashMap<Key, Rollup>);

impl Rollups {
    /// Counts what was told; answers the seconds that it ends: waited, or run.
    pub(super) fn count(&mut self, history: &History, step: Step, at: f64) -> Option<f64> {
        let minute = (at / 60.0).floor() as i64 * 60;
        let mut key = (minute, history.name().cloned(), history.queue().cloned());
        if self.0.len() >= MOST_CELLS && !self.0.contains_key(&key) {
            key = (minute, None, None);
        }
        let rollup = self.0.entry(key).or_default();
        match step {
            Step::Sent => rollup.sent += 1,
            Step::Received => rollup.received += 1,
            Step::Started => rollup.started += 1,
            Step::Succeeded => rollup.succeeded += 1,
            Step::Failed => rollup.failed += 1,
            Step::Retried => rollup.retried += 1,
            Step::Revoked => rollup.revoked += 1,
            Step::Rejected => rollup.rejected += 1,
            Step::Custom => return None,
        }
        let histogram = match step {
            Step::Started => &mut rollup.wait,
            Step::Retried | Step::Failed | Step::Succeeded => &mut rollup.run,
            _ => return None,
        };
        let seconds = history.seconds_until(step, at)?;
        histogram.add(seconds);
        Some(seconds)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes back what could not be written.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, rollup) in other.0 {
            self.0.entry(key).or_default().merge(&rollup);
        }
    }

    /// Writes them, into rows of each span.
    pub(super) fn write(&self, tx: &Transaction<'_>, words: &mut Adding<'_>) -> rusqlite::Result<()> {
        let mut rows: HashMap<(i64, i64, i64, i64), Rollup> = HashMap::new();
        for ((minute, name, queue), rollup) in &self.0 {
            let mut id = |kind, text: &Option<Arc<str>>| match text {
                Some(text) => Ok::<_, rusqlite::Error>(words.id(tx, kind, text)?.unwrap_or_default()),
                None => Ok(0),
            };
            let (name, queue) = (id(Kind::Name, name)?, id(Kind::Queue, queue)?);
            for (span, _) in SPANS {
                let at = minute.div_euclid(span) * span;
                rows.entry((span, at, name, queue)).or_default().merge(rollup);
            }
        }
        for ((span, at, name, queue), mut rollup) in rows {
            let key = (span, at, name, queue);
            let sql =
                "SELECT sent, received, started, succeeded, failed, retried, revoked, rejected, wait, run
                       FROM rollup WHERE span = ?1 AND at = ?2 AND name = ?3 AND queue = ?4";
            let known = tx.prepare_cached(sql)?.query_row(key, |row| read(row, 0)).optional()?;
            if let Some(known) = known {
                rollup.merge(&known);
            }
            let sql = "INSERT OR REPLACE INTO rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
            tx.prepare_cached(sql)?.execute(rusqlite::params![
                span,
                at,
                name,
                queue,
                rollup.sent,
                rollup.received,
                rollup.started,
                rollup.succeeded,
                rollup.failed,
                rollup.retried,
                rollup.revoked,
                rollup.rejected,
                rollup.wait.to_bytes(),
                rollup.run.to_bytes(),
            ])?;
        }
        Ok(())
    }
}

/// Reads a row whose counts begin at a column.
pub(super) fn read(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Rollup> {
    let histogram =
        |at| Ok::<_, rusqlite::Error>(Histogram::from_bytes(row.get_ref(at)?.as_blob().unwrap_or_default()));
    Ok(Rollup {
        sent: row.get(first)?,
        received: row.get(first + 1)?,
        started: row.get(first + 2)?,
        succeeded: row.get(first + 3)?,
        failed: row.get(first + 4)?,
        retried: row.get(first + 5)?,
        revoked: row.get(first + 6)?,
        rejected: row.get(first + 7)?,
        wait: histogram(first + 8)?,
        run: histogram(first + 9)?,
    })
}
