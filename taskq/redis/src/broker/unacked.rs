//! What Python workers left behind in `unacked`, restored by kombu's rule.
//!
//! Their deliveries are never renewed, so only `visibility_timeout` tells that one is dead; what of ours is
//! mirrored in there has its date renewed. Kept true here: one look restores everything that is due, however
//! much it is; an entry that cannot be read is put aside and stands in nobody's way, Python's neither.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use redis::{Pipeline, Value};
use serde_json::value::RawValue;
use taskq_core::broker::{BrokerError, BrokerErrorKind, DeadKind, DeadReason, Payload};
use tokio::time::sleep;

use super::{Shared, dead, topology};
use crate::{script, wire};

/// How long the lock holds when whoever took it dies. kombu: `unacked_mutex_expire`.
const MUTEX: Duration = Duration::from_secs(300);
/// Messages restored in one round trip.
const STEP: usize = 200;

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
    let now = Timestamp::now().as_millisecond() as f64 / 1000.0;
    let limit = now - shared.options.visibility_timeout.as_secs_f64();
    if forgotten(shared, limit, 0, 1).await?.is_empty() {
        return Ok(0);
    }
    let mutex = shared.keys.plain(&shared.options.unacked_mutex_key);
    let token = uuid::Uuid::new_v4().to_string();
    let mut lock = redis::cmd("SET");
    lock.arg(&mutex).arg(&token).arg("NX").arg("PX").arg(MUTEX.as_millis() as u64);
    if shared.link.run::<Option<String>>("lock the restore", &lock).await?.is_none() {
        return Ok(0);
    }
    let restored = restore_all(shared, limit).await;
    let mut held = redis::cmd("GET");
    held.arg(&mutex);
    if shared.link.run::<Option<String>>("unlock the restore", &held).await?.as_ref() == Some(&token) {
        let mut unlock = redis::cmd("DEL");
        unlock.arg(&mutex);
        shared.link.run::<()>("unlock the restore", &unlock).await?;
    }
    restored
}

/// Tags dated before `limit`, the youngest first: each goes to the front, so that the oldest comes out first.
async fn forgotten(shared: &Shared, limit: f64, skip: usize, max: usize) -> Result<Vec<String>, BrokerError> {
    let mut command = redis::cmd("ZREVRANGEBYSCORE");
    command.arg(shared.keys.unacked_index()).arg(limit).arg(0).arg("LIMIT").arg(skip).arg(max);
    shared.link.run("look for unacknowledged messages", &command).await
}

async fn restore_all(shared: &Shared, limit: f64) -> Result<usize, BrokerError> {
    let mut routes = Routes::default();
    let (mut restored, mut stuck) = (0, 0);
    loop {
        let tags = forgotten(shared, limit, stuck, STEP).await?;
        if tags.is_empty() {
            return Ok(restored);
        }
        let mut command = redis::cmd("HMGET");
        command.arg(shared.keys.unacked()).arg(&tags);
        let stored: Vec<Option<Vec<u8>>> = shared.link.run("read unacknowledged messages", &command).await?;
        let mut pipeline = Pipeline::with_capacity(tags.len());
        for (tag, stored) in tags.iter().zip(stored) {
            let target = target(shared, &mut routes, tag, stored).await?;
            let mut command = script::call(&script::RESTORE_UNACKED, 2 + target.keys.len());
            command.arg(shared.keys.unacked()).arg(shared.keys.unacked_index()).arg(target.keys);
            command.arg(tag).arg(limit).arg(target.how).arg(&target.message[..]);
            pipeline.add_command(command);
        }
        for (tag, answer) in tags.iter().zip(script::each(&shared.link, "restore messages", &pipeline).await?)
        {
            match answer {
                Value::Int(done) => restored += usize::try_from(done).unwrap_or(0),
                answer => {
                    tracing::warn!(tag, ?answer, "could not restore a message");
                    stuck += 1;
                }
            }
        }
    }
}

/// Where an entry goes.
struct Target {
    keys: Vec<String>,
    /// `R` to the front of lists, `L` to their back, `H` into a hash.
    how: &'static str,
    message: Bytes,
}

/// Queues by exchange and routing key.
type Routes = HashMap<(String, String), Vec<String>>;

