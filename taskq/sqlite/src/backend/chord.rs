//! Chords counted in the file: counting a member and claiming the body are one transaction.

use std::{sync::Arc, time::Duration};

use rusqlite::OptionalExtension;
use taskq_core::{
    BoxFuture,
    backend::{
        BackendError, CHORD_CLAIM, CHORD_DONE, CHORD_PUBLISHING, ChordClaim, ChordCopy, ChordHeader,
        ChordMember, ChordPart, ChordProgress, ChordStart, ChordStore, State,
    },
    protocol::TaskId,
};

use super::{group, row};
use crate::store::{Result, Store, Tx, micros};

/// The chords of a backend.
#[derive(Debug)]
pub(super) struct Chords {
    pub(super) store: Result<Arc<Store>>,
    pub(super) expires: Option<Duration>,
}

/// A member that has ended, encoded before the writer sees it.
struct Part {
    chord: String,
    place: i64,
    id: TaskId,
    state: State,
    form: i64,
    output: Vec<u8>,
    token: String,
}

impl Part {
    fn of(part: &ChordPart<'_>) -> Result<Self> {
        let (form, output) = row::write(part.id, &part.meta.output)?;
        Ok(Self {
            chord: part.group.to_owned(),
            place: part.index.unwrap_or(i64::MAX),
            id: part.id.clone(),
            state: part.meta.state.clone(),
            form,
            output: output.to_vec(),
            token: TaskId::new().to_string(),
        })
    }

    fn count(&self, tx: &Tx<'_>, expires: Option<i64>) -> Result<ChordProgress> {
        let chord = self.chord.as_str();
        open(tx, chord, expires)?;
        let done = "SELECT done FROM chord WHERE id = ?1";
        if tx.conn.prepare_cached(done)?.query_row([chord], |row| row.get(0))? {
            return Ok(ChordProgress::Done);
        }
        tx.execute(
            "INSERT OR IGNORE INTO chord_member (chord, place, id, state, form, output)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (chord, self.place, self.id.as_str(), self.state.as_str(), self.form, &self.output),
        )?;
        let complete = "SELECT size IS NOT NULL AND size + added =
                (SELECT count(*) FROM chord_member WHERE chord = ?1) FROM chord WHERE id = ?1";
        if !tx.conn.prepare_cached(complete)?.query_row([chord], |row| row.get(0))? {
            return Ok(ChordProgress::Counted);
        }
        let claimed = tx.execute(
            "UPDATE chord SET token = ?2, run = coalesce(run, ?2), until = ?3
             WHERE id = ?1 AND (token IS NULL OR until <= ?4)",
            (chord, &self.token, tx.now + micros(CHORD_CLAIM), tx.now),
        )?;
        if claimed == 0 {
            return Ok(ChordProgress::Busy);
        }
        let run = "SELECT run FROM chord WHERE id = ?1";
        let run = tx.conn.prepare_cached(run)?.query_row([chord], |row| row.get(0))?;
        let header = match group::load(tx.conn, chord, tx.now)? {
            Some(saved) => ChordHeader::Saved(saved),
            None => ChordHeader::Members(members(tx, chord)?),
        };
        let (group, token) = (chord.to_owned(), self.token.clone());
        Ok(ChordProgress::Claimed(ChordClaim { group, run, token, header }))
    }
}

/// The chord's row, empty when there is none that has not expired.
fn open(tx: &Tx<'_>, chord: &str, expires: Option<i64>) -> Result<()> {
    let over = "SELECT 1 FROM chord WHERE id = ?1 AND expires <= ?2";
    if tx.conn.prepare_cached(over)?.exists((chord, tx.now))? {
        forget(tx, chord)?;
    }
    tx.execute(
        "INSERT INTO chord (id, expires) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET expires = ?2 WHERE done = 0",
        (chord, expires),
    )?;
    Ok(())
}

fn forget(tx: &Tx<'_>, chord: &str) -> Result<()> {
    tx.execute("DELETE FROM chord_member WHERE chord = ?1", [chord])?;
    tx.execute("DELETE FROM chord WHERE id = ?1", [chord])?;
    Ok(())
}

fn members(tx: &Tx<'_>, chord: &str) -> Result<Vec<ChordMember>> {
    let mut select = tx.conn.prepare_cached(
        "SELECT id, state, form, output FROM chord_member WHERE chord = ?1 ORDER BY place, id",
    )?;
    let mut rows = select.query([chord])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let id: TaskId = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?.into();
        let state = State::from(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        let output = row::read(&id, row.get(2)?, row.get::<_, Vec<u8>>(3)?.into())?;
        members.push(ChordMember { id, state, output });
    }
    Ok(members)
}

/// Removes what expired.
pub(super) fn remove_expired(tx: &Tx<'_>) -> Result<usize> {
    tx.execute(
        "DELETE FROM chord_member WHERE chord IN (SELECT id FROM chord WHERE expires <= ?1)",
        [tx.now],
    )?;
    tx.execute("DELETE FROM chord_copy WHERE expires <= ?1", [tx.now])?;
    tx.execute("DELETE FROM chord WHERE expires <= ?1", [tx.now])
}

impl Chords {
    async fn write<T: Send + 'static>(
        &self,
        tried: &str,
        work: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, BackendError> {
        let written = async { self.store.clone()?.write(work).await };
        written.await.map_err(|failure| failure.backend(tried))
    }

