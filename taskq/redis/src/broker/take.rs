//! Taking: one script call promotes what is due and moves messages into the owner's in-flight hashes.
//!
//! Kept true here: a message whose move is known only to the server (the answer got lost) is found again and
//! delivered, once; a message that was delivered too often goes to the dead letters instead.

use std::{collections::HashMap, ops::Range, slice, sync::Arc, time::Duration};

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
    held::{Held, Holding, Place, Reserved},
    settle::RedisSettler,
};
use crate::{keys::Keys, script, wire};

/// The most that one take moves: the server does nothing else meanwhile.
const MOST: usize = 1 << 16;
/// Messages read in one step when they are looked for.
const STEP: usize = 200;

/// What one call took, still to be [read](Taken::read).
pub(super) struct Taken {
    /// The name it was taken under.
    owner: String,
    /// Those that were reserved for it.
    numbers: Range<u64>,
    messages: Vec<Found>,
    /// Others were taken since the numbers were reserved: they do not tell when it was taken.
    found_late: bool,
    /// Until the next delayed message is due.
    pub(super) next_due: Option<Duration>,
}

impl Taken {
    fn of(reserved: Reserved, answer: Answer) -> Self {
        if !answer.messages.is_empty() {
            crash::reached(Point::Fetched);
        }
        let next_due = u64::try_from(answer.next_due).ok().map(Duration::from_millis);
        let Reserved { owner, numbers, .. } = reserved;
        Self { owner, numbers, messages: answer.messages, found_late: false, next_due }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there were as many as there could have been.
    pub(super) fn is_full(&self) -> bool {
        self.len() as u64 == self.numbers.end - self.numbers.start
    }

    /// Others were taken since the numbers were reserved for it.
    pub(super) fn was_overtaken(&mut self) {
        self.found_late = true;
    }

    /// Reads it, counts the deliveries, and puts aside what was delivered too often.
    pub(super) async fn read(
        self,
        shared: &Shared,
        held: &Held,
        settler: &Arc<RedisSettler>,
        queues: &[String],
        terms: &Terms,
    ) -> Vec<Delivery> {
        let batch = Unread {
            owner: &self.owner,
            queues,
            numbers: slice::from_ref(&self.numbers),
            messages: self.messages,
            found_late: self.found_late,
        };
        deliver(shared, held, settler, batch, terms).await
    }
}

/// Messages that are to be delivered.
struct Unread<'a> {
    owner: &'a str,
    queues: &'a [String],
    /// The numbers that are accounted for with them.
    numbers: &'a [Range<u64>],
    /// The oldest first.
    messages: Vec<Found>,
    found_late: bool,
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

impl Answer {
    fn revoked(&self) -> u64 {
        u64::try_from(self.revoked).unwrap_or(0)
    }
}

/// A message in an in-flight hash.
struct Found {
    number: u64,
    /// The index of its queue.
    queue: usize,
    message: Bytes,
    /// The name of its mirrored entry.
    mirror: Option<String>,
}

/// Numbers of messages, the oldest first.
enum Numbers {
    From(u64),
    Each(Vec<u64>),
}

impl FromRedisValue for Numbers {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        match value {
            Value::Array(_) => Vec::from_redis_value(value).map(Self::Each),
            first => u64::from_redis_value(first).map(Self::From),
        }
    }
}

impl Numbers {
    fn get(&self, at: usize) -> Option<u64> {
        match self {
            Self::From(first) => Some(first + at as u64),
            Self::Each(numbers) => numbers.get(at).copied(),
        }
    }
}

/// The name of a mirrored entry as scripts answer it.
fn mirror(name: String) -> Option<String> {
    Some(name).filter(|name| !name.is_empty())
}

