//! The tables, and how files of older versions become those of this one.
//!
//! Kept true here: `user_version` is the number of steps a file has seen; a step is one transaction; a file
//! from a newer taskq is refused, not guessed at.

use rusqlite::{Connection, TransactionBehavior};
use taskq_core::broker::BrokerErrorKind;

use super::error::{Failure, Result};

/// Marks the file as ours (`file` shows it): "tskq".
const APPLICATION_ID: i64 = 0x7473_6b71;

/// What is added with each version. Never change a step that was released; append one.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
];

/// Brings a file to this version.
pub(crate) fn migrate(conn: &mut Connection) -> Result<()> {
    let (application, tables) = {
        // One snapshot: another process may be making the file ours right now.
        let tx = conn.transaction()?;
        let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        (tx.query_row("PRAGMA application_id", [], |row| row.get::<_, i64>(0))?, tables)
    };
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(Failure::new(
            BrokerErrorKind::Config,
            "it is the database of another program; name a new file",
        ));
    }
    if version(conn)? == STEPS.len() && application == APPLICATION_ID {
        return Ok(());
    }
    // Somebody else may be at it: what counts is what stands there once we have the lock.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = version(&tx)?;
    let Some(missing) = STEPS.get(from..) else {
        return Err(Failure::new(
            BrokerErrorKind::Config,
            format!(
                "it was written by a newer taskq (schema {from}, this one knows {}): update this program",
                STEPS.len()
            ),
        ));
    };
    for step in missing {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", STEPS.len())?;
    tx.commit()?;
    Ok(())
}

fn version(conn: &Connection) -> Result<usize> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
