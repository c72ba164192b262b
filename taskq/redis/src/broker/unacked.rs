//! What Python workers left behind in `unacked`, restored by kombu's rule.
//!
//! Their deliveries are never renewed, so only `visibility_timeout` tells that one is dead; our own messages
//! are not in there, unless they are mirrored, and then their score is renewed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use taskq_core::broker::{BrokerError, Payload};
use tokio::time::sleep;

use super::{Shared, topology};
use crate::{script, wire};

/// How long the lock holds when whoever took it dies. kombu: `unacked_mutex_expire`.
const MUTEX: Duration = Duration::from_secs(300);
/// Messages restored in one go.
const STEP: usize = 100;

/// Looks for abandoned messages, until it is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        sleep(shared.options.restore_interval).await;
        match restore(&shared).await {
            Ok(0) => {}
            Ok(messages) => tracing::warn!(messages, "restored what a Python worker left unacknowledged"),
            Err(error) => tracing::debug!(%error, "could not restore unacknowledged messages"),
        }
    }
}

async fn restore(shared: &Shared) -> Result<usize, BrokerError> {
    let index = shared.keys.unacked_index();
    let limit =
        Timestamp::now().as_millisecond() as f64 / 1000.0 - shared.options.visibility_timeout.as_secs_f64();
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command.arg(index).arg(0).arg(limit).arg("LIMIT").arg(0).arg(STEP);
    let tags: Vec<String> = shared.link.run("look for unacknowledged messages", &command).await?;
    if tags.is_empty() {
        return Ok(0);
    }
    let mutex = shared.keys.plain(&shared.options.unacked_mutex_key);
    let token = uuid::Uuid::new_v4().to_string();
    let mut lock = redis::cmd("SET");
    lock.arg(&mutex).arg(&token).arg("NX").arg("PX").arg(MUTEX.as_millis() as u64);
    if shared.link.run::<Option<String>>("lock the restore", &lock).await?.is_none() {
        return Ok(0);
    }
    let restored = restore_all(shared, index, &tags).await;
    let mut held = redis::cmd("GET");
    held.arg(&mutex);
    if shared.link.run::<Option<String>>("unlock the restore", &held).await?.as_ref() == Some(&token) {
        let mut unlock = redis::cmd("DEL");
        unlock.arg(&mutex);
        shared.link.run::<()>("unlock the restore", &unlock).await?;
    }
    restored
}

async fn restore_all(shared: &Shared, index: &str, tags: &[String]) -> Result<usize, BrokerError> {
    let unacked = shared.keys.unacked();
    let mut restored = 0;
    // The youngest first: each goes to the front.
    for tag in tags.iter().rev() {
        let mut command = redis::cmd("HGET");
        command.arg(unacked).arg(tag);
        let stored: Option<Vec<u8>> = shared.link.run("read an unacknowledged message", &command).await?;
        let target = match stored.as_deref().and_then(parse) {
            Some((envelope, exchange, routing_key)) => {
                // An exchange without bindings loses nothing here: the queue of that name takes it.
                let queues = topology::route(shared, &exchange, &routing_key).await;
                let queue = queues.ok().and_then(|queues| queues.into_iter().next()).unwrap_or(routing_key);
                let priority = match wire::read(&envelope, &queue).payload {
                    Payload::Message(message) => message.properties.priority,
                    Payload::Undecodable(_) => None,
                };
                Some((shared.keys.list(&queue, priority), wire::redelivered(&envelope)))
            }
            None if stored.is_some() => {
                tracing::warn!(tag, "an entry of `unacked` cannot be read; it stays");
                continue;
            }
            None => None,
        };
        match target {
            Some((list, envelope)) => {
                let mut command = script::call(&script::RESTORE_UNACKED, 3);
                command.arg(unacked).arg(index).arg(list).arg(tag).arg(&envelope[..]);
                restored += script::run::<usize>(&shared.link, "restore a message", &command).await?;
            }
            None => {
                let mut command = redis::cmd("ZREM");
                command.arg(index).arg(tag);
                shared.link.run::<()>("forget an entry without a message", &command).await?;
            }
        }
    }
    Ok(restored)
}

/// `[envelope, exchange, routing_key]`
fn parse(stored: &[u8]) -> Option<(Bytes, String, String)> {
    let (envelope, exchange, routing_key): (&serde_json::value::RawValue, String, String) =
        serde_json::from_slice(stored).ok()?;
    Some((Bytes::copy_from_slice(envelope.get().as_bytes()), exchange, routing_key))
}