impl FromRedisValue for Answer {
    fn from_redis_value(value: Value) -> Result<Self, redis::ParsingError> {
        let Value::Array(items) = value else { return Err("the take script answered no list".into()) };
        let mut items = items.into_iter();
        let mut number = || items.next().map_or(Ok(-1), i64::from_redis_value);
        let state = number()?;
        let next_due = number()?;
        let revoked = number()?;
        let mut messages = Vec::new();
        let mut lists = 0;
        while let Some(queue) = items.next() {
            let queue = usize::from_redis_value(queue)?.saturating_sub(1);
            let numbers = Numbers::from_redis_value(items.next().unwrap_or(Value::Nil))?;
            let Some(Value::Array(list)) = items.next() else {
                return Err("messages that are no list".into());
            };
            let mut names = match state {
                2 => Vec::<String>::from_redis_value(items.next().unwrap_or(Value::Nil))?,
                _ => Vec::new(),
            };
            messages.reserve(list.len());
            for (at, message) in list.into_iter().rev().enumerate() {
                let Value::BulkString(message) = message else {
                    return Err("a message that is no string".into());
                };
                let Some(number) = numbers.get(at) else { return Err("a message without a number".into()) };
                let mirror = names.pop().and_then(mirror);
                messages.push(Found { number, queue, message: message.into(), mirror });
            }
            lists += 1;
        }
        if lists > 1 {
            messages.sort_unstable_by_key(|found| found.number);
        }
        Ok(Self { owns: state > 0, next_due, revoked, messages })
    }
}

