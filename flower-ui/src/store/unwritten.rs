//! What is not written yet, beside what is: a list reads both, so that it waits for nobody's disk.
//!
//! Kept true here: a task is in a list once, as it was when the list was asked for or later; its place among others
//! told of at the same moment is the one that it will have in the file.

use std::{collections::HashSet, sync::Arc};

use rusqlite::Connection;

use super::row;
use crate::{
    query::{Cursor, TaskQuery},
    record::{History, TaskRecord},
};

/// Tasks that waited to be written at one moment.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    pub(super) tasks: Vec<Waiting>,
    /// Tasks in the file at that moment.
    pub(super) in_file: u64,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: Arc<str>,
    pub(super) history: Arc<History>,
    /// Its row. Without one there may be more in the file.
    pub(super) key: Option<i64>,
    /// The row that it gets if it has none.
    pub(super) fresh: i64,
}

/// Those that match, to be read with the rows of the file.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Rows of the file that are older than what is here.
    pub(super) hidden: HashSet<i64>,
    /// The newest first.
    pub(super) rows: Vec<(Cursor, TaskRecord)>,
    /// Tasks here and in the file.
    pub(super) total: u64,
}

impl Unwritten {
    /// Takes in what the file knows of them, and leaves out those that do not match.
    pub(super) fn find(self, conn: &Connection, query: &TaskQuery) -> rusqlite::Result<Overlay> {
        let mut overlay = Overlay { total: self.in_file, ..Overlay::default() };
        for Waiting { id, mut history, key, fresh } in self.tasks {
            let mut place = key.unwrap_or(fresh);
            if key.is_none() {
                let stored = row::load(conn, &id)?;
                // One that was written a moment ago was not in the file then.
                overlay.total += u64::from(stored.as_ref().is_none_or(|(key, _)| *key == fresh));
                if let Some((key, known)) = stored {
                    place = key;
                    if let Some(known) = known {
                        Arc::make_mut(&mut history).merge(known);
                    }
                }
            }
            overlay.hidden.extend([place, fresh]);
            let task = history.record(&id);
            if query.matches(&task) {
                overlay.rows.push((Cursor { timestamp: task.timestamp, key: place }, task));
            }
        }
        overlay.rows.sort_unstable_by(|(a, _), (b, _)| b.order(a));
        Ok(overlay)
    }
}
