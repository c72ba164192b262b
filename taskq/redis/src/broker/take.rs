//! Taking: one script call promotes what is due and moves messages into the owner's in-flight lists.
//!
//! Kept true here: a message whose move is known only to the server (the answer got lost) is found again and
//! delivered; a message that was delivered too often goes to the dead letters instead.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{Cmd, FromRedisValue, Value};
use taskq_core::{
    broker::{BrokerError, DeadKind, DeadReason, Delivery, Payload, Settle, Settlement, Settler},
    crash::{self, Point},
    protocol::DeliveryInfo,
};
use uuid::Uuid;

use super::{
    Shared,
    held::{Held, Holding, Place},
    settle::RedisSettler,
};
use crate::{keys::Keys, script, wire};

/// What one call took, still to be [read](Taken::read).
pub(super) struct Taken {
    /// The name it was taken under.
    owner: String,
    messages: Vec<Found>,
    /// Until the next delayed message is due.
    pub(super) next_due: Option<Duration>,
}

impl Taken {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Reads it, counts the deliveries, and puts aside what was delivered too often.
    pub(super) async fn read(
        self,
        shared: &Shared,
        held: &Held,
        settler: &Arc<RedisSettler>,
        queues: &[String],
        terms: &Terms,
    ) -> Result<Vec<Delivery>, BrokerError> {
        deliver(shared, held, settler, (&self.owner, queues), self.messages, terms).await
    }
}

/// How to take.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    pub(super) max_deliveries: u32,
}

/// The script's answer.
struct Answer {
    owns: bool,
    next_due: i64,
    /// When the youngest revocation was remembered.
    revoked: i64,
    messages: Vec<Found>,
}

/// A message in an in-flight list.
struct Found {
    /// The index of its queue.
    queue: usize,
    message: Bytes,
    /// The name of its mirrored entry.
    mirror: Option<String>,
}

impl FromRedisValue for Answer {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let Value::Array(items) = value else { return Err("the take script answered no list".into()) };
        let mut items = items.into_iter();
        let mut number = || items.next().map_or(Ok(-1), i64::from_redis_value);
        let state = number()?;
        let next_due = number()?;
        let revoked = number()?;
        let mirrored = state == 2;
        let mut messages = Vec::with_capacity(items.len());
        while let Some(queue) = items.next() {
            let queue = usize::from_redis_value(queue)?.saturating_sub(1);
            let count = items.next().map_or(Ok(0), usize::from_redis_value)?;
            for _ in 0..count {
                let Some(Value::BulkString(message)) = items.next() else {
                    return Err("a message that is no string".into());
                };
                let mirror = match mirrored.then(|| items.next()).flatten() {
                    Some(name) => Some(String::from_redis_value(name)?).filter(|name| !name.is_empty()),
                    None => None,
                };
                messages.push(Found { queue, message: message.into(), mirror });
            }
        }
        Ok(Self { owns: state > 0, next_due, revoked, messages })
    }
}

fn command(
    keys: &Keys,
    queues: &[String],
    owner: &str,
    used: bool,
    mirror: bool,
    max: usize,
    lease: Duration,
) -> Cmd {
    let count = 4 + queues.len() * (2 + keys.step_count()) + if mirror { 2 } else { 0 };
    let mut command = script::call(&script::TAKE, count);
    command.arg(keys.owners()).arg(keys.held_queues(owner)).arg(keys.leaving()).arg(keys.revoked());
    for queue in queues {
        command.arg(keys.delayed(queue)).arg(keys.in_flight(owner, queue)).arg(keys.lists(queue));
    }
    if mirror {
        command.arg(keys.unacked()).arg(keys.unacked_index());
    }
    command.arg(owner).arg(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX)).arg(max);
    command.arg(u8::from(used)).arg(keys.step_count()).arg(keys.sep()).arg(u8::from(mirror));
    command.arg(keys.wake("")).arg(queues);
    command
}

/// Takes up to `max` messages that are there now.
pub(super) async fn take(
    shared: &Shared,
    held: &Held,
    queues: &[String],
    max: usize,
    lease: Duration,
) -> Result<Taken, BrokerError> {
    let mut owner = held.taker();
    let mut answer: Answer = run(shared, held, queues, &owner, max, lease).await?;
    if !answer.owns {
        held.lose(&owner.0);
        owner = held.taker();
        answer = run(shared, held, queues, &owner, max, lease).await?;
    }
    if !answer.messages.is_empty() {
        crash::reached(Point::Fetched);
    }
    shared.newest.set(u64::try_from(answer.revoked).unwrap_or(0));
    let next_due = u64::try_from(answer.next_due).ok().map(Duration::from_millis);
    Ok(Taken { owner: owner.0, messages: answer.messages, next_due })
}