    fn until(&self) -> impl Fn(&Tx<'_>) -> Option<i64> + Send + use<> {
        let expires = self.expires.map(micros);
        move |tx| expires.map(|after| tx.now.saturating_add(after))
    }
}

impl ChordStore for Chords {
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let (chords, until) = (chords.to_vec(), self.until());
            let work = move |tx: &Tx<'_>| {
                for chord in &chords {
                    let id = chord.group.as_str();
                    tx.execute("DELETE FROM chord WHERE id = ?1 AND done = 1", [id])?;
                    open(tx, id, until(tx))?;
                    if let Some(saved) = &chord.save {
                        group::save(tx, saved, until(tx))?;
                    }
                    tx.execute("UPDATE chord SET size = ?2, token = NULL WHERE id = ?1", (id, chord.size))?;
                }
                Ok(())
            };
            self.write("start chords", work).await
        })
    }

    fn grow<'a>(&'a self, group: &'a str, by: u32) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let (id, until) = (group.to_owned(), self.until());
            let work = move |tx: &Tx<'_>| {
                open(tx, &id, until(tx))?;
                tx.execute("UPDATE chord SET added = added + ?2 WHERE id = ?1", (&id, by)).map(drop)
            };
            self.write("add to a chord", work).await
        })
    }

    fn count<'a>(
        &'a self,
        parts: &'a [ChordPart<'a>],
    ) -> BoxFuture<'a, std::result::Result<Vec<ChordProgress>, BackendError>> {
        Box::pin(async move {
            let tried = "count members of chords";
            let parts = parts.iter().map(Part::of).collect::<Result<Vec<_>>>();
            let parts = parts.map_err(|failure| failure.backend(tried))?;
            let until = self.until();
            let work = move |tx: &Tx<'_>| {
                parts.iter().map(|part| part.count(tx, until(tx))).collect::<Result<Vec<_>>>()
            };
            self.write(tried, work).await
        })
    }

    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, std::result::Result<bool, BackendError>> {
        Box::pin(async move {
            let ChordClaim { group, token, .. } = claim.clone();
            let work = move |tx: &Tx<'_>| {
                tx.execute(
                    "UPDATE chord SET token = ?2, until = ?3 WHERE id = ?1 AND done = 0 AND size IS NOT NULL
                         AND (token = ?2 OR token IS NULL OR until <= ?4)",
                    (&group, &token, tx.now + micros(CHORD_PUBLISHING), tx.now),
                )
            };
            Ok(self.write("renew the claim on a chord", work).await? > 0)
        })
    }

    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, std::result::Result<bool, BackendError>> {
        Box::pin(async move {
            let ChordClaim { group, token, .. } = claim.clone();
            let work = move |tx: &Tx<'_>| {
                let held = tx
                    .conn
                    .prepare_cached("SELECT 1 FROM chord WHERE id = ?1 AND token = ?2 AND until > ?3")?
                    .query_row((&group, &token, tx.now), |_| Ok(()))
                    .optional()?;
                if held.is_none() {
                    return Ok(false);
                }
                forget(tx, &group)?;
                tx.execute(
                    "INSERT INTO chord (id, done, expires) VALUES (?1, 1, ?2)",
                    (&group, tx.now + micros(CHORD_DONE)),
                )?;
                Ok(true)
            };
            self.write("finish a chord", work).await
        })
    }

    fn release<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let ChordClaim { group, token, .. } = claim.clone();
            let work = move |tx: &Tx<'_>| {
                let release = "UPDATE chord SET token = NULL WHERE id = ?1 AND token = ?2";
                tx.execute(release, (&group, &token)).map(drop)
            };
            self.write("release the claim on a chord", work).await
        })
    }

    fn reopen<'a>(
        &'a self,
        group: &'a str,
        members: &'a [TaskId],
    ) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let (group, members) = (group.to_owned(), members.to_vec());
            let work = move |tx: &Tx<'_>| {
                let open =
                    "UPDATE chord SET token = NULL, run = NULL, until = 0, done = 0, size = coalesce(size,
                            (SELECT count(*) FROM chord_member WHERE chord = ?1) - added) WHERE id = ?1";
                tx.execute(open, [&group])?;
                let out = "DELETE FROM chord_member WHERE chord = ?1 AND id = ?2";
                members.iter().try_for_each(|id| tx.execute(out, (&group, id.as_str())).map(drop))
            };
            self.write("open a chord again", work).await
        })
    }

    fn take<'a>(&'a self, copy: &'a ChordCopy) -> BoxFuture<'a, std::result::Result<bool, BackendError>> {
        Box::pin(async move {
            let (copy, until) = (copy.clone(), self.until());
            let work = move |tx: &Tx<'_>| {
                tx.execute(
                    "INSERT INTO chord_copy (chord, place, run, token, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (chord, place) DO UPDATE SET run = ?3, token = ?4, expires = ?5
                     WHERE run <> ?3 OR token = ?4 OR expires <= ?6",
                    (&copy.group, copy.place, &copy.run, &copy.token, until(tx), tx.now),
                )
            };
            Ok(self.write("take what ends a chord", work).await? > 0)
        })
    }

    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, std::result::Result<(), BackendError>> {
        Box::pin(async move {
            let ChordClaim { group, token, .. } = claim.clone();
            let work = move |tx: &Tx<'_>| {
                let fail = "UPDATE chord SET size = NULL WHERE id = ?1 AND token = ?2";
                tx.execute(fail, (&group, &token)).map(drop)
            };
            self.write("fail a chord", work).await
        })
    }
}
