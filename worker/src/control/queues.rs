//! Queues: `add_consumer`, `cancel_consumer`, `active_queues`.

use taskq_core::{
    broker::{Exchange, ExchangeKind, Queue, Topology},
    codec::{Map, Value},
    control::{nok, ok},
};
use tokio::sync::oneshot;
use tracing::info;

use super::{
    args::{Args, value_error},
    panel::{Done, Panel},
};
use crate::consume::Ask;

pub(super) async fn add(panel: &Panel, args: &Args<'_>) -> Done {
    let name = args.text("queue")?;
    let text = |name| args.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut queue = match panel.node.app.routing().queue(name) {
        Ok(queue) => queue.as_ref().clone(),
        Err(_) => Queue::named(name), // asked for by name: `task_create_missing_queues` is for routes
    };
    if let Some(exchange) = text("exchange") {
        let kind = text("exchange_type").unwrap_or("direct");
        let kind = ExchangeKind::from_name(kind)
            .ok_or_else(|| value_error(format!("there is no exchange type `{kind}`")))?;
        queue.exchange = Exchange { kind, ..Exchange::direct(exchange) };
    }
    if let Some(key) = text("routing_key") {
        queue.routing_key = key.to_owned();
    }
    let topology = Topology { queues: vec![queue] };
    if let Err(error) = panel.node.broker.declare(&topology).await {
        return Ok(nok(error.to_string()));
    }
    let mut queues = panel.node.queues();
    queues.retain(|known| known.name != name);
    queues.extend(topology.queues);
    change(panel, queues, format!("add consumer {name}")).await
}

pub(super) async fn cancel(panel: &Panel, args: &Args<'_>) -> Done {
    let name = args.text("queue")?;
    let mut queues = panel.node.queues();
    queues.retain(|known| known.name != name);
    change(panel, queues, format!("no longer consuming from {name}")).await
}

async fn change(panel: &Panel, queues: Vec<Queue>, done: String) -> Done {
    let (tell, told) = oneshot::channel();
    if panel.asks.send(Ask::Queues(queues, tell)).await.is_err() {
        return Ok(nok("the worker stops"));
    }
    match told.await {
        Ok(Ok(())) => {
            info!("{done}");
            Ok(ok(done))
        }
        Ok(Err(error)) => Ok(nok(error.to_string())),
        Err(_) => Ok(nok("the worker stops")),
    }
}

pub(super) fn active(panel: &Panel, args: &Args<'_>) -> Done {
    args.only(&[])?;
    Ok(panel.node.queues().iter().map(shown).collect())
}

/// As kombu's `Queue.as_dict`.
fn shown(queue: &Queue) -> Value {
    let exchange: Value = [
        ("name", Value::from(queue.exchange.name.as_str())),
        ("type", Value::from(queue.exchange.kind.as_str())),
        ("arguments", Value::Null),
        ("durable", Value::Bool(queue.exchange.durable)),
        ("passive", Value::Bool(false)),
        ("auto_delete", Value::Bool(false)),
        ("delivery_mode", Value::Null),
        ("no_declare", Value::Bool(false)),
    ]
    .into_iter()
    .collect();
    let arguments = match queue.arguments.is_empty() {
        true => Value::Null,
        false => Value::Map(queue.arguments.clone().into_iter().collect::<Map>()),
    };
    [
        ("name", Value::from(queue.name.as_str())),
        ("exchange", exchange),
        ("routing_key", Value::from(queue.routing_key.as_str())),
        ("queue_arguments", arguments),
        ("binding_arguments", Value::Null),
        ("consumer_arguments", Value::Null),
        ("durable", Value::Bool(queue.durable)),
        ("exclusive", Value::Bool(queue.exclusive)),
        ("auto_delete", Value::Bool(queue.auto_delete)),
        ("no_ack", Value::Bool(false)),
        ("alias", Value::Null),
        ("bindings", Value::List(Vec::new())),
        ("no_declare", Value::Null),
        ("expires", Value::Null),
        ("message_ttl", Value::Null),
        ("max_length", Value::Null),
        ("max_length_bytes", Value::Null),
        ("max_priority", Value::from(queue.max_priority)),
    ]
    .into_iter()
    .collect()
}
