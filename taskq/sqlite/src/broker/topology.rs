//! Queues, exchanges and bindings as rows.

use taskq_core::broker::{Bindings, BrokerError, ExchangeKind, Topology};

use crate::store::{Result, Tx};

/// Writes down what is new. The inner error is for a topology that contradicts what there is.
pub(super) fn declare(tx: &Tx<'_>, topology: &Topology) -> Result<std::result::Result<(), BrokerError>> {
    let mut there = Bindings::default();
    for queue in &topology.queues {
        load(tx, &queue.exchange.name, &mut there)?;
    }
    if let Err(error) = there.check(topology) {
        return Ok(Err(error));
    }
    for queue in &topology.queues {
        tx.queue_id(&queue.name)?;
        if !queue.exchange.name.is_empty() {
            tx.execute(
                "INSERT OR IGNORE INTO binding (exchange, kind, key, queue) VALUES (?1, ?2, ?3, ?4)",
                (&queue.exchange.name, queue.exchange.kind.as_str(), &queue.routing_key, &queue.name),
            )?;
        }
    }
    Ok(Ok(()))
}

/// The bindings of an exchange.
pub(super) fn load(tx: &Tx<'_>, exchange: &str, into: &mut Bindings) -> Result<()> {
    let mut select = tx.conn.prepare_cached("SELECT kind, key, queue FROM binding WHERE exchange = ?1")?;
    let mut rows = select.query([exchange])?;
    while let Some(row) = rows.next()? {
        let kind = ExchangeKind::from_name(row.get_ref(0)?.as_str().unwrap_or_default()).unwrap_or_default();
        into.bind(exchange, kind, &row.get::<_, String>(1)?, &row.get::<_, String>(2)?);
    }
    Ok(())
}
