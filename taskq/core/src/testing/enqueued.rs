//! What waits in a queue, decoded for a test.

use crate::{
    Timestamp,
    broker::PeekedMessage,
    canvas::Signature,
    codec::{Accept, Map, Value},
    config::Settings,
    protocol::{DeliveryInfo, Headers, Request},
};

/// A task that waits in a queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Enqueued {
    /// Its queue.
    pub queue: String,
    /// Its headers: name, id, eta, …
    pub headers: Headers,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map,
    /// Priority, if it has one.
    pub priority: Option<i64>,
    /// When it is due, if it is delayed.
    pub due: Option<Timestamp>,
}

impl Enqueued {
    /// Decodes a message; `None` if it is no task.
    pub(super) fn read(queue: &str, peeked: PeekedMessage, settings: &Settings) -> Option<Self> {
        let request = decode(peeked.message?, queue, settings)?;
        let (args, kwargs) = request.arguments.to_values().ok()?;
        Some(Self {
            queue: queue.to_owned(),
            priority: request.properties.priority,
            headers: request.headers,
            args,
            kwargs,
            due: peeked.not_before,
        })
    }

    /// Whether it is a call of that task with those arguments, on that queue if the signature names one.
    pub fn is(&self, expected: &Signature) -> bool {
        self.headers.task == expected.task
            && self.args == expected.args
            && self.kwargs == expected.kwargs
            && expected.options.queue.as_ref().is_none_or(|queue| *queue == self.queue)
            && expected.options.priority.is_none_or(|priority| Some(i64::from(priority)) == self.priority)
    }
}

pub(super) fn decode(message: crate::protocol::Message, queue: &str, settings: &Settings) -> Option<Request> {
    let accept = Accept::from_names(["json", "msgpack", "yaml"]).ok()?;
    let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
    let delivery =
        DeliveryInfo { queue: queue.into(), routing_key: queue.to_owned(), ..DeliveryInfo::default() };
    Request::decode(message, delivery, &accept, &settings.zone(), limit).ok()
}
