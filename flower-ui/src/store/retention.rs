//! What is deleted: too old, or too much.
//!
//! Kept true here: successes go before anything else; a step is small, so that writing never waits long for it.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, types::Value};

use super::{Shared, StoreOptions, rollup::SPANS, row};

/// Rows deleted in one step.
const BATCH: i64 = 2_000;
/// How often is looked for something to delete, when nothing was found the last time.
const LOOK: Duration = Duration::from_secs(10);
/// Pages given back to the disk in one step.
const PAGES: u32 = 500;
/// How long samples of queues are kept, in seconds.
const SAMPLES: i64 = 7 * 86_400;
/// How long is known when events were heard, in seconds: as long as the widest of the rollups.
const WATCHED: i64 = 400 * 86_400;

#[derive(Debug)]
pub(super) struct Retention {
    options: StoreOptions,
    looked: Option<Instant>,
    /// Successes told of before this have no payload any more.
    payloads: f64,
}

impl Retention {
    pub(super) fn new(options: StoreOptions) -> Self {
        Self { options, looked: None, payloads: 0.0 }
    }

    /// Deletes a batch; answers the ids of tasks that went.
    pub(super) fn step(&mut self, conn: &mut Connection, shared: &Shared) -> rusqlite::Result<Vec<String>> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return Ok(Vec::new());
        }
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1e3;
        let (used, file) = bytes(conn)?;
        let tasks = shared.health().tasks;
        let too_much = tasks > self.options.max_tasks || used > self.options.max_bytes;
        let gone = self.tasks(conn, now, too_much)?;
        let payloads = self.drop_payloads(conn, now)?;
        if gone.is_empty() && payloads == 0 {
            self.looked = Some(Instant::now());
            self.rest(conn, now)?;
            conn.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        }
        let oldest = conn
            .query_row("SELECT timestamp FROM task ORDER BY timestamp LIMIT 1", [], |row| row.get(0))
            .optional()?;
        let count = gone.len() as u64;
        shared.said(|health| {
            health.tasks = health.tasks.saturating_sub(count);
            health.deleted += count;
            health.bytes = file;
            health.oldest = oldest;
        });
        Ok(gone)
    }

    fn tasks(&self, conn: &mut Connection, now: f64, too_much: bool) -> rusqlite::Result<Vec<String>> {
        let tx = conn.transaction()?;
        let choose = |sql: &str, before: f64| -> rusqlite::Result<Vec<(i64, Value)>> {
            let mut rows = tx.prepare_cached(sql)?;
            rows.query_map((before, BATCH), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        const SPARE: &str =
            "SELECT key, id FROM task WHERE spare = 1 AND timestamp < ?1 ORDER BY timestamp LIMIT ?2";
        const OTHER: &str =
            "SELECT key, id FROM task WHERE spare = 0 AND timestamp < ?1 ORDER BY timestamp LIMIT ?2";
        let mut chosen = choose(SPARE, now - self.options.successes.as_secs_f64())?;
        if chosen.is_empty() {
            chosen = choose(OTHER, now - self.options.failures.as_secs_f64())?;
        }
        if chosen.is_empty() && too_much {
            chosen = choose(SPARE, f64::MAX)?;
        }
        if chosen.is_empty() && too_much {
            chosen = choose(OTHER, f64::MAX)?;
        }
        for (key, _) in &chosen {
            for sql in ["DELETE FROM task WHERE key = ?1", "DELETE FROM payload WHERE task = ?1"] {
                tx.prepare_cached(sql)?.execute([key])?;
            }
        }
        tx.commit()?;
        Ok(chosen.into_iter().map(|(_, id)| row::id_text(id)).collect())
    }

    /// Deletes arguments and results of successes; answers of how many.
    fn drop_payloads(&mut self, conn: &mut Connection, now: f64) -> rusqlite::Result<usize> {
        let before = now - self.options.payloads.as_secs_f64();
        let tx = conn.transaction()?;
        let sql = "SELECT key, timestamp FROM task WHERE spare = 1 AND timestamp >= ?1 AND timestamp < ?2
                   ORDER BY timestamp LIMIT ?3";
        let rows: Vec<(i64, f64)> = tx
            .prepare_cached(sql)?
            .query_map((self.payloads, before, BATCH), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut dropped = 0;
        for (key, _) in &rows {
            if tx.prepare_cached("DELETE FROM payload WHERE task = ?1")?.execute([key])? > 0 {
                dropped += 1;
                tx.prepare_cached("UPDATE task SET payload_dropped = 1 WHERE key = ?1")?.execute([key])?;
            }
        }
        tx.commit()?;
        let is_last = (rows.len() as i64) < BATCH;
        if let Some((_, timestamp)) = rows.last() {
            // Many may have the same time: those are looked at again, unless nothing would be left to look at.
            self.payloads =
                if is_last || *timestamp > self.payloads { *timestamp } else { timestamp.next_up() };
        }
        Ok(if is_last { dropped } else { rows.len() })
    }

    fn rest(&self, conn: &Connection, now: f64) -> rusqlite::Result<()> {
        for (span, kept) in SPANS {
            let sql = "DELETE FROM rollup WHERE span = ?1 AND at < ?2";
            conn.prepare_cached(sql)?.execute((span, now as i64 - kept))?;
        }
        conn.prepare_cached("DELETE FROM queue_sample WHERE at < ?1")?.execute([now as i64 - SAMPLES])?;
        conn.prepare_cached("DELETE FROM watched WHERE until < ?1")?.execute([now as i64 - WATCHED])?;
        let sql = "DELETE FROM audit WHERE at < ?1";
        conn.prepare_cached(sql)?.execute([now - self.options.audit.as_secs_f64()])?;
        Ok(())
    }
}

/// Bytes in use, and bytes of the file.
pub(super) fn bytes(conn: &Connection) -> rusqlite::Result<(u64, u64)> {
    let pragma = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
    let (size, count, free) = (pragma("page_size")?, pragma("page_count")?, pragma("freelist_count")?);
    Ok((size * count.saturating_sub(free), size * count))
}
