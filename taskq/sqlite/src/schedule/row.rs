//! Entries as rows: changes, and reading them back.

use rusqlite::{Connection, Row};
use taskq_core::{
    Error, Timestamp,
    protocol::TaskId,
    schedule::{Change, Entry, EntryState, Snapshot, TickKind, TickRecord},
};

use crate::store::{Result, Tx, timestamp};

/// A change, encoded before the writer sees it.
pub(super) enum Write {
    Put { name: String, definition: Vec<u8> },
    Remove(String),
    Pause(String, bool),
    RunNow(String, i64),
}

impl Write {
    pub(super) fn of(change: &Change) -> std::result::Result<Self, Error> {
        Ok(match change {
            Change::Put(entry) => {
                Self::Put { name: entry.name.clone(), definition: entry.to_stored()?.to_vec() }
            }
            Change::Remove(name) => Self::Remove(name.clone()),
            Change::Pause(name, paused) => Self::Pause(name.clone(), *paused),
            Change::RunNow(name, at) => Self::RunNow(name.clone(), at.as_microsecond()),
        })
    }

    /// Applies it; answers whether the entry was there.
    pub(super) fn apply(&self, tx: &Tx<'_>) -> Result<bool> {
        let changed = match self {
            Self::Put { name, definition } => tx.execute(
                "INSERT INTO schedule_entry (name, definition, since) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET definition = excluded.definition",
                (name, definition, tx.now),
            )?,
            Self::Remove(name) => {
                tx.execute("DELETE FROM schedule_tick WHERE entry = ?1", [name])?;
                tx.execute("DELETE FROM schedule_entry WHERE name = ?1", [name])?
            }
            Self::Pause(name, paused) => {
                tx.execute("UPDATE schedule_entry SET paused = ?2 WHERE name = ?1", (name, paused))?
            }
            Self::RunNow(name, at) => {
                tx.execute("UPDATE schedule_entry SET asked = ?2 WHERE name = ?1", (name, at))?
            }
        };
        Ok(changed > 0)
    }
}

/// Reads all entries.
pub(super) fn all(conn: &Connection, into: &mut Snapshot) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT name, definition, since, due, sent, task, runs, paused, asked, pending
         FROM schedule_entry ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        match Entry::from_stored(&name, row.get_ref(1)?.as_blob().unwrap_or_default()) {
            Ok(entry) => into.entries.push(entry),
            Err(error) => into.unreadable.push((name.clone(), error.to_string())),
        }
        into.states.insert(name, state(row)?);
    }
    Ok(())
}

fn state(row: &Row<'_>) -> Result<EntryState> {
    let time =
        |index: usize| -> Result<Option<Timestamp>> { Ok(row.get::<_, Option<i64>>(index)?.map(timestamp)) };
    Ok(EntryState {
        since: time(2)?,
        last_due: time(3)?,
        last_sent: time(4)?,
        last_task: row.get::<_, Option<String>>(5)?.map(TaskId::from),
        runs: row.get(6)?,
        paused: row.get(7)?,
        asked: time(8)?,
        pending: time(9)?,
    })
}

/// The last ticks of an entry, newest first.
pub(super) fn history(conn: &Connection, entry: &str, limit: usize) -> Result<Vec<TickRecord>> {
    let mut statement = conn.prepare_cached(
        "SELECT kind, due, at, task FROM schedule_tick WHERE entry = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let read = |row: &Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
    };
    let mut records = Vec::new();
    for row in statement.query_map((entry, limit), read)? {
        let (kind, due, at, task) = row?;
        if let Some(kind) = TickKind::from_name(&kind) {
            records.push(TickRecord {
                kind,
                due: timestamp(due),
                at: timestamp(at),
                task: TaskId::from(task),
            });
        }
    }
    Ok(records)
}
