//! What people keep on the board: saved views, alert rules, silences, marks on dead letters.
//!
//! Kept true here: a thing has one kind and one id; whoever keeps it again replaces it; how many there are of a
//! kind is bounded.

use rusqlite::OptionalExtension;
use taskq_core::Error;

use super::Store;

/// Things of one kind; the oldest go first.
const MOST: u32 = 10_000;

/// A thing that somebody keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Names it among those of its kind.
    pub id: String,
    /// When it was kept last, in seconds since 1970.
    pub at: f64,
    /// Who did.
    pub actor: String,
    /// What it says: JSON.
    pub body: String,
}

impl Store {
    /// Keeps a thing, in the place of the one with the same kind and id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(&self, kind: &'static str, it: Kept) -> Result<(), Error> {
        self.write(move |conn| {
            let sql = "INSERT OR REPLACE INTO kept (kind, id, at, actor, body) VALUES (?1, ?2, ?3, ?4, ?5)";
            conn.prepare_cached(sql)?.execute((kind, &it.id, it.at, &it.actor, &it.body))?;
            let sql = "DELETE FROM kept WHERE kind = ?1 AND id IN
                       (SELECT id FROM kept WHERE kind = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)";
            conn.prepare_cached(sql)?.execute((kind, MOST)).map(drop)
        })
        .await
    }

    /// Everything of a kind, by id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn kept(&self, kind: &'static str) -> Result<Vec<Kept>, Error> {
        self.read(move |conn, _| {
            let sql = "SELECT id, at, actor, body FROM kept WHERE kind = ?1 ORDER BY id";
            let mut rows = conn.prepare_cached(sql)?;
            let rows = rows.query_map([kind], |row| {
                Ok(Kept { id: row.get(0)?, at: row.get(1)?, actor: row.get(2)?, body: row.get(3)? })
            })?;
            rows.collect()
        })
        .await
    }

    /// Removes a thing, and answers what it said.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn unkeep(&self, kind: &'static str, id: &str) -> Result<Option<String>, Error> {
        let id = id.to_owned();
        self.write(move |conn| {
            let sql = "DELETE FROM kept WHERE kind = ?1 AND id = ?2 RETURNING body";
            conn.prepare_cached(sql)?.query_row((kind, id), |row| row.get(0)).optional()
        })
        .await
    }
}
