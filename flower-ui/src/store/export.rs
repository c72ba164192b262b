//! All tasks that match, a piece at a time.
//!
//! Kept true here: each task that was in the file when the export began is in it once, as it was when it came to it,
//! also when it is told of meanwhile; a piece is small however large its tasks are, and holds a reader only while it
//! is read.

use taskq_core::Error;

use super::{
    Store,
    find::{self, Search},
};
use crate::{
    query::{Condition, TaskQuery},
    record::TaskRecord,
};

/// Tasks of a piece.
const TASKS: usize = 100;
/// Rows that are looked at for it.
const ROWS: i64 = 4_000;

/// Where an export is: rows below this are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(i64);

impl Store {
    /// Where an export begins. Waits until what was told before is written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) async fn export(&self) -> Result<Place, Error> {
        self.settle(false).await;
        self.read(|conn, _| {
            let last: i64 = conn.query_row("SELECT ifnull(max(key), 0) FROM task", [], |row| row.get(0))?;
            Ok(Place(last.saturating_add(1)))
        })
        .await
    }

    /// The next piece, those first told of last coming first, and where the one after it begins. A piece may be empty
    /// and not be the last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) async fn exported(
        &self,
        query: &TaskQuery,
        Place(before): Place,
    ) -> Result<(Vec<TaskRecord>, Option<Place>), Error> {
        let query = query.clone();
        self.read(move |conn, words| {
            let search = Search::new(&query, words);
            let from = before.saturating_sub(ROWS);
            let within = Condition::new("t.key < ? AND t.key >= ?", vec![before.into(), from.into()]);
            let condition = Condition::join(vec![within, search.condition.clone()], " AND ", "1");
            // Rows lie in this order: an index would have to be sorted by it.
            let sql = format!(
                "SELECT {} FROM task t NOT INDEXED LEFT JOIN payload p ON p.task = t.key WHERE {} ORDER BY t.key DESC",
                find::COLUMNS,
                condition.sql
            );
            let mut tasks = Vec::new();
            let mut next = from;
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(&condition.values))?;
            while let Some(row) = rows.next()? {
                let task = find::record(row)?;
                tasks.extend(task.filter(|task| search.fits(task)));
                if tasks.len() == TASKS {
                    next = row.get(0)?;
                    break;
                }
            }
            let first: Option<i64> = conn.query_row("SELECT min(key) FROM task", [], |row| row.get(0))?;
            Ok((tasks, first.filter(|first| *first < next).map(|_| Place(next))))
        })
        .await
    }
}
