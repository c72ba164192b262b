//! A task as a row.
//!
//! Kept true here: the row's columns are worked out from the history beside them each time it is written, so that
//! they never disagree.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params, types::Value};
use taskq_core::backend::State;
use uuid::Uuid;

use super::{
    hot::{InFile, Task},
    words::{Adding, Kind},
};
use crate::record::{EndReason, History, TaskRecord, failure};

/// An id as it is stored.
pub(crate) fn id_value(id: &str) -> Value {
    match Uuid::try_parse(id) {
        Ok(uuid) if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id => {
            Value::Blob(uuid.into_bytes().to_vec())
        }
        _ => Value::Text(id.to_owned()),
    }
}

/// An id from how it is stored.
pub(super) fn id_text(value: Value) -> String {
    match value {
        Value::Blob(bytes) => Uuid::from_slice(&bytes).map(|uuid| uuid.to_string()).unwrap_or_default(),
        Value::Text(text) => text,
        _ => String::new(),
    }
}

/// Reads what is stored of a task: its row and history.
pub(super) fn load(
    conn: &rusqlite::Connection,
    id: &str,
) -> rusqlite::Result<Option<(i64, Option<History>)>> {
    let sql = "SELECT t.key, t.bones, p.data, t.payload_dropped FROM task t LEFT JOIN payload p ON p.task = t.key WHERE t.id = ?1";
    conn.prepare_cached(sql)?.query_row([id_value(id)], |row| Ok((row.get(0)?, history(row, 1)?))).optional()
}

/// The history in a row: its bones, texts and whether those were dropped, from a column on.
pub(super) fn history(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Option<History>> {
    let bones = row.get_ref(first)?.as_blob().unwrap_or_default();
    let texts = row.get_ref(first + 1)?.as_blob_or_null().unwrap_or_default();
    let dropped = row.get::<_, bool>(first + 2)?;
    Ok(History::unpack(bones, texts).map(|history| history.with_payload_dropped(dropped)))
}

/// Writes a task. What is stored of it already is merged in first, and into `task`. Whether it is a new row.
pub(super) fn write(tx: &Transaction<'_>, words: &mut Adding<'_>, task: &mut Task) -> rusqlite::Result<bool> {
    if task.in_file == InFile::NotAsked
        && let Some((key, stored)) = load(tx, &task.id)?
    {
        task.in_file = InFile::Row(key);
        if let Some(stored) = stored {
            Arc::make_mut(&mut task.history).merge(stored);
        }
    }
    let record = task.history.record(&task.id);
    let packed = task.history.pack();
    let known = task.in_file;
    let key = match known {
        InFile::Row(key) if put(tx, words, key, false, &record, &packed.bones)? > 0 => key,
        _ => {
            put(tx, words, task.fresh, true, &record, &packed.bones)?;
            task.fresh
        }
    };
    task.in_file = InFile::Row(key);
    let is_new = known != task.in_file;
    if let Some(texts) = packed.texts {
        tx.prepare_cached("INSERT OR REPLACE INTO payload (task, data) VALUES (?1, ?2)")?
            .execute((key, texts))?;
    }
    Ok(is_new)
}

const INSERT: &str =
    "INSERT INTO task (name, state, reason, error, worker, queue, timestamp, sent, received, started,
    ended, eta, wait, runtime, retries, attempts, spare, root, parent, bones, key, id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
const UPDATE: &str = "UPDATE task SET name = ?1, state = ?2, reason = ?3, error = ?4, worker = ?5, queue = ?6,
    timestamp = ?7, sent = ?8, received = ?9, started = ?10, ended = ?11, eta = ?12, wait = ?13, runtime = ?14,
    retries = ?15, attempts = ?16, spare = ?17, root = ?18, parent = ?19, bones = ?20 WHERE key = ?21 AND id = ?22";

fn put(
    tx: &Transaction<'_>,
    words: &mut Adding<'_>,
    key: i64,
    is_new: bool,
    record: &TaskRecord,
    bones: &[u8],
) -> rusqlite::Result<usize> {
    let last = record.attempts.last();
    let name = word(tx, words, Kind::Name, record.name.as_deref())?;
    let state = word(tx, words, Kind::State, Some(record.state.as_str()))?;
    let reason = word(tx, words, Kind::Reason, record.reason.as_ref().map(EndReason::word))?;
    let error = word(tx, words, Kind::Error, failure(record).as_deref())?;
    let worker = word(tx, words, Kind::Worker, record.worker.as_deref())?;
    let queue = word(tx, words, Kind::Queue, record.queue.as_deref())?;
    let related = |other: &Option<String>| other.as_deref().filter(|other| *other != record.id).map(id_value);
    tx.prepare_cached(if is_new { INSERT } else { UPDATE })?.execute(params![
        name,
        state,
        reason,
        error,
        worker,
        queue,
        record.timestamp,
        record.sent,
        record.received,
        record.started,
        record.ended(),
        last.and_then(|attempt| attempt.eta),
        record.waited(),
        record.ran(),
        record.retries,
        record.attempts.len() as i64,
        record.state == State::Success,
        related(&record.root_id),
        related(&record.parent_id),
        bones,
        key,
        id_value(&record.id),
    ])
}

fn word(
    tx: &Transaction<'_>,
    words: &mut Adding<'_>,
    kind: Kind,
    text: Option<&str>,
) -> rusqlite::Result<Option<i64>> {
    text.map_or(Ok(None), |text| words.id(tx, kind, text))
}
