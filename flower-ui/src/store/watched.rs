//! When events were heard: what is not told of in between is not known, rather than nothing.

use taskq_core::Error;

use super::Store;

/// Spans that are read; the newest.
const MOST: usize = 200;

impl Store {
    /// Keeps that events were heard from `begin` until `until`, in seconds since 1970. What was kept for the same
    /// begin is replaced.
    pub(crate) async fn watched(&self, begin: f64, until: f64) -> Result<(), Error> {
        self.write(move |conn| {
            let sql = "INSERT OR REPLACE INTO watched (begin, until) VALUES (?1, ?2)";
            conn.prepare_cached(sql)?.execute((begin, until)).map(|_| ())
        })
        .await
    }

    /// The spans in which events were heard, the oldest first: from and until.
    pub(crate) async fn spans(&self) -> Result<Vec<(f64, f64)>, Error> {
        self.read(|conn, _| {
            let sql = format!("SELECT begin, until FROM watched ORDER BY begin DESC LIMIT {MOST}");
            let mut spans: Vec<(f64, f64)> = conn
                .prepare(&sql)?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            spans.reverse();
            Ok(spans)
        })
        .await
    }
}