/// `steps`: how many of each queue's lists are looked at, the most urgent first.
fn command(
    keys: &Keys,
    queues: &[String],
    steps: usize,
    reserved: &Reserved,
    mirror: bool,
    lease: Duration,
) -> Cmd {
    let Reserved { owner, used, numbers } = reserved;
    let count = 4 + queues.len() * (2 + steps) + if mirror { 2 } else { 0 };
    let mut command = script::call(&script::TAKE, count);
    command.arg(keys.owners()).arg(keys.held_queues(owner)).arg(keys.leaving()).arg(keys.revoked());
    for queue in queues {
        command.arg(keys.delayed(queue)).arg(keys.in_flight(owner, queue)).arg(&keys.lists(queue)[..steps]);
    }
    if mirror {
        command.arg(keys.unacked()).arg(keys.unacked_index());
    }
    command.arg(owner).arg(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
    command.arg(numbers.end - numbers.start);
    command.arg(u8::from(*used)).arg(steps).arg(keys.sep()).arg(u8::from(mirror));
    command.arg(keys.wake("")).arg(numbers.start).arg(queues);
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
    let max = max.min(MOST);
    let mut reserved = held.reserve(max);
    let mut answer: Answer = run(shared, held, queues, &reserved, lease).await?;
    if !answer.owns {
        held.lose(&reserved.owner);
        reserved = held.reserve(max);
        answer = run(shared, held, queues, &reserved, lease).await?;
    }
    shared.newest.set(answer.revoked());
    Ok(Taken::of(reserved, answer))
}

/// A take that is done when its time has come. It looks at the most urgent list of one queue only: when it comes although
/// that list is empty it takes nothing, and so nothing that would have to go back.
pub(super) fn later(
    shared: &Shared,
    held: &Held,
    queue: &String,
    reserved: &Reserved,
    lease: Duration,
) -> Cmd {
    command(&shared.keys, slice::from_ref(queue), 1, reserved, held.mirrors, lease)
}

/// What such a take has answered; nothing when the lease had lapsed.
pub(super) fn came(
    shared: &Shared,
    held: &Held,
    reserved: &Reserved,
    answer: Value,
) -> Result<Option<Taken>, redis::ParsingError> {
    let answer = Answer::from_redis_value(answer)?;
    if !answer.owns {
        held.lose(&reserved.owner);
        return Ok(None);
    }
    // It may be older than what another connection has told meanwhile.
    shared.newest.raise(answer.revoked());
    Ok(Some(Taken::of(reserved.clone(), answer)))
}

async fn run(
    shared: &Shared,
    held: &Held,
    queues: &[String],
    reserved: &Reserved,
    lease: Duration,
) -> Result<Answer, BrokerError> {
    let steps = shared.keys.step_count();
    let command = command(&shared.keys, queues, steps, reserved, held.mirrors, lease);
    script::run(&shared.link, "take messages", &command).await
}

/// Messages that are in our in-flight hashes although we do not know them: their take was done, its answer was
/// lost. Only called when no other take is under way, and asks the server only after an answer was lost.
pub(super) async fn recover(
    shared: &Shared,
    held: &Held,
    settler: &Arc<RedisSettler>,
    terms: &Terms,
) -> Result<Vec<Delivery>, BrokerError> {
    const WHAT: &str = "look for what was taken";
    let Some(owner) = held.owner_of_unknown() else { return Ok(Vec::new()) };
    let mut command = redis::cmd("SMEMBERS");
    command.arg(shared.keys.held_queues(&owner));
    let queues: Vec<String> = shared.link.run(WHAT, &command).await?;
    let mut found = Vec::new();
    for (at, queue) in queues.iter().enumerate() {
        let key = shared.keys.in_flight(&owner, queue);
        let mut command = redis::cmd("HKEYS");
        command.arg(&key);
        let numbers: Vec<Vec<u8>> = shared.link.run(WHAT, &command).await?;
        let number = |text: &Vec<u8>| std::str::from_utf8(text).ok()?.parse().ok();
        let mut unknown: Vec<u64> = numbers.iter().filter_map(number).collect();
        // What was never delivered is settled by nobody, so it does not matter when who looks.
        held.retain_unknown(&mut unknown);
        for numbers in unknown.chunks(STEP) {
            let mut command = redis::cmd("HMGET");
            command.arg(&key).arg(numbers);
            let messages: Vec<Option<Vec<u8>>> = shared.link.run(WHAT, &command).await?;
            let names: Vec<String> = match held.mirrors {
                true => {
                    let mut command = script::call(&script::MIRROR_NAME, 1);
                    command.arg(&key).arg(numbers);
                    script::run(&shared.link, "look for what was mirrored", &command).await?
                }
                false => Vec::new(),
            };
            let mut names = names.into_iter();
            for (number, message) in numbers.iter().zip(messages) {
                let mirror = names.next().and_then(mirror);
                // Else the lease was lost in between.
                if let Some(message) = message.map(Bytes::from) {
                    found.push(Found { number: *number, queue: at, message, mirror });
                }
            }
        }
    }
    found.sort_unstable_by_key(|found| found.number);
    let numbers: Vec<Range<u64>> = found.iter().map(|found| found.number..found.number + 1).collect();
    let batch =
        Unread { owner: &owner, queues: &queues, numbers: &numbers, messages: found, found_late: true };
    Ok(deliver(shared, held, settler, batch, terms).await)
}

/// Reads messages, counts their deliveries, and puts aside what was delivered too often.
async fn deliver(
    shared: &Shared,
    held: &Held,
    settler: &Arc<RedisSettler>,
    batch: Unread<'_>,
    terms: &Terms,
) -> Vec<Delivery> {
    let Unread { owner, queues, numbers, messages, found_late } = batch;
    if messages.is_empty() {
        held.add(owner, numbers, Vec::new());
        return Vec::new();
    }
    let place = |queue: &String| {
        let key = shared.keys.in_flight(owner, queue);
        Arc::new(Place { queue: queue.as_str().into(), owner: owner.to_owned(), key })
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
    for (place, Found { number, message: original, mirror, .. }, envelope) in read {
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
        let holding = Holding {
            original,
            place: Arc::clone(place),
            mirror,
            priority,
            deliveries,
            tried: false,
            found_late,
        };
        taken.push((number, holding));
        handed_out.push((envelope.payload, info, deliveries, too_often));
    }
    let Some(tags) = held.add(owner, numbers, taken) else {
        tracing::debug!(messages = handed_out.len(), "the lease was lost before they were read");
        return Vec::new();
    };
    let mut deliveries = Vec::with_capacity(handed_out.len());
    let mut poison = Vec::new();
    for (tag, (payload, info, so_far, too_often)) in tags.into_iter().zip(handed_out) {
        if too_often {
            let reason =
                DeadReason::new(DeadKind::Poison, format!("delivered {so_far} times without an end"));
            poison.push(Settlement::new(tag, Settle::DeadLetter { reason }));
        } else {
            let settler: Arc<dyn Settler> = Arc::<RedisSettler>::clone(settler);
            deliveries.push(Delivery::new(tag, payload, info, so_far, settler));
        }
    }
    if !poison.is_empty() {
        tracing::warn!(messages = poison.len(), "delivered too often: put aside as dead letters");
        // What cannot be put aside now stays held until the lease lapses, and is put aside then.
        if let Err(error) = settler.settle(&poison).await {
            tracing::warn!(%error, "could not put them aside");
        }
    }
    deliveries
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
