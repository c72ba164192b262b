//! Dead letters: one durable queue for each queue, `taskq:dead:<queue>`, oldest first.
//!
//! Kept true here: a letter is the message as it was, bytes and headers, with one table more in its headers
//! ([`LETTER`]) that says why and when; it never expires; what is replayed is the message without that table.
//! What would end it on its way (its own expiration, another user's name) is kept in the table.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use lapin::{
    BasicProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use taskq_core::{
    Timestamp,
    broker::{BrokerError, BrokerErrorKind, DeadKind, DeadLetter, DeadReason, Payload},
    codec::{Map, Value},
};
use tokio::time::timeout;

use super::{
    Shared,
    ledger::Holding,
    publish::{Publication, short},
};
use crate::{
    conn::Link,
    error,
    options::QueueType,
    wire::{self, Mark},
};

/// The header that makes a message a dead letter.
const LETTER: &str = "x-taskq-dead";

/// How much of a reason is kept: headers must fit into one frame.
const DETAIL: usize = 16 * 1_024;

/// A declaration that is not answered by then is given up: it would hold up every settlement behind it.
const DECLARED: Duration = Duration::from_secs(10);

/// What the names of queues of dead letters begin with.
const PREFIX: &str = "taskq:dead:";

/// How long it is believed that a queue of dead letters does not exist: to ask for one writes an error into the
/// broker's log.
const ABSENT: Duration = Duration::from_secs(5);

/// Queues of dead letters: those that this process declared, and those that were looked for in vain.
#[derive(Debug, Default)]
pub(crate) struct Places {
    known: Mutex<BTreeSet<String>>,
    /// Until when they are not asked for again.
    absent: Mutex<HashMap<String, Instant>>,
    /// One is declared at a time: of two that declare one quorum queue at once, RabbitMQ may leave one without
    /// an answer.
    turn: tokio::sync::Mutex<()>,
}

impl Places {
    fn knows(&self, place: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(place)
    }

    fn learn(&self, place: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned());
        self.absent.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    /// Whether it was looked for a moment ago, and did not exist.
    pub(super) fn is_absent(&self, place: &str) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.get(place).is_some_and(|until| Instant::now() < *until)
    }

    /// It was looked for, and does not exist.
    pub(super) fn miss(&self, place: String) {
        let now = Instant::now();
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.retain(|_, until| now < *until);
        absent.insert(place, now + ABSENT);
    }
}

/// The queue of a queue's dead letters.
pub(super) fn place(queue: &str) -> String {
    format!("{PREFIX}{queue}")
}

/// Whether it is a queue of dead letters.
pub(super) fn is_place(queue: &str) -> bool {
    queue.starts_with(PREFIX)
}

/// What puts a message aside: its publication to the dead letters of its queue, which are declared.
pub(super) async fn letter(
    shared: &Shared,
    holding: &Holding,
    deliveries: u32,
    reason: &DeadReason,
) -> Result<Publication, BrokerError> {
    let place = place(&holding.queue);
    if !shared.places.knows(&place) {
        let _turn = shared.places.turn.lock().await;
        if !shared.places.knows(&place) {
            declare(shared, &place).await?;
        }
    }
    let mut letter = holding.onward(String::new(), place, 0);
    let properties = std::mem::take(&mut letter.properties);
    let mut table = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    table.insert("id".into(), text(&uuid::Uuid::now_v7().to_string()));
    table.insert("queue".into(), text(&holding.queue));
    table.insert("kind".into(), text(reason.kind.as_str()));
    table.insert("detail".into(), text(&reason.detail[..reason.detail.floor_char_boundary(DETAIL)]));
    table.insert("at".into(), text(&Timestamp::now().to_string()));
    table.insert("deliveries".into(), AMQPValue::LongLongInt(deliveries.into()));
    for (name, kept) in [("expiration", properties.expiration()), ("user_id", properties.user_id())] {
        if let Some(kept) = kept {
            table.insert(name.into(), text(kept.as_str()));
        }
    }
    table.insert(
        "delivery_mode".into(),
        AMQPValue::LongLongInt(properties.delivery_mode().unwrap_or(1).into()),
    );
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(LETTER.into(), AMQPValue::FieldTable(table));
    letter.properties = without_limits(&properties).with_delivery_mode(2).with_headers(headers);
    Ok(letter)
}

/// Declares a queue of dead letters: durable, replicated if queues are so by default. One that exists is used
/// as it is. A server that does not answer in time is asked again by whoever settles again.
async fn declare(shared: &Shared, place: &str) -> Result<(), BrokerError> {
    let link = shared.publisher.link();
    let declaring = timeout(DECLARED, declare_on(shared, link, place));
    declaring.await.unwrap_or_else(|_| {
        let text = format!("could not declare queue `{place}` on `{}` within {DECLARED:?}", link.shown());
        Err(BrokerError::new(BrokerErrorKind::Timeout, text))
    })?;
    shared.places.learn(place);
    Ok(())
}

