//! What all workers on a file share besides its messages: rate limits, and what was revoked.
//!
//! Kept true here: turns are given out in the transaction that reads what was given out before, by the clock of
//! the machine, which all of them share.

use std::sync::{Arc, atomic::Ordering};

use rusqlite::{Connection, OptionalExtension as _};
use taskq_core::{
    BoxFuture,
    broker::{BrokerError, REMEMBERED, RateAsk, RateBucket, RateLimits, RateTurn, Revocation, Revocations},
};

use crate::store::{Result, Store, Tx, micros, micros_now};

#[derive(Debug)]
pub(crate) struct Shared(pub(crate) Arc<Store>);

impl RateLimits for Shared {
    fn take<'a>(
        &'a self,
        asks: &'a [RateAsk],
    ) -> BoxFuture<'a, std::result::Result<Vec<Vec<RateTurn>>, BrokerError>> {
        Box::pin(async move {
            let asks = asks.to_vec();
            let work = move |tx: &Tx<'_>| asks.iter().map(|ask| turns(tx, ask)).collect();
            self.0.write(work).await.map_err(|failure| failure.broker("ask for turns"))
        })
    }
}

fn turns(tx: &Tx<'_>, ask: &RateAsk) -> Result<Vec<RateTurn>> {
    let mut select = tx.conn.prepare_cached("SELECT last, asks, until FROM rate WHERE key = ?1")?;
    let known = select.query_row([&ask.key], |row| {
        Ok(RateBucket { last: row.get(0)?, asks: row.get(1)?, until: row.get(2)? })
    });
    let mut bucket = known.optional()?.unwrap_or_default();
    let turns = bucket.take_all(tx.now, ask);
    let sql = "INSERT OR REPLACE INTO rate (key, last, asks, until) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, (&ask.key, bucket.last, bucket.asks, bucket.until))?;
    Ok(turns)
}

impl Revocations for Shared {
    fn remember<'a>(&'a self, what: &'a [Revocation]) -> BoxFuture<'a, std::result::Result<(), BrokerError>> {
        Box::pin(async move {
            let texts: Vec<String> = what.iter().map(Revocation::to_text).collect();
            let work = move |tx: &Tx<'_>| {
                // Younger than all before it, whatever the clock does: nobody who reads on misses it.
                let at = newest(tx.conn)?.saturating_add(1).max(tx.now);
                let sql = "INSERT INTO revoked (what, at) VALUES (?1, ?2)
                           ON CONFLICT (what) DO UPDATE SET at = excluded.at";
                texts.iter().try_for_each(|text| tx.execute(sql, (text, at)).map(drop))
            };
            self.0.write(work).await.map_err(|failure| failure.broker("remember revocations"))
        })
    }

    fn since(&self, mark: u64) -> BoxFuture<'_, std::result::Result<(Vec<Revocation>, u64), BrokerError>> {
        Box::pin(async move {
            let mark = i64::try_from(mark).unwrap_or(i64::MAX);
            let fresh = micros_now().saturating_sub(micros(REMEMBERED));
            let found = self.0.read(move |conn| {
                let sql = "SELECT what, at FROM revoked WHERE at > max(?1, ?2) ORDER BY at";
                let mut select = conn.prepare_cached(sql)?;
                let rows = select
                    .query_map((mark, fresh), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
                Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
            });
            let found = found.await.map_err(|failure| failure.broker("read revocations"))?;
            let last = found.last().map_or(mark, |(_, at)| mark.max(*at)).unsigned_abs();
            Ok((found.iter().filter_map(|(text, _)| Revocation::from_text(text)).collect(), last))
        })
    }

    fn may_have_more(&self, mark: u64) -> bool {
        let newest = self.0.inbox.newest.load(Ordering::Acquire);
        newest == i64::MAX || newest.unsigned_abs() > mark
    }
}

/// When the youngest revocation was remembered, in microseconds; 0 when there is none.
pub(crate) fn newest(conn: &Connection) -> Result<i64> {
    let mut select = conn.prepare_cached("SELECT ifnull(max(at), 0) FROM revoked")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Removes what no worker asks for any more.
pub(crate) fn remove_old(tx: &Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM revoked WHERE at < ?1", [tx.now.saturating_sub(micros(REMEMBERED))])?;
    tx.execute("DELETE FROM rate WHERE until < ?1", [tx.now])?;
    Ok(())
}