async fn run(
    shared: &Shared,
    held: &Held,
    queues: &[String],
    (owner, used): &(String, bool),
    max: usize,
    lease: Duration,
) -> Result<Answer, BrokerError> {
    let command = command(&shared.keys, queues, owner, *used, held.mirrors, max, lease);
    script::run(&shared.link, "take messages", &command).await
}

/// How many more the server says we hold than we know of. What is being settled can only make it less.
pub(super) async fn unknown(shared: &Shared, held: &Held) -> Result<usize, BrokerError> {
    let known = held.count();
    let (owner, _) = held.owner();
    let mut command = redis::cmd("SMEMBERS");
    command.arg(shared.keys.held_queues(&owner));
    let queues: Vec<String> = shared.link.run("count what is held", &command).await?;
    if queues.is_empty() {
        return Ok(0);
    }
    let mut pipeline = redis::Pipeline::new();
    for queue in &queues {
        pipeline.cmd("LLEN").arg(shared.keys.in_flight(&owner, queue));
    }
    let lengths: Vec<usize> = shared.link.pipe("count what is held", &pipeline).await?;
    Ok(lengths.iter().sum::<usize>().saturating_sub(known))
}

/// Messages that are in our in-flight lists although we do not know them: their take was done, its answer was
/// lost. Only called when no other take is under way.
pub(super) async fn recover(
    shared: &Shared,
    held: &Held,
    settler: &Arc<RedisSettler>,
    terms: &Terms,
) -> Result<Vec<Delivery>, BrokerError> {
    // First what we know, then what the server has: what is settled in between is in neither, or in both.
    let mut known = held.originals();
    let (owner, _) = held.owner();
    let mut command = redis::cmd("SMEMBERS");
    command.arg(shared.keys.held_queues(&owner));
    let queues: Vec<String> = shared.link.run("look for what was taken", &command).await?;
    let mut found = Vec::new();
    for (at, queue) in queues.iter().enumerate() {
        let mut command = redis::cmd("LRANGE");
        command.arg(shared.keys.in_flight(&owner, queue)).arg(0).arg(-1);
        let messages: Vec<Vec<u8>> = shared.link.run("look for what was taken", &command).await?;
        let mut unknown = Vec::new();
        // The oldest is at the right.
        for message in messages.into_iter().rev().map(Bytes::from) {
            match known.get_mut(&message) {
                Some(times) if *times > 0 => *times -= 1,
                _ => unknown.push(message),
            }
        }
        let mirrors = mirrors(shared, held, &owner, queue, &unknown).await?;
        let found_here = unknown.into_iter().zip(mirrors);
        found.extend(found_here.map(|(message, mirror)| Found { queue: at, message, mirror }));
    }
    deliver(shared, held, settler, (&owner, &queues), found, terms).await
}

/// The names of mirrored entries, of messages whose take told us none.
async fn mirrors(
    shared: &Shared,
    held: &Held,
    owner: &str,
    queue: &str,
    messages: &[Bytes],
) -> Result<Vec<Option<String>>, BrokerError> {
    if !held.mirrors || messages.is_empty() {
        return Ok(vec![None; messages.len()]);
    }
    let mut pipeline = redis::Pipeline::with_capacity(messages.len());
    for message in messages {
        let mut command = script::call(&script::MIRROR_NAME, 1);
        command.arg(shared.keys.in_flight(owner, queue)).arg(&message[..]);
        pipeline.add_command(command);
    }
    let names: Vec<String> = script::pipe(&shared.link, "look for what was mirrored", &pipeline).await?;
    Ok(names.into_iter().map(|name| Some(name).filter(|name| !name.is_empty())).collect())
}