/// Declares one again that was deleted.
pub(super) async fn revive(shared: &Shared, place: &str) -> Result<(), BrokerError> {
    let _turn = shared.places.turn.lock().await;
    declare(shared, place).await
}

async fn declare_on(shared: &Shared, link: &Link, place: &str) -> Result<(), BrokerError> {
    let mut arguments = FieldTable::default();
    if shared.options.queue_type == QueueType::Quorum {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        // Looking at a letter takes and returns it, which a quorum queue counts: no number is too many.
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(i32::MAX));
    }
    let (channel, _) = link.channel("declare a queue of dead letters").await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(short("queue", place)?, durable, arguments).await {
        Ok(_) => drop(channel.close(200, "declared".into()).await),
        Err(error) if error::is_mismatch(&error) => {}
        Err(error) => {
            return Err(error::broker(&format!("declare queue `{place}`"), link.shown(), error));
        }
    }
    Ok(())
}

/// Reads a dead letter; anything else that somebody put into the queue is told as it is.
pub(super) fn read(place: &str, properties: &BasicProperties, body: &Bytes) -> DeadLetter {
    let map = table(properties);
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let kind = text("kind").map_or(DeadKind::Rejected, |kind| {
        // One that only a newer taskq knows reads as a rejection.
        serde_json::from_value(kind.into()).unwrap_or(DeadKind::Rejected)
    });
    let message = match wire::read(&replayed(properties, ""), body).payload {
        Payload::Message(message) => Some(message),
        Payload::Undecodable(_) => None,
    };
    DeadLetter {
        id: id(properties).unwrap_or_default(),
        queue: text("queue").unwrap_or(&place[PREFIX.len().min(place.len())..]).to_owned(),
        reason: DeadReason::new(kind, text("detail").unwrap_or("not put here by taskq")),
        at: text("at").and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        deliveries: map
            .get("deliveries")
            .and_then(Value::as_u64)
            .map_or(0, |n| n.try_into().unwrap_or(u32::MAX)),
        original: body.clone(),
        message,
    }
}

/// The id of a dead letter; `None` for anything else.
pub(super) fn id(properties: &BasicProperties) -> Option<String> {
    Some(table(properties).get("id")?.as_str()?.to_owned())
}

fn table(properties: &BasicProperties) -> Map {
    match properties.headers().as_ref().and_then(|headers| headers.inner().get(LETTER)) {
        Some(AMQPValue::FieldTable(table)) => wire::to_map(table),
        _ => Map::default(),
    }
}

/// The properties of the message that became a letter, its deliveries forgotten. `user` is who publishes it.
pub(super) fn replayed(properties: &BasicProperties, user: &str) -> BasicProperties {
    let map = table(properties);
    let headers = properties.headers().clone().unwrap_or_default();
    let mut fields = headers.inner().clone();
    fields.remove(LETTER);
    let sent_to = Mark::read(&headers).sent_to;
    let headers = Mark { sent_to, ..Mark::default() }.replace(&fields.into());
    let text = |name: &str| ShortString::try_new(map.get(name)?.as_str()?).ok();
    let mode = map.get("delivery_mode").and_then(Value::as_u64).and_then(|mode| mode.try_into().ok());
    let mut out = properties.clone().with_headers(headers).with_delivery_mode(mode.unwrap_or(2));
    if let Some(expiration) = text("expiration") {
        out = out.with_expiration(expiration);
    }
    match text("user_id") {
        Some(id) if id.as_str() == user => out.with_user_id(id),
        _ => out,
    }
}

/// The same without what would end it, or have it refused, where it waits.
fn without_limits(from: &BasicProperties) -> BasicProperties {
    let mut out = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident $with:ident),*) => {$(
            if let Some(value) = from.$get().clone() {
                out = out.$with(value);
            }
        )*};
    }
    keep!(
        content_type with_content_type, content_encoding with_content_encoding, headers with_headers,
        priority with_priority, correlation_id with_correlation_id, reply_to with_reply_to,
        message_id with_message_id, timestamp with_timestamp, kind with_type, app_id with_app_id,
        cluster_id with_cluster_id
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_other_drivers() {
        assert_eq!(place("q"), "taskq:dead:q");
        assert!(is_place("taskq:dead:q") && !is_place("q"));
    }

    #[test]
    fn what_is_no_letter_is_shown_all_the_same() {
        let read = read("taskq:dead:q", &BasicProperties::default(), &Bytes::from_static(b"x"));
        assert_eq!((read.queue.as_str(), read.id.as_str(), read.message.is_none()), ("q", "", true));
        assert_eq!(&read.original[..], b"x");
    }

    #[test]
    fn what_would_end_a_letter_is_kept_aside() {
        let given = BasicProperties::default()
            .with_expiration("5".into())
            .with_user_id("me".into())
            .with_content_type("application/json".into());
        let out = without_limits(&given);
        assert_eq!((out.expiration(), out.user_id()), (&None, &None));
        assert_eq!(out.content_type().as_ref().map(ShortString::as_str), Some("application/json"));
    }
}
