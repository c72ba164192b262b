//! Many records in one read: how errors go over time, and tasks by their ids.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, types::Value};
use taskq_core::Error;

use super::{IDS, Store, row, words::Kind};
use crate::record::TaskRecord;

/// How tasks that fail alike go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// How many in each part of the time.
    pub spark: Vec<u64>,
    /// The newest of them.
    pub newest: Option<TaskRecord>,
}

impl Store {
    /// The trends of these fingerprints over a time that is cut into `parts`, by fingerprint.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn error_trends(
        &self,
        from: f64,
        until: f64,
        parts: usize,
        fingerprints: Vec<String>,
    ) -> Result<HashMap<String, Trend>, Error> {
        self.settle(false).await;
        self.read(move |conn, words| {
            let mut trends = HashMap::with_capacity(fingerprints.len());
            for fingerprint in fingerprints {
                let Some(error) = words.id(Kind::Error, &fingerprint) else { continue };
                let spark = spark(conn, error, from, until, parts)?;
                trends.insert(fingerprint, Trend { spark, newest: newest(conn, error, until)? });
            }
            Ok(trends)
        })
        .await
    }

    /// The tasks with these ids that are known, in that order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn tasks_by_id(&self, ids: &[&str]) -> Result<Vec<TaskRecord>, Error> {
        self.settle(false).await;
        let order: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.read(move |conn, _| {
            let mut found: HashMap<String, TaskRecord> = HashMap::with_capacity(order.len());
            for ids in order.chunks(IDS) {
                let marks = vec!["?"; ids.len()].join(",");
                let sql = format!(
                    "SELECT t.id, t.bones, p.data, t.payload_dropped FROM task t
                     LEFT JOIN payload p ON p.task = t.key WHERE t.id IN ({marks})"
                );
                let values: Vec<Value> = ids.iter().map(|id| row::id_value(id)).collect();
                let mut rows = conn.prepare(&sql)?;
                let mut rows = rows.query(rusqlite::params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    let id = row::id_text(row.get(0)?);
                    if let Some(history) = row::history(row, 1)? {
                        let record = history.record(&id);
                        found.insert(id, record);
                    }
                }
            }
            Ok(order.iter().filter_map(|id| found.remove(id)).collect())
        })
        .await
    }
}

fn spark(conn: &Connection, error: i64, from: f64, until: f64, parts: usize) -> rusqlite::Result<Vec<u64>> {
    #[allow(clippy::cast_precision_loss)] // a few parts
    let step = (until - from) / parts as f64;
    let sql = "SELECT CAST((timestamp - ?2) / ?4 AS INTEGER), count(*) FROM task
               WHERE error = ?1 AND timestamp >= ?2 AND timestamp < ?3 GROUP BY 1";
    let mut points = vec![0; parts];
    let mut rows = conn.prepare_cached(sql)?;
    let mut rows = rows.query((error, from, until, step))?;
    while let Some(row) = rows.next()? {
        if let Some(point) = points.get_mut(row.get::<_, usize>(0)?) {
            *point = row.get(1)?;
        }
    }
    Ok(points)
}

fn newest(conn: &Connection, error: i64, until: f64) -> rusqlite::Result<Option<TaskRecord>> {
    let sql =
        "SELECT t.id, t.bones, p.data, t.payload_dropped FROM task t LEFT JOIN payload p ON p.task = t.key
               WHERE t.error = ?1 AND t.timestamp <= ?2 ORDER BY t.timestamp DESC LIMIT 1";
    let found = conn.prepare_cached(sql)?.query_row((error, until), |row| {
        let id = row::id_text(row.get(0)?);
        Ok(row::history(row, 1)?.map(|history| history.record(&id)))
    });
    Ok(found.optional()?.flatten())
}