/// Reads messages, counts their deliveries, and puts aside what was delivered too often.
async fn deliver(
    shared: &Shared,
    held: &Held,
    settler: &Arc<RedisSettler>,
    (owner, queues): (&str, &[String]),
    messages: Vec<Found>,
    terms: &Terms,
) -> Result<Vec<Delivery>, BrokerError> {
    let place = |queue: &String| {
        Arc::new(Place { queue: queue.as_str().into(), list: shared.keys.in_flight(owner, queue) })
    };
    let places: Vec<Arc<Place>> = queues.iter().map(place).collect();
    let in_place = |found: Found| {
        let place = places.get(found.queue)?;
        let envelope = wire::read(&found.message, &place.queue);
        Some((place, found, envelope))
    };
    let read: Vec<_> = messages.into_iter().filter_map(in_place).collect();
    let counts = counts(shared, read.iter().map(|(_, found, envelope)| (&found.message, envelope))).await;
    let mut taken = Vec::with_capacity(read.len());
    let mut handed_out = Vec::with_capacity(read.len());
    for (place, Found { message: original, mirror, .. }, envelope) in read {
        let before = match counts.is_empty() {
            true => 0,
            false => counts.get(&counted_as(&original, &envelope)).copied().unwrap_or(0),
        };
        let priority = match &envelope.payload {
            Payload::Message(message) => message.properties.priority,
            Payload::Undecodable(_) => None,
        };
        let info = DeliveryInfo {
            queue: Arc::clone(&place.queue),
            exchange: envelope.exchange,
            routing_key: envelope.routing_key,
            priority,
            redelivered: envelope.redelivered || before > 0,
        };
        let too_often = terms.max_deliveries > 0 && before >= terms.max_deliveries;
        let deliveries = if too_often { before } else { before.saturating_add(1) };
        taken.push(Holding {
            original,
            place: Arc::clone(place),
            mirror,
            priority,
            deliveries,
            tried: false,
        });
        handed_out.push((envelope.payload, info, deliveries, too_often));
    }
    let mut tag = held.add(taken);
    let mut deliveries = Vec::with_capacity(handed_out.len());
    let mut poison = Vec::new();
    for (payload, info, so_far, too_often) in handed_out {
        if too_often {
            let reason =
                DeadReason::new(DeadKind::Poison, format!("delivered {so_far} times without an end"));
            poison.push(Settlement::new(tag, Settle::DeadLetter { reason }));
        } else {
            let settler: Arc<dyn Settler> = Arc::<RedisSettler>::clone(settler);
            deliveries.push(Delivery::new(tag, payload, info, so_far, settler));
        }
        tag.id += 1;
    }
    if !poison.is_empty() {
        tracing::warn!(messages = poison.len(), "delivered too often: put aside as dead letters");
        // What cannot be put aside now stays held until the lease lapses, and is put aside then.
        if let Err(error) = settler.settle(&poison).await {
            tracing::warn!(%error, "could not put them aside");
        }
    }
    Ok(deliveries)
}

/// What the deliveries of a message are counted under: its tag, or what it holds when it has none.
pub(super) fn counted_as(original: &Bytes, envelope: &wire::Envelope) -> String {
    if !envelope.delivery_tag.is_empty() {
        return envelope.delivery_tag.clone();
    }
    // The same in every process and version.
    let digest = match &envelope.payload {
        Payload::Message(message) => {
            let id = message.properties.correlation_id.as_deref().unwrap_or_default();
            Uuid::new_v5(&Uuid::NAMESPACE_OID, &[id.as_bytes(), b" ", &message.body].concat())
        }
        Payload::Undecodable(_) => Uuid::new_v5(&Uuid::NAMESPACE_OID, original),
    };
    format!("untagged-{}", digest.simple())
}

/// Earlier deliveries, of those messages that can have had any.
async fn counts<'a>(
    shared: &Shared,
    read: impl Iterator<Item = (&'a Bytes, &'a wire::Envelope)>,
) -> HashMap<String, u32> {
    let asked: Vec<String> = read
        .filter(|(_, envelope)| envelope.redelivered || envelope.delivery_tag.is_empty())
        .map(|(original, envelope)| counted_as(original, envelope))
        .collect();
    if asked.is_empty() {
        return HashMap::new();
    }
    let mut pipeline = redis::Pipeline::new();
    for counts in shared.keys.deliveries() {
        pipeline.cmd("HMGET").arg(counts).arg(&asked);
    }
    type Counts = Vec<Option<u32>>;
    match shared.link.pipe::<(Counts, Counts)>("read delivery counts", &pipeline).await {
        Ok((now, before)) => {
            let sums =
                now.into_iter().zip(before).map(|(now, before)| now.unwrap_or(0) + before.unwrap_or(0));
            asked.into_iter().zip(sums).collect()
        }
        // Better delivered once too often than not at all.
        Err(error) => {
            tracing::warn!(%error, "delivery counts are not known");
            HashMap::new()
        }
    }
}
