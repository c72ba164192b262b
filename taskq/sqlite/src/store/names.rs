//! The numbers of queues, remembered by the writer. Queues are never deleted, so a number stays right.

use std::{cell::RefCell, collections::HashMap};

use rusqlite::{Connection, OptionalExtension};

use super::error::Result;

#[derive(Debug, Default)]
pub(super) struct Names {
    known: RefCell<HashMap<String, i64>>,
    /// Learnt in the transaction that is open: a rollback takes new queues back.
    fresh: RefCell<Vec<String>>,
}

impl Names {
    /// The number of a queue, which is created when it is missing.
    pub(super) fn id(&self, conn: &Connection, name: &str) -> Result<i64> {
        if let Some(id) = self.known.borrow().get(name) {
            return Ok(*id);
        }
        let id = match find(conn, name)? {
            Some(id) => id,
            None => {
                conn.prepare_cached("INSERT INTO queue (name) VALUES (?1)")?.execute([name])?;
                conn.last_insert_rowid()
            }
        };
        self.known.borrow_mut().insert(name.to_owned(), id);
        self.fresh.borrow_mut().push(name.to_owned());
        Ok(id)
    }

    pub(super) fn keep(&mut self) {
        self.fresh.get_mut().clear();
    }

    pub(super) fn forget(&mut self) {
        for name in self.fresh.get_mut().drain(..) {
            self.known.get_mut().remove(&name);
        }
    }
}

/// The number of a queue, if there is one of that name.
pub(crate) fn find(conn: &Connection, name: &str) -> Result<Option<i64>> {
    let mut select = conn.prepare_cached("SELECT id FROM queue WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}
