//! What is not written yet, beside what is: a list reads both, so that it waits for nobody's disk.
//!
//! Kept true here: a task is in a list once, as it was when the list was asked for or later; its place among others
//! told of at the same moment is the one that it will have in the file. What the file answers is told on, so that it
//! is asked once for each task and not once for each list.

use std::{collections::HashSet, sync::Arc};

use rusqlite::Connection;

use super::{
    hot::{Asked, InFile},
    row,
};
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
    pub(super) in_file: InFile,
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
    /// Takes in what the file knows of them, and leaves out those that do not match. Tells `asked` what it answered.
    pub(super) fn find(
        self,
        conn: &Connection,
        query: &TaskQuery,
        asked: &mut Vec<Asked>,
    ) -> rusqlite::Result<Overlay> {
        let mut overlay = Overlay { total: self.in_file, ..Overlay::default() };
        for Waiting { id, mut history, in_file, fresh } in self.tasks {
            let mut place = fresh;
            match in_file {
                InFile::Row(key) => place = key,
                InFile::Nothing => overlay.total += 1,
                InFile::NotAsked => {
                    let found = row::load(conn, &id)?;
                    // One that was written a moment ago was not in the file then.
                    overlay.total += u64::from(found.as_ref().is_none_or(|(key, _)| *key == fresh));
                    if let Some((key, known)) = &found {
                        place = *key;
                        if let Some(known) = known {
                            Arc::make_mut(&mut history).merge(known.clone());
                        }
                    }
                    asked.push(Asked { id: Arc::clone(&id), fresh, found });
                }
            }
            overlay.hidden.extend([place, fresh]);
            if !query.may_match(&history) {
                continue;
            }
            let task = history.record(&id);
            if query.matches(&task) {
                overlay.rows.push((Cursor { timestamp: task.timestamp, key: place }, task));
            }
        }
        overlay.rows.sort_unstable_by(|(a, _), (b, _)| b.order(a));
        Ok(overlay)
    }
}
