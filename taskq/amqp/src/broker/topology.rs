//! Exchanges, queues and bindings, declared as kombu declares them.
//!
//! Kept true here: declaring is idempotent; what exists with other arguments is one error that names it and the
//! difference, and is not tried again; who may not configure uses what exists.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use lapin::{
    Channel,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use taskq_core::{
    broker::{Binding, BrokerError, BrokerErrorKind, Exchange, ExchangeKind, Queue},
    codec::{Map, Value},
};

use super::{Shared, dead, delay, publish::short};
use crate::{
    conn::Link,
    error,
    options::{AmqpOptions, QueueType},
    wire,
};

/// The argument that says what kind a queue is.
const QUEUE_TYPE: &str = "x-queue-type";

/// Queues that this process declared, to declare them again when they are gone.
#[derive(Debug, Default)]
pub(crate) struct Declared(Mutex<BTreeMap<String, Queue>>);

impl Declared {
    fn know(&self, queue: &Queue) {
        // One that goes with its connection is nobody else's.
        if queue.exclusive {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.name.clone(), queue.clone());
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// What leads to them.
    pub(super) fn bindings(&self) -> Vec<Binding> {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let binding = |queue: &Queue| Binding {
            exchange: queue.exchange.name.clone(),
            routing_key: queue.routing_key.clone(),
            queue: queue.name.clone(),
        };
        queues.values().map(binding).collect()
    }

    /// The queues that a message sent there could be for.
    pub(super) fn candidates(&self, exchange: &str, routing_key: &str) -> Vec<Queue> {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if exchange.is_empty() {
            return queues.get(routing_key).cloned().into_iter().collect();
        }
        let takes = |queue: &&Queue| {
            queue.exchange.name == exchange
                && match queue.exchange.kind {
                    ExchangeKind::Direct => queue.routing_key == routing_key,
                    ExchangeKind::Topic => taskq_core::broker::topic_matches(&queue.routing_key, routing_key),
                    ExchangeKind::Fanout => true,
                    ExchangeKind::Headers => false,
                }
        };
        queues.values().filter(takes).cloned().collect()
    }
}

/// Declares queues with their exchanges and bindings, on a channel of its own.
pub(super) async fn declare(shared: &Shared, link: &Link, queues: &[Queue]) -> Result<(), BrokerError> {
    if queues.is_empty() {
        return Ok(());
    }
    let (mut channel, _) = link.channel("declare queues").await?;
    for queue in queues {
        let Err((what, error)) = declare_one(&channel, &shared.options, queue).await? else {
            shared.declared.know(queue);
            continue;
        };
        if !error::is_refused(&error) {
            return Err(failed(&what, link.shown(), error));
        }
        // Not allowed to configure: what is there is used as it is.
        (channel, _) = link.channel("declare queues").await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let look = channel.queue_declare(short("queue", &queue.name)?, passive, FieldTable::default());
        if look.await.is_err() {
            return Err(failed(&what, link.shown(), error));
        }
        tracing::debug!(queue = queue.name, "not allowed to declare; used as it is");
    }
    let _ = channel.close(200, "declared".into()).await;
    Ok(())
}

fn failed(what: &str, at: &str, error: lapin::Error) -> BrokerError {
    let mismatch = error::is_mismatch(&error);
    let error = error::broker(&format!("declare {what}"), at, error);
    if !mismatch {
        return error;
    }
    BrokerError::with_source(
        BrokerErrorKind::Topology,
        format!("{error}; declare it with the arguments it has, or delete it first"),
        error,
    )
}

type Step = Result<(), (String, lapin::Error)>;

async fn declare_one(channel: &Channel, options: &AmqpOptions, queue: &Queue) -> Result<Step, BrokerError> {
    let (name, exchange) = (short("queue", &queue.name)?, short("exchange", &queue.exchange.name)?);
    let key = short("routing key", &queue.routing_key)?;
    let arguments = arguments(queue, options)?;
    let steps = async {
        let named = |what: &str, name: &str| format!("{what} `{name}`");
        if !queue.exchange.name.is_empty() {
            let declared = declare_exchange(channel, &queue.exchange).await;
            declared.map_err(|error| (named("exchange", &queue.exchange.name), error))?;
        }
        let flags = QueueDeclareOptions {
            durable: queue.durable,
            exclusive: queue.exclusive,
            auto_delete: queue.auto_delete,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(name.clone(), flags, arguments).await;
        declared.map_err(|error| (named("queue", &queue.name), error))?;
        if !queue.exchange.name.is_empty() {
            let bound =
                channel.queue_bind(name, exchange, key, QueueBindOptions::default(), FieldTable::default());
            bound.await.map_err(|error| (named("the binding of queue", &queue.name), error))?;
        }
        Ok(())
    };
    Ok(steps.await)
}

/// Declares an exchange that is neither internal nor deleted by itself.
pub(super) async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> lapin::Result<()> {
    let kind = match exchange.kind {
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        ExchangeKind::Headers => lapin::ExchangeKind::Headers,
    };
    let flags = ExchangeDeclareOptions { durable: exchange.durable, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.name.as_str().into(), kind, flags, FieldTable::default()).await
}

/// Whether it is, or will be, a quorum queue.
pub(super) fn is_quorum(queue: &Queue, options: &AmqpOptions) -> bool {
    match queue.arguments.get(QUEUE_TYPE).and_then(Value::as_str) {
        Some(kind) => kind == "quorum",
        None if options.queues_say_type => false,
        // They are durable and belong to nobody.
        None => {
            options.queue_type == QueueType::Quorum && queue.durable && !queue.exclusive && !queue.auto_delete
        }
    }
}

/// The arguments that a queue is declared with: its own, and the defaults of the options.
///
/// # Errors
/// `Config` when one has a name or value that AMQP cannot hold.
pub(super) fn arguments(queue: &Queue, options: &AmqpOptions) -> Result<FieldTable, BrokerError> {
    let mut arguments: Map =
        queue.arguments.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let quorum = is_quorum(queue, options);
    if quorum {
        arguments.entry(QUEUE_TYPE.to_owned()).or_insert_with(|| "quorum".into());
    }
    // RabbitMQ 3 refuses a quorum queue with it.
    let default = options.queue_max_priority.filter(|_| !quorum);
    if let Some(max) = queue.max_priority.or(default) {
        arguments.entry("x-max-priority".to_owned()).or_insert(Value::Int(max.into()));
    }
    let (table, _) = wire::table(&arguments).map_err(|why| {
        BrokerError::new(BrokerErrorKind::Config, format!("arguments of queue `{}`: {why}", queue.name))
    })?;
    Ok(table)
}

/// Declares again what this process once declared and a message was sent to in vain. False when there is none.
pub(super) async fn revive(shared: &Shared, exchange: &str, routing_key: &str) -> Result<bool, BrokerError> {
    if exchange.is_empty() && dead::is_place(routing_key) {
        dead::revive(shared, routing_key).await?;
        return Ok(true);
    }
    if delay::revive(shared, exchange).await? {
        return Ok(true);
    }
    let queues = shared.declared.candidates(exchange, routing_key);
    declare(shared, shared.publisher.link(), &queues).await?;
    if let Some(queue) = queues.first() {
        tracing::warn!(queue = queue.name, "declared a queue again that was deleted");
    }
    Ok(!queues.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_those_that_celery_declares() {
        let mut options = AmqpOptions::default();
        let declared = |queue: &Queue, options: &AmqpOptions| {
            wire::to_map(&arguments(queue, options).unwrap()).into_iter().collect::<Vec<_>>()
        };
        let mut queue = Queue::named("q");
        assert_eq!(declared(&queue, &options), []);
        options.queue_max_priority = Some(10);
        assert_eq!(declared(&queue, &options), [("x-max-priority".to_owned(), Value::Int(10))]);
        queue.max_priority = Some(5);
        assert_eq!(declared(&queue, &options), [("x-max-priority".to_owned(), Value::Int(5))]);
        queue.max_priority = None;
        options.queue_type = QueueType::Quorum;
        assert_eq!(declared(&queue, &options), [("x-queue-type".to_owned(), Value::from("quorum"))]);
        queue.auto_delete = true;
        assert!(!is_quorum(&queue, &options));
        queue.auto_delete = false;
        options.queues_say_type = true;
        assert!(!is_quorum(&queue, &options));
        queue.arguments.insert(QUEUE_TYPE.to_owned(), "quorum".into());
        assert!(is_quorum(&queue, &options));
    }
}
