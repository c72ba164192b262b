//! Schedules in a SQLite file, which may be the broker's.
//!
//! Kept true here: everything is one transaction: leading, changing, and claiming a tick together with storing
//! its message.

mod claim;
mod row;

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, OptionalExtension};
use taskq_core::{
    BoxFuture, Error,
    broker::BrokerError,
    schedule::{Change, Claim, Leadership, ScheduleStore, Snapshot, Tick, TickRecord},
};

use self::claim::Claiming;
use crate::{
    SqliteOptions,
    store::{Result, Store, Tx, micros, micros_now},
};

/// Schedules in a SQLite file.
#[derive(Debug)]
pub struct SqliteSchedules {
    store: Arc<Store>,
    publishes: bool,
}

impl SqliteSchedules {
    /// Opens the file of an address such as `sqlite:./taskq.db`, creating it. With `publishes`, ticks are stored
    /// in the queues of this very file: it must be the broker's.
    ///
    /// # Errors
    /// As [`SqliteBroker::open`](crate::SqliteBroker::open).
    pub async fn open(
        url: &str,
        options: SqliteOptions,
        publishes: bool,
    ) -> std::result::Result<Self, BrokerError> {
        let (path, options) = options
            .with_url(url)
            .map_err(|why| BrokerError::new(taskq_core::broker::BrokerErrorKind::Config, why))?;
        let store =
            Store::open(path, options).await.map_err(|failure| failure.broker("open the schedule"))?;
        Ok(Self { store, publishes })
    }

    async fn write<T: Send + 'static>(
        &self,
        tried: &str,
        work: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Error> {
        self.store.write(work).await.map_err(|failure| failure.broker(tried).into())
    }

    async fn read<T: Send + 'static>(
        &self,
        tried: &str,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Error> {
        self.store.read(work).await.map_err(|failure| failure.broker(tried).into())
    }
}

/// The revision.
fn revision(conn: &Connection) -> Result<u64> {
    Ok(conn.query_row("SELECT value FROM counter WHERE name = 'schedule'", [], |row| row.get(0))?)
}

/// Who leads at a time, and the number of the term.
fn leader(conn: &Connection, now: i64) -> Result<Option<(String, u64)>> {
    let found = conn.query_row(
        "SELECT beat, token FROM schedule_leader WHERE until > ?1 AND beat != ''",
        [now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    Ok(found.optional()?)
}

fn lead(tx: &Tx<'_>, beat: &str, lease: i64) -> Result<Leadership> {
    let token = match leader(tx.conn, tx.now)? {
        Some((leader, _)) if leader != beat => return Ok(Leadership::Follower { leader }),
        Some((_, token)) => token,
        None => {
            tx.execute("UPDATE schedule_leader SET token = token + 1, beat = ?1", [beat])?;
            tx.conn.query_row("SELECT token FROM schedule_leader", [], |row| row.get(0))?
        }
    };
    tx.execute("UPDATE schedule_leader SET until = ?1", [tx.now.saturating_add(lease)])?;
    Ok(Leadership::Leader { token })
}

impl ScheduleStore for SqliteSchedules {
    fn publishes(&self) -> bool {
        self.publishes
    }

    fn snapshot(&self) -> BoxFuture<'_, std::result::Result<Snapshot, Error>> {
        Box::pin(self.read("read the schedule", |conn| {
            let mut snapshot = Snapshot {
                revision: revision(conn)?,
                leader: leader(conn, micros_now())?.map(|(beat, _)| beat),
                ..Snapshot::default()
            };
            row::all(conn, &mut snapshot)?;
            Ok(snapshot)
        }))
    }

    fn revision(&self) -> BoxFuture<'_, std::result::Result<u64, Error>> {
        Box::pin(self.read("look at the schedule", revision))
    }

    fn change<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, std::result::Result<Vec<bool>, Error>> {
        Box::pin(async move {
            let writes = changes.iter().map(row::Write::of).collect::<std::result::Result<Vec<_>, _>>()?;
            self.write("change the schedule", move |tx| {
                tx.execute("UPDATE counter SET value = value + 1 WHERE name = 'schedule'", [])?;
                writes.iter().map(|write| write.apply(tx)).collect()
            })
            .await
        })
    }

    fn lead<'a>(
        &'a self,
        beat: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, std::result::Result<Leadership, Error>> {
        let (beat, lease) = (beat.to_owned(), micros(lease));
        Box::pin(self.write("lead", move |tx| lead(tx, &beat, lease)))
    }

    fn resign<'a>(&'a self, beat: &'a str) -> BoxFuture<'a, std::result::Result<(), Error>> {
        let beat = beat.to_owned();
        Box::pin(self.write("resign", move |tx| {
            tx.execute("UPDATE schedule_leader SET beat = '', until = 0 WHERE beat = ?1", [&beat]).map(drop)
        }))
    }

    fn claim<'a>(
        &'a self,
        token: u64,
        ticks: &'a [Tick],
    ) -> BoxFuture<'a, std::result::Result<Vec<Claim>, Error>> {
        Box::pin(async move {
            let claiming: Result<Vec<Claiming>> =
                ticks.iter().map(|tick| Claiming::of(tick, self.publishes)).collect();
            let claiming = claiming.map_err(|failure| Error::from(failure.broker("claim ticks")))?;
            self.write("claim ticks", move |tx| {
                let leads = leader(tx.conn, tx.now)?.is_some_and(|(_, term)| term == token);
                let claim = |tick: &Claiming| {
                    if leads || tick.is_free() { tick.claim(tx) } else { Ok(Claim::Fenced) }
                };
                claiming.iter().map(claim).collect()
            })
            .await
        })
    }

    fn confirm<'a>(
        &'a self,
        token: u64,
        entries: &'a [String],
    ) -> BoxFuture<'a, std::result::Result<(), Error>> {
        let entries = entries.to_vec();
        Box::pin(self.write("confirm ticks", move |tx| {
            if leader(tx.conn, tx.now)?.is_some_and(|(_, term)| term == token) {
                for entry in &entries {
                    tx.execute("UPDATE schedule_entry SET pending = NULL WHERE name = ?1", [entry])?;
                }
            }
            Ok(())
        }))
    }

    fn history<'a>(
        &'a self,
        entry: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, std::result::Result<Vec<TickRecord>, Error>> {
        let entry = entry.to_owned();
        Box::pin(self.read("read the history of an entry", move |conn| row::history(conn, &entry, limit)))
    }
}
