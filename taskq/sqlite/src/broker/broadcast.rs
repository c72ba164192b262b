//! Fan-out through a table that every process reads, each from where it began to listen.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    BoxFuture,
    broker::{Broadcast, BrokerError, Envelope, Subscription, topic_matches},
    protocol::Message,
};

use crate::store::{Result, Store, Tx, micros};

/// How long a message is kept for slow listeners.
const KEPT: Duration = Duration::from_secs(60);
/// Messages read at once.
const READ: usize = 256;
/// The longest wait before it looks again, whatever it was told.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct SqliteBroadcast(Arc<Store>);

impl SqliteBroadcast {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
}

impl Broadcast for SqliteBroadcast {
    fn publish<'a>(
        &'a self,
        exchange: &'a str,
        routing_key: &'a str,
        message: &'a Message,
    ) -> BoxFuture<'a, std::result::Result<(), BrokerError>> {
        Box::pin(async move {
            let tried = || format!("broadcast to `{exchange}`");
            let envelope = Envelope::encode(message, exchange, routing_key).map_err(|error| {
                BrokerError::with_source(taskq_core::broker::BrokerErrorKind::Other, tried(), error)
            })?;
            let work = move |tx: &Tx<'_>| {
                tx.wake();
                tx.execute("INSERT INTO broadcast (at, envelope) VALUES (?1, ?2)", (tx.now, &envelope[..]))
            };
            self.0.write(work).await.map(drop).map_err(|failure| failure.broker(tried()))
        })
    }

    fn subscribe<'a>(
        &'a self,
        exchange: &'a str,
        pattern: &'a str,
    ) -> BoxFuture<'a, std::result::Result<Box<dyn Subscription>, BrokerError>> {
        Box::pin(async move {
            let last = self.0.read(|conn| {
                let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'broadcast'";
                Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            });
            let last = last.await.map_err(|failure| failure.broker(format!("listen to `{exchange}`")))?;
            Ok(Box::new(Listening {
                store: Arc::clone(&self.0),
                exchange: exchange.to_owned(),
                pattern: pattern.to_owned(),
                last,
                heard: VecDeque::new(),
            }) as Box<dyn Subscription>)
        })
    }
}

struct Listening {
    store: Arc<Store>,
    exchange: String,
    pattern: String,
    last: i64,
    heard: VecDeque<Message>,
}

impl Listening {
    /// Reads what is new. True: there may be more at once.
    async fn read(&mut self) -> Result<bool> {
        let last = self.last;
        let rows = self.store.read(move |conn| {
            let sql = "SELECT id, envelope FROM broadcast WHERE id > ?1 ORDER BY id LIMIT ?2";
            let mut select = conn.prepare_cached(sql)?;
            let rows = select.query_map((last, READ), |row| {
                Ok((row.get::<_, i64>(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?)))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        let rows = rows.await?;
        let more = rows.len() == READ;
        for (id, envelope) in rows {
            self.last = id;
            match Envelope::decode(&envelope) {
                Ok(envelope) => {
                    if envelope.exchange == self.exchange
                        && topic_matches(&self.pattern, &envelope.routing_key)
                    {
                        self.heard.push_back(envelope.message);
                    }
                }
                Err(why) => tracing::debug!(why, "skipped a broadcast that cannot be read"),
            }
        }
        Ok(more)
    }

    async fn next_message(&mut self) -> Result<Message> {
        let store = Arc::clone(&self.store);
        let _watched = store.signals.waiting();
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Ok(message);
            }
            // Listening before looking: what comes in between is heard.
            let changed = store.signals.changed.notified();
            if self.read().await? || !self.heard.is_empty() {
                continue;
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }
}

impl Subscription for Listening {
    fn next(&mut self) -> BoxFuture<'_, std::result::Result<Message, BrokerError>> {
        Box::pin(async move {
            let next = self.next_message().await;
            next.map_err(|failure| failure.broker(format!("listen to `{}`", self.exchange)))
        })
    }
}

/// Removes what every listener has heard or will not hear any more.
pub(crate) fn remove_old(tx: &Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM broadcast WHERE at <= ?1", [tx.now - micros(KEPT)])?;
    Ok(())
}
