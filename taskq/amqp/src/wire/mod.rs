//! Messages as AMQP carries them: properties, a table of headers, a body.
//!
//! Kept true here: what a header table cannot hold (integers beyond 64 bits, dates, UUIDs) arrives all the same:
//! it travels as the text that Python would see, and beside it in [`Mark::exact`]. A message that comes out of a
//! queue and goes into another one, to wait or because it is dead, keeps its bytes and tells where it was sent
//! to: [`Mark`].

mod mark;
mod table;

use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{FieldTable, ShortString},
};
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind, Payload, Undecodable},
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

pub(crate) use self::{
    mark::{MARK, Mark},
    table::{table, to_map},
};

/// A message that was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) payload: Payload,
    pub(crate) mark: Mark,
}

/// Reads what a queue held. Without content type and headers it is no message.
pub(crate) fn read(properties: &BasicProperties, body: &Bytes) -> Read {
    let table = properties.headers().as_ref();
    let mark = table.map(Mark::read).unwrap_or_default();
    let payload = match message(properties, table, &mark, body) {
        Ok(message) => Payload::Message(message),
        Err(why) => Payload::Undecodable(Undecodable { original: body.clone(), why }),
    };
    Read { payload, mark }
}

fn message(
    properties: &BasicProperties,
    table: Option<&FieldTable>,
    mark: &Mark,
    body: &Bytes,
) -> Result<Message, String> {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
    let mut headers = table.map(to_map).unwrap_or_default();
    headers.shift_remove(MARK);
    // What RabbitMQ itself writes is no header of the sender.
    headers.retain(|name, _| !table::IS_BROKERS.contains(&name.as_str()));
    if headers.is_empty() && properties.content_type().is_none() {
        return Err("it has neither headers nor a content type".to_owned());
    }
    mark.restore(&mut headers);
    let headers = json::to_bytes(&headers).map_err(|error| format!("the headers: {error}"))?;
    Ok(Message {
        headers: RawHeaders(headers),
        properties: Properties {
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            delivery_mode: match properties.delivery_mode() {
                Some(1) => DeliveryMode::Transient,
                _ => DeliveryMode::Persistent,
            },
            priority: properties.priority().map(i64::from),
            expiration: text(properties.expiration()),
            extra: extra(properties),
        },
        content_type: text(properties.content_type()),
        content_encoding: text(properties.content_encoding()),
        body: body.clone(),
    })
}

fn extra(properties: &BasicProperties) -> Map {
    let texts = [
        ("message_id", properties.message_id()),
        ("type", properties.kind()),
        ("user_id", properties.user_id()),
        ("app_id", properties.app_id()),
        ("cluster_id", properties.cluster_id()),
    ];
    let texts =
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_ref()?.as_str().into())));
    let at = properties.timestamp().and_then(|at| i64::try_from(at).ok());
    texts.chain(at.map(|at| ("timestamp".to_owned(), Value::Int(at)))).collect()
}

/// The properties and headers of a message to send. `user` is who we log in as: RabbitMQ refuses another
/// `user_id`, so another one is left out.
///
/// # Errors
/// Names a header or property that is longer than 255 bytes, or headers that cannot be read.
pub(crate) fn write(message: &Message, mark: &Mark, user: &str) -> Result<BasicProperties, BrokerError> {
    let wrong = |what: String| BrokerError::new(BrokerErrorKind::Other, format!("could not publish: {what}"));
    let short = |name: &str, text: &str| {
        ShortString::try_new(text).map_err(|_| wrong(format!("`{name}` is longer than 255 bytes")))
    };
    let headers: Map = match &message.headers.0 {
        empty if empty.is_empty() => Map::default(),
        raw => json::from_slice(raw).map_err(|error| wrong(format!("the headers: {error}")))?,
    };
    let (mut table, exact) = table(&headers).map_err(wrong)?;
    Mark { exact, ..mark.clone() }.write(&mut table);
    let sent = &message.properties;
    let mut out =
        BasicProperties::default().with_headers(table).with_delivery_mode(sent.delivery_mode.as_u8());
    if let Some(text) = &message.content_type {
        out = out.with_content_type(short("content_type", text)?);
    }
    if let Some(text) = &message.content_encoding {
        out = out.with_content_encoding(short("content_encoding", text)?);
    }
    if let Some(text) = &sent.correlation_id {
        out = out.with_correlation_id(short("correlation_id", text)?);
    }
    if let Some(text) = &sent.reply_to {
        out = out.with_reply_to(short("reply_to", text)?);
    }
    if let Some(text) = &sent.expiration {
        out = out.with_expiration(short("expiration", text)?);
    }
    if let Some(priority) = sent.priority {
        out = out.with_priority(u8::try_from(priority.clamp(0, 255)).unwrap_or_default());
    }
    for (name, value) in &sent.extra {
        out = match (name.as_str(), value) {
            ("message_id", Value::Str(text)) => out.with_message_id(short(name, text)?),
            ("type", Value::Str(text)) => out.with_type(short(name, text)?),
            ("user_id", Value::Str(text)) if text == user => out.with_user_id(short(name, text)?),
            ("app_id", Value::Str(text)) => out.with_app_id(short(name, text)?),
            ("cluster_id", Value::Str(text)) => out.with_cluster_id(short(name, text)?),
            ("timestamp", Value::Int(at)) => out.with_timestamp(u64::try_from(*at).unwrap_or_default()),
            // AMQP has no place for it: it belongs to another transport.
            _ => out,
        };
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