async fn target(
    shared: &Shared,
    routes: &mut Routes,
    tag: &str,
    stored: Option<Vec<u8>>,
) -> Result<Target, BrokerError> {
    let keys = &shared.keys;
    // Nothing is behind the tag: it is only forgotten.
    let Some(stored) = stored.map(Bytes::from) else {
        return Ok(Target { keys: Vec::new(), how: "R", message: Bytes::new() });
    };
    let Some(entry) = Entry::parse(&stored) else {
        tracing::error!(tag, key = keys.unreadable(), "put aside an entry of `unacked` that cannot be read");
        return Ok(Target { keys: vec![keys.unreadable()], how: "H", message: stored });
    };
    let route = (entry.exchange, entry.routing_key);
    let queues = match routes.get(&route) {
        Some(queues) => queues,
        None => {
            let queues = queues(shared, &route.0, &route.1).await?;
            routes.entry(route.clone()).or_insert(queues)
        }
    };
    match wire::read(&entry.envelope, &route.1).payload {
        Payload::Message(message) => Ok(Target {
            keys: queues.iter().map(|queue| keys.list(queue, message.properties.priority)).collect(),
            how: "R",
            message: wire::redelivered(&entry.envelope),
        }),
        // A Python worker would choke on it again.
        Payload::Undecodable(what) => {
            let queue = &queues[0];
            tracing::error!(tag, queue, "put aside an entry of `unacked` that is no message");
            let reason = DeadReason::new(DeadKind::Undecodable, what.why);
            let letter = dead::write(queue, &entry.envelope, None, 1, &reason)?;
            Ok(Target { keys: vec![keys.dead(queue)], how: "L", message: letter.into() })
        }
    }
}

/// As kombu does, every queue that the message was for: which of them it was taken from is not recorded. An
/// exchange without bindings loses nothing here: the queue of that name takes it.
async fn queues(shared: &Shared, exchange: &str, routing_key: &str) -> Result<Vec<String>, BrokerError> {
    match topology::route(shared, exchange, routing_key).await {
        Ok(queues) if !queues.is_empty() => Ok(queues),
        Err(error) if error.kind() != BrokerErrorKind::Unroutable => Err(error),
        _ => Ok(vec![routing_key.to_owned()]),
    }
}

/// `[envelope, exchange, routing_key]`
struct Entry {
    envelope: Bytes,
    exchange: String,
    routing_key: String,
}

impl Entry {
    /// Reads an entry of which the queue can be told.
    fn parse(stored: &Bytes) -> Option<Self> {
        let (envelope, exchange, routing_key): (&RawValue, Option<String>, Option<String>) =
            serde_json::from_slice(stored).ok()?;
        let envelope = stored.slice_ref(envelope.get().as_bytes());
        let routing_key = routing_key.filter(|key| !key.is_empty()).or_else(|| {
            let read = wire::read(&envelope, "");
            Some(read.routing_key).filter(|key| !key.is_empty())
        })?;
        Some(Self { envelope, exchange: exchange.unwrap_or_default(), routing_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_far_as_their_queue_can_be_told() {
        let parse = |text: &'static str| {
            let entry = Entry::parse(&Bytes::from_static(text.as_bytes()))?;
            Some((String::from_utf8(entry.envelope.to_vec()).unwrap(), entry.exchange, entry.routing_key))
        };
        let entry = |envelope: &str, exchange: &str, key: &str| {
            Some((envelope.to_owned(), exchange.to_owned(), key.to_owned()))
        };
        assert_eq!(parse(r#"[{"a": 1}, "ex", "q"]"#), entry(r#"{"a": 1}"#, "ex", "q"));
        assert_eq!(parse(r#"[5, null, "q"]"#), entry("5", "", "q"));
        let told = r#"{"properties": {"delivery_info": {"routing_key": "r"}}}"#;
        assert_eq!(
            parse(r#"[{"properties": {"delivery_info": {"routing_key": "r"}}}, null, null]"#),
            entry(told, "", "r")
        );
        for unreadable in ["", "[", "5", r#"[{}, "ex", null]"#, r#"[{}, "q"]"#] {
            assert!(parse(unreadable).is_none(), "{unreadable}");
        }
    }
}
