//! Claiming a tick: in the transaction that stores its message.

use taskq_core::schedule::{Claim, HISTORY, Tick, TickKind, TickRecord};

use crate::{
    broker::Row,
    store::{Result, Tx},
};

/// Ticks of an entry are cut to the last [`HISTORY`] after so many.
const CUT_EVERY: i64 = 100;

/// A tick, encoded before the writer sees it.
pub(super) struct Claiming {
    entry: String,
    record: TickRecord,
    after: Option<i64>,
    message: Option<Row>,
    publishes: bool,
}

impl Claiming {
    pub(super) fn of(tick: &Tick, publishes: bool) -> Result<Self> {
        let message = tick.message.as_deref().filter(|_| publishes);
        Ok(Self {
            entry: tick.entry.clone(),
            record: TickRecord::of(tick),
            after: tick.after.map(|at| at.as_microsecond()),
            message: message.map(Row::of).transpose()?,
            publishes,
        })
    }

    /// Whether it needs no leader.
    pub(super) fn is_free(&self) -> bool {
        self.record.kind == TickKind::Backfill
    }

    /// Claims it for the leader.
    pub(super) fn claim(&self, tx: &Tx<'_>) -> Result<Claim> {
        let TickRecord { kind, due, at, task } = &self.record;
        let (due, at) = (due.as_microsecond(), at.as_microsecond());
        let ours = match kind {
            TickKind::Due | TickKind::LeftOut => tx.execute(
                "UPDATE schedule_entry SET due = ?2 WHERE name = ?1 AND due IS ?3",
                (&self.entry, due, self.after),
            )?,
            TickKind::RunNow => tx.execute(
                "UPDATE schedule_entry SET asked = NULL WHERE name = ?1 AND asked = ?2",
                (&self.entry, due),
            )?,
            // The index knows which times were filled already.
            TickKind::Backfill => tx.execute(
                "INSERT OR IGNORE INTO schedule_tick (entry, kind, due, at, task)
                 SELECT name, ?2, ?3, ?4, ?5 FROM schedule_entry WHERE name = ?1",
                (&self.entry, kind.name(), due, at, task.as_str()),
            )?,
        };
        if ours == 0 {
            return Ok(Claim::Lost);
        }
        if *kind != TickKind::Backfill {
            tx.execute(
                "INSERT INTO schedule_tick (entry, kind, due, at, task) VALUES (?1, ?2, ?3, ?4, ?5)",
                (&self.entry, kind.name(), due, at, task.as_str()),
            )?;
        }
        if *kind != TickKind::LeftOut {
            tx.execute(
                "UPDATE schedule_entry SET sent = ?2, task = ?3, runs = runs + 1, pending = coalesce(?4, pending)
                 WHERE name = ?1",
                (&self.entry, at, task.as_str(), (!self.publishes && !self.is_free()).then_some(due)),
            )?;
        }
        self.cut_history(tx)?;
        if let Some(message) = &self.message {
            message.insert(tx)?;
        }
        Ok(Claim::Won)
    }

    fn cut_history(&self, tx: &Tx<'_>) -> Result<()> {
        if tx.conn.last_insert_rowid() % CUT_EVERY == 0 {
            tx.execute(
                "DELETE FROM schedule_tick WHERE entry = ?1 AND id <= (
                    SELECT id FROM schedule_tick WHERE entry = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (&self.entry, HISTORY),
            )?;
        }
        Ok(())
    }
}
