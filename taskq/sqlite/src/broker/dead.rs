//! Dead letters as rows.

use taskq_core::{
    broker::{DeadKind, DeadReason},
    crash::{self, Point},
};

use super::insert;
use crate::store::{Result, Tx};

/// Moves a message to the dead letters.
pub(super) fn bury(tx: &Tx<'_>, id: i64, deliveries: u32, reason: &DeadReason) -> Result<()> {
    tx.execute(
        "INSERT INTO dead (id, queue, rank, deliveries, at, kind, detail, envelope)
         SELECT id, queue, rank, ?2, ?3, ?4, ?5, envelope FROM message JOIN payload USING (id) WHERE id = ?1",
        (id, deliveries, tx.now, reason.kind.as_str(), &reason.detail),
    )?;
    tx.execute("DELETE FROM message WHERE id = ?1", [id])?;
    Ok(())
}

/// Puts a dead letter back, as if it were published now. False when there is none of that id.
pub(super) fn replay(tx: &Tx<'_>, queue: i64, id: i64) -> Result<bool> {
    let mut delete =
        tx.conn.prepare_cached("DELETE FROM dead WHERE id = ?1 AND queue = ?2 RETURNING rank, envelope")?;
    let mut rows = delete.query((id, queue))?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let (rank, envelope): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    drop(rows);
    insert::put(tx, queue, rank, 0, &envelope)?;
    crash::reached(Point::Replaying);
    Ok(true)
}

/// The class of a reason, as stored. One that only a newer taskq knows reads as a rejection.
pub(super) fn kind(name: &str) -> DeadKind {
    serde_json::from_value(serde_json::Value::from(name)).unwrap_or(DeadKind::Rejected)
}
