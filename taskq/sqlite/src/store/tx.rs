//! A transaction as jobs see it: the connection, the time, and numbers that are never used twice.

use std::{cell::Cell, time::Duration};

use rusqlite::{Connection, Params};
use taskq_core::Timestamp;

use super::{clock::WallClock, error::Result, names::Names};

/// The wall clock in microseconds, as times are stored.
pub(crate) fn micros_now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// A duration in microseconds; what is too long is for ever.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

/// A stored time.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

pub(crate) struct Tx<'c> {
    pub(crate) conn: &'c Connection,
    /// When it began.
    pub(crate) now: i64,
    /// Whether leases may lapse now; not for a while after the clock has jumped.
    pub(crate) leases_lapse: bool,
    names: &'c Names,
    /// The last number drawn, once one was.
    place: Cell<Option<i64>>,
    wake: Cell<bool>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Connection, names: &'c Names, clock: &mut WallClock) -> Self {
        let now = clock.now();
        Self {
            conn,
            now,
            leases_lapse: clock.is_steady(),
            names,
            place: Cell::new(None),
            wake: Cell::new(false),
        }
    }

    /// A number above all that were drawn before, in any process.
    pub(crate) fn next_place(&self) -> Result<i64> {
        let last = match self.place.get() {
            Some(last) => last,
            None => self
                .conn
                .prepare_cached("SELECT value FROM counter WHERE name = 'place'")?
                .query_row([], |row| row.get(0))?,
        };
        self.place.set(Some(last + 1));
        Ok(last + 1)
    }

    /// The number of a queue, which is created when it is missing.
    pub(crate) fn queue_id(&self, name: &str) -> Result<i64> {
        self.names.id(self.conn, name)
    }

    /// Runs a statement; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// Those who wait in this process shall look once this is committed.
    pub(crate) fn wake(&self) {
        self.wake.set(true);
    }

    pub(super) fn woken(&self) -> bool {
        self.wake.get()
    }

    /// Writes down the last number.
    pub(super) fn finish(&self) -> Result<()> {
        if let Some(last) = self.place.get() {
            self.execute("UPDATE counter SET value = ?1 WHERE name = 'place'", [last])?;
        }
        Ok(())
    }
}
