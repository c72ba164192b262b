//! Looking into queues.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rusqlite::{Connection, Row};
use taskq_core::{
    BoxFuture,
    broker::{
        BrokerAdmin, BrokerError, DeadLetter, DeadReason, Envelope, Finding, PeekedMessage, Queue, QueueStats,
    },
};

use super::{checkup, dead, insert};
use crate::store::{Failure, Result, Store, Tx, find_queue, micros_now, timestamp};

/// Messages removed in one transaction.
const STEP: usize = 1_000;

#[derive(Debug)]
pub(super) struct SqliteAdmin(Arc<Store>);

impl SqliteAdmin {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    /// Changes each of `ids` of a queue; answers how many there were.
    async fn each(
        &self,
        queue: &str,
        ids: &[String],
        change: fn(&Tx<'_>, i64, i64) -> Result<bool>,
    ) -> Result<u64> {
        let queue = queue.to_owned();
        let ids: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let work = move |tx: &Tx<'_>| {
            let Some(queue) = find_queue(tx.conn, &queue)? else { return Ok(0) };
            let mut changed = 0;
            for id in &ids {
                changed += u64::from(change(tx, queue, *id)?);
            }
            Ok(changed)
        };
        self.0.write(work).await
    }
}

fn stats(conn: &Connection, name: String) -> Result<QueueStats> {
    let mut stats = QueueStats { queue: name, ..QueueStats::default() };
    let Some(queue) = find_queue(conn, &stats.queue)? else { return Ok(stats) };
    let now = micros_now();
    // All of these are answered by an index alone.
    let mut ready =
        conn.prepare_cached("SELECT count(*), min(since) FROM message WHERE state = 0 AND queue = ?1")?;
    let (count, since): (u64, Option<i64>) =
        ready.query_row([queue], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let count_of = |sql| Ok::<u64, Failure>(conn.prepare_cached(sql)?.query_row([queue], |row| row.get(0))?);
    let due = format!("SELECT count(*) FROM message WHERE state = 1 AND queue = ?1 AND due <= {now}");
    let due: u64 = conn.query_row(&due, [queue], |row| row.get(0))?;
    stats.delayed = count_of("SELECT count(*) FROM message WHERE state = 1 AND queue = ?1")? - due;
    stats.ready = count + due;
    stats.in_flight = count_of("SELECT count(*) FROM message WHERE state = 2 AND queue = ?1")?;
    stats.dead = count_of("SELECT count(*) FROM dead WHERE queue = ?1")?;
    stats.oldest = since.map(|since| Duration::from_micros(u64::try_from(now - since).unwrap_or(0)));
    Ok(stats)
}

fn peek(conn: &Connection, queue: &str, limit: usize) -> Result<Vec<PeekedMessage>> {
    let Some(queue) = find_queue(conn, queue)? else { return Ok(Vec::new()) };
    let now = micros_now();
    let mut peeked = Vec::new();
    for sql in [
        "SELECT envelope, 0 FROM message JOIN payload USING (id)
         WHERE state = 0 AND queue = ?1 ORDER BY rank, place LIMIT ?2",
        "SELECT envelope, due FROM message JOIN payload USING (id)
         WHERE state = 1 AND queue = ?1 ORDER BY due, place LIMIT ?2",
    ] {
        let mut select = conn.prepare_cached(sql)?;
        let mut rows = select.query((queue, limit - peeked.len()))?;
        while let Some(row) = rows.next()? {
            let original = Bytes::from(row.get::<_, Vec<u8>>(0)?);
            let due: i64 = row.get(1)?;
            let message = Envelope::decode(&original).ok().map(|envelope| envelope.message);
            peeked.push(PeekedMessage { original, message, not_before: (due > now).then(|| timestamp(due)) });
        }
    }
    Ok(peeked)
}

/// Removes a waiting message, or moves it; whether it was there.
fn pick(tx: &Tx<'_>, queue: i64, envelope: &[u8], to: Option<i64>) -> Result<bool> {
    // One index after the other, as in `purge`.
    for sql in [
        "SELECT id, rank, due FROM message JOIN payload USING (id)
         WHERE state = 0 AND queue = ?1 AND envelope = ?2 LIMIT 1",
        "SELECT id, rank, due FROM message JOIN payload USING (id)
         WHERE state = 1 AND queue = ?1 AND envelope = ?2 LIMIT 1",
    ] {
        let mut select = tx.conn.prepare_cached(sql)?;
        let mut rows = select.query((queue, envelope))?;
        let Some(row) = rows.next()? else { continue };
        let (id, rank, due): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        drop(rows);
        tx.execute("DELETE FROM message WHERE id = ?1", [id])?;
        if let Some(to) = to {
            insert::put(tx, to, rank, due, envelope)?;
        }
        return Ok(true);
    }
    Ok(false)
}

fn letter(row: &Row<'_>, queue: &str) -> rusqlite::Result<DeadLetter> {
    let original = Bytes::from(row.get::<_, Vec<u8>>(5)?);
    Ok(DeadLetter {
        id: row.get::<_, i64>(0)?.to_string(),
        queue: queue.to_owned(),
        reason: DeadReason::new(dead::kind(&row.get::<_, String>(3)?), row.get::<_, String>(4)?),
        at: timestamp(row.get(2)?),
        deliveries: row.get(1)?,
        message: Envelope::decode(&original).ok().map(|envelope| envelope.message),
        original,
    })
}

impl BrokerAdmin for SqliteAdmin {
    fn checkup<'a>(
        &'a self,
        _: &'a [String],
        _: u32,
    ) -> BoxFuture<'a, std::result::Result<Vec<Finding>, BrokerError>> {
        Box::pin(
            async move { checkup::look(&self.0).await.map_err(|failure| failure.broker("look at the file")) },
        )
    }

    /// Numbers of queues stay right for ever, so the row stays; it is not listed.
    fn remove_queue<'a>(&'a self, queue: &'a Queue) -> BoxFuture<'a, std::result::Result<(), BrokerError>> {
        let queue = queue.clone();
        Box::pin(async move {
            let remove = move |tx: &Tx<'_>| {
                let Some(id) = find_queue(tx.conn, &queue.name)? else { return Ok(()) };
                tx.execute("DELETE FROM message WHERE queue = ?1 AND state < 2", [id])?;
                tx.execute(
                    "DELETE FROM binding WHERE exchange = ?1 AND key = ?2 AND queue = ?3",
                    (&queue.exchange.name, &queue.routing_key, &queue.name),
                )?;
                Ok(())
            };
            self.0.write(remove).await.map_err(|failure| failure.broker("remove a queue"))
        })
    }

    fn make_due<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, std::result::Result<(), BrokerError>> {
        let name = queue.to_owned();
        Box::pin(async move {
            let work = move |tx: &Tx<'_>| {
                let Some(queue) = find_queue(tx.conn, &name)? else { return Ok(()) };
                // All by the same time, so that their order stays.
                let sql = "UPDATE message SET due = due + ?2 -
                           (SELECT max(due) FROM message WHERE state = 1 AND queue = ?1)
                           WHERE state = 1 AND queue = ?1";
                tx.wake();
                tx.execute(sql, (queue, tx.now)).map(drop)
            };
            self.0.write(work).await.map_err(|failure| failure.broker("make delayed messages due"))
        })
    }

    fn queues(&self) -> BoxFuture<'_, std::result::Result<Vec<String>, BrokerError>> {
        Box::pin(async move {
            let read = |conn: &Connection| {
                let mut select = conn.prepare_cached(
                    "SELECT name FROM queue WHERE name NOT LIKE '%.reply.%.pidbox' ORDER BY name",
                )?;
                Ok(select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
            };
            self.0.read(read).await.map_err(|failure| failure.broker("list the queues"))
        })
    }

    fn stats<'a>(
        &'a self,
        queues: &'a [String],
    ) -> BoxFuture<'a, std::result::Result<Vec<QueueStats>, BrokerError>> {
        Box::pin(async move {
            let names = queues.to_vec();
            let read = move |conn: &Connection| names.into_iter().map(|name| stats(conn, name)).collect();
            self.0.read(read).await.map_err(|failure| failure.broker("count the messages"))
        })
    }

    fn peek<'a>(
        &'a self,
        queue: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, std::result::Result<Vec<PeekedMessage>, BrokerError>> {
        Box::pin(async move {
            let name = queue.to_owned();
            let read = move |conn: &Connection| peek(conn, &name, limit);
            self.0.read(read).await.map_err(|failure| failure.broker(format!("look into `{queue}`")))
        })
    }

    fn purge<'a>(
        &'a self,
        queue: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, std::result::Result<u64, BrokerError>> {
        Box::pin(async move {
            let mut removed = 0;
            loop {
                let name = queue.to_owned();
                let work = move |tx: &Tx<'_>| {
                    let Some(queue) = find_queue(tx.conn, &name)? else { return Ok(0) };
                    // One index after the other: `state < 2` would read every message.
                    let mut step = 0;
                    for sql in [
                        "DELETE FROM message WHERE id IN
                         (SELECT id FROM message WHERE state = 0 AND queue = ?1 LIMIT ?2)",
                        "DELETE FROM message WHERE id IN
                         (SELECT id FROM message WHERE state = 1 AND queue = ?1 LIMIT ?2)",
                    ] {
                        step += tx.execute(sql, (queue, STEP - step))?;
                    }
                    Ok(step as u64)
                };
                let step = self.0.write(work).await;
                let step = step.map_err(|failure| failure.broker(format!("purge `{queue}`")))?;
                if step == 0 {
                    return Ok(removed);
                }
                removed += step;
                progress(removed);
            }
        })
    }

    fn pick<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [PeekedMessage],
        to: Option<&'a str>,
    ) -> BoxFuture<'a, std::result::Result<Vec<bool>, BrokerError>> {
        let originals: Vec<Bytes> = messages.iter().map(|message| message.original.clone()).collect();
        let (from, to) = (queue.to_owned(), to.map(str::to_owned));
        Box::pin(async move {
            let work = move |tx: &Tx<'_>| {
                let Some(from) = find_queue(tx.conn, &from)? else { return Ok(vec![false; originals.len()]) };
                let to = to.as_deref().map(|to| tx.queue_id(to)).transpose()?;
                originals.iter().map(|original| pick(tx, from, original, to)).collect::<Result<_>>()
            };
            let tried = || format!("pick messages out of `{queue}`");
            self.0.write(work).await.map_err(|failure| failure.broker(tried()))
        })
    }

    fn dead<'a>(
        &'a self,
        queue: &'a str,
        offset: usize,
        limit: usize,
    ) -> BoxFuture<'a, std::result::Result<Vec<DeadLetter>, BrokerError>> {
        Box::pin(async move {
            let name = queue.to_owned();
            let read = move |conn: &Connection| {
                let Some(id) = find_queue(conn, &name)? else { return Ok(Vec::new()) };
                let mut select = conn.prepare_cached(
                    "SELECT id, deliveries, at, kind, detail, envelope FROM dead WHERE queue = ?1
                     ORDER BY at DESC, id DESC LIMIT ?2 OFFSET ?3",
                )?;
                let letters = select.query_map((id, limit, offset), |row| letter(row, &name))?;
                Ok(letters.collect::<rusqlite::Result<_>>()?)
            };
            let tried = || format!("read the dead letters of `{queue}`");
            self.0.read(read).await.map_err(|failure| failure.broker(tried()))
        })
    }

    fn replay<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, std::result::Result<u64, BrokerError>> {
        Box::pin(async move {
            let tried = || format!("replay dead letters of `{queue}`");
            self.each(queue, ids, dead::replay).await.map_err(|failure| failure.broker(tried()))
        })
    }

    fn forget_dead<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, std::result::Result<u64, BrokerError>> {
        fn forget(tx: &Tx<'_>, queue: i64, id: i64) -> Result<bool> {
            Ok(tx.execute("DELETE FROM dead WHERE id = ?1 AND queue = ?2", (id, queue))? > 0)
        }
        Box::pin(async move {
            let tried = || format!("forget dead letters of `{queue}`");
            self.each(queue, ids, forget).await.map_err(|failure| failure.broker(tried()))
        })
    }
}
