//! Ending deliveries: each end with what it publishes, fenced by the lease's epoch, in one transaction.

use std::{sync::Arc, time::Duration};

use rusqlite::OptionalExtension;
use taskq_core::{
    BoxFuture,
    broker::{BrokerError, DeliveryTag, Settle, Settled, Settlement, Settler},
    crash::{self, Point},
};

use super::{dead, insert::Row};
use crate::store::{Result, Store, Tx, micros};

/// Settles what any consumer of this process delivered.
#[derive(Debug)]
pub(super) struct SqliteSettler {
    store: Arc<Store>,
}

impl SqliteSettler {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

/// A settlement with its follow-ups encoded.
struct End {
    tag: DeliveryTag,
    how: Settle,
    publish: Vec<Row>,
}

impl Settler for SqliteSettler {
    fn settle<'a>(
        &'a self,
        batch: &'a [Settlement],
    ) -> BoxFuture<'a, std::result::Result<Settled, BrokerError>> {
        Box::pin(async move {
            let tried = || format!("settle {} deliveries", batch.len());
            if batch.is_empty() {
                return Ok(Settled::default());
            }
            let ends = batch.iter().map(|Settlement { tag, how, publish }| {
                Ok(End { tag: *tag, how: how.clone(), publish: Row::all(publish)? })
            });
            let ends = ends.collect::<Result<Vec<_>>>().map_err(|failure| failure.broker(tried()))?;
            let work = move |tx: &Tx<'_>| {
                let (mut lost, mut unroutable) = (Vec::new(), None);
                for end in &ends {
                    match settle(tx, end) {
                        Ok(true) => {}
                        Ok(false) => lost.push(end.tag),
                        // Nothing of this one was done; the others are not its hostages.
                        Err(failure) if failure.is_unroutable() => unroutable = Some(failure),
                        Err(failure) => return Err(failure),
                    }
                }
                Ok((Settled { lost }, unroutable))
            };
            match self.store.write(work).await {
                Ok((settled, None)) => Ok(settled),
                Ok((_, Some(failure))) | Err(failure) => Err(failure.broker(tried())),
            }
        })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, std::result::Result<Settled, BrokerError>> {
        Box::pin(async move {
            let tried = || format!("renew {} leases", tags.len());
            let (own, by) = (tags.to_vec(), micros(by));
            let work = move |tx: &Tx<'_>| {
                let sql = "UPDATE message SET due = ?3 WHERE id = ?1 AND epoch = ?2 AND state = 2";
                let mut lost = Vec::new();
                for tag in &own {
                    if tx.execute(sql, (tag.id.cast_signed(), tag.epoch, tx.now.saturating_add(by)))? == 0 {
                        lost.push(*tag);
                    }
                }
                Ok(Settled { lost })
            };
            self.store.write(work).await.map_err(|failure| failure.broker(tried()))
        })
    }

    fn give_back(&self, tag: DeliveryTag) {
        self.store.inbox.give_back([tag]);
    }
}

/// One end. False when the lease was lost: nothing was done. Neither was it when a follow-up goes nowhere.
fn settle(tx: &Tx<'_>, end: &End) -> Result<bool> {
    let (id, epoch) = (end.tag.id.cast_signed(), end.tag.epoch);
    let routes = end.publish.iter().map(|row| row.queues(tx)).collect::<Result<Vec<_>>>()?;
    let done = match &end.how {
        Settle::Ack => {
            tx.execute("DELETE FROM message WHERE id = ?1 AND epoch = ?2 AND state = 2", (id, epoch))?
        }
        Settle::Requeue { not_before: None } => requeue(tx, end.tag)?,
        // A delay, not a failed delivery: the count goes back.
        Settle::Requeue { not_before: Some(due) } => tx.execute(
            "UPDATE message SET state = (?3 > ?4), due = ?3, owner = 0, deliveries = deliveries - 1
             WHERE id = ?1 AND epoch = ?2 AND state = 2",
            (id, epoch, due.as_microsecond(), tx.now),
        )?,
        Settle::DeadLetter { reason } => {
            let sql = "SELECT deliveries FROM message WHERE id = ?1 AND epoch = ?2 AND state = 2";
            let deliveries: Option<u32> =
                tx.conn.prepare_cached(sql)?.query_row((id, epoch), |row| row.get(0)).optional()?;
            match deliveries {
                Some(deliveries) => {
                    dead::bury(tx, id, deliveries, reason)?;
                    1
                }
                None => 0,
            }
        }
    };
    if done == 0 {
        return Ok(false);
    }
    crash::reached(Point::HalfSettled);
    if matches!(end.how, Settle::Requeue { .. }) {
        tx.wake();
    }
    for (row, queues) in end.publish.iter().zip(routes) {
        row.insert_into(tx, &queues)?;
    }
    Ok(true)
}

fn requeue(tx: &Tx<'_>, tag: DeliveryTag) -> Result<usize> {
    tx.execute(
        "UPDATE message SET state = 0, owner = 0 WHERE id = ?1 AND epoch = ?2 AND state = 2",
        (tag.id.cast_signed(), tag.epoch),
    )
}

/// Gives deliveries back to the front of their queues; lost leases are nobody's loss.
pub(crate) fn give_back(tx: &Tx<'_>, tags: &[DeliveryTag]) -> Result<()> {
    for tag in tags {
        requeue(tx, *tag)?;
    }
    tx.wake();
    Ok(())
}
