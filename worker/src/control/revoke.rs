//! Listens for `revoke`, `terminate` and `ping` on the control exchange, in kombu's pidbox format.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    backend::{State, StoredError, TaskMeta, TaskOutput},
    broker::{Broadcast, BrokerError, Outgoing},
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders, TaskId},
};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::{gate, held::Why, node::Node};

/// Pause before listening again after the broker refused.
const AGAIN: Duration = Duration::from_secs(1);

/// Listens until dropped.
pub(super) async fn listen(node: Arc<Node>, broadcast: Arc<dyn Broadcast>, exchange: String) {
    loop {
        if let Err(error) = hear(&node, broadcast.as_ref(), &exchange).await {
            warn!(%error, exchange, "could not listen for remote control; trying again");
        }
        sleep(AGAIN).await;
    }
}

async fn hear(node: &Node, broadcast: &dyn Broadcast, exchange: &str) -> Result<(), BrokerError> {
    let mut subscription = broadcast.subscribe(exchange, "").await?;
    loop {
        let message = subscription.next().await?;
        match json::from_slice::<Value>(&message.body) {
            Ok(Value::Map(command)) => obey(node, &command).await,
            _ => debug!(exchange, "a control message is no JSON object"),
        }
    }
}

/// Does what a command says, if it is meant for this node and known.
async fn obey(node: &Node, command: &Map) {
    if let Some(Value::List(nodes)) = command.get("destination")
        && !nodes.iter().any(|to| to.as_str() == Some(&node.name))
    {
        return;
    }
    let none = Map::default();
    let arguments = match command.get("arguments") {
        Some(Value::Map(arguments)) => arguments,
        _ => &none,
    };
    let answer = match command.get("method").and_then(Value::as_str) {
        Some("ping") => "pong".to_owned(),
        Some("revoke") => {
            let terminate = arguments.get("terminate").and_then(Value::as_bool).unwrap_or(false);
            revoke(node, &ids(arguments), terminate).await
        }
        Some("revoke_workflow") => {
            let terminate = arguments.get("terminate").and_then(Value::as_bool).unwrap_or(false);
            mark(node, listed(arguments.get("root_id")).iter().map(gate::workflow).collect(), terminate)
        }
        Some("revoke_by_stamped_headers") => {
            let terminate = arguments.get("terminate").and_then(Value::as_bool).unwrap_or(false);
            let stamps = arguments.get("headers").and_then(Value::as_map).unwrap_or(&none);
            mark(node, stamps.iter().flat_map(|(name, value)| gate::stamp(name, value)).collect(), terminate)
        }
        Some("terminate") => revoke(node, &ids(arguments), true).await,
        _ => return,
    };
    if let Some(reply) = reply(node, command, &answer)
        && let Err(error) = node.broker.publish(std::slice::from_ref(&reply)).await
    {
        warn!(%error, "could not answer a control command");
    }
}

fn ids(arguments: &Map) -> Vec<TaskId> {
    listed(arguments.get("task_id"))
}

fn listed(ids: Option<&Value>) -> Vec<TaskId> {
    match ids {
        Some(Value::Str(id)) => vec![TaskId::from(id.as_str())],
        Some(Value::List(ids)) => ids.iter().filter_map(Value::as_str).map(TaskId::from).collect(),
        _ => Vec::new(),
    }
}

/// Revokes all tasks of workflows or with stamps. Each is stored as revoked when its turn comes: which ones there
/// are, nobody knows.
fn mark(node: &Node, marks: Vec<TaskId>, terminate: bool) -> String {
    info!(?marks, terminate, "revoking tasks by workflow or stamp");
    let running = node.held.which(|held| held.is_running() && held.marks.ids().any(|id| marks.contains(&id)));
    let shown: Vec<String> = marks.iter().map(|mark| format!("`{mark}`")).collect();
    node.marked.add(marks);
    if terminate {
        running.iter().for_each(|held| held.cancel(Why::Terminated));
        return format!("terminate: {} running tasks of {}", running.len(), shown.join(", "));
    }
    format!("{} flagged as revoked, but not terminated", shown.join(", "))
}

async fn revoke(node: &Node, ids: &[TaskId], terminate: bool) -> String {
    info!(?ids, terminate, "revoking tasks");
    node.revoked.add(ids.iter().cloned());
    let shown: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let shown = format!("{{{}}}", shown.join(", "));
    let running: Vec<_> = node.held.with_ids(ids).into_iter().filter(|held| held.is_running()).collect();
    if terminate && !running.is_empty() {
        running.iter().for_each(|held| held.cancel(Why::Terminated));
        return format!("terminate: {shown}");
    }
    if let Err(error) = store_revoked(node, ids).await {
        warn!(%error, "could not store REVOKED; it is stored when the task arrives");
    }
    format!("tasks {shown} flagged as revoked")
}

/// Tells those who wait at once, as Celery does: the message may be far down its queue.
async fn store_revoked(node: &Node, ids: &[TaskId]) -> Result<(), taskq_core::backend::BackendError> {
    let running = node.held.with_ids(ids);
    let metas: Vec<TaskMeta> = ids
        .iter()
        .zip(node.backend.fetch(ids).await?)
        .filter(|(id, known)| {
            let waits = known.as_ref().is_none_or(|meta| {
                matches!(meta.state, State::Pending | State::Received | State::Retry | State::Rejected)
            });
            waits && !running.iter().any(|held| held.id == **id && held.is_running())
        })
        .map(|(id, _)| {
            let error = StoredError::celery("TaskRevokedError", "revoked");
            let mut meta = TaskMeta::new(id.clone(), State::Revoked, TaskOutput::Error(error));
            meta.children = None;
            meta.date_done = Some(node.now());
            meta
        })
        .collect();
    if metas.is_empty() { Ok(()) } else { node.backend.store(&metas).await }
}

fn reply(node: &Node, command: &Map, answer: &str) -> Option<Outgoing> {
    let Some(Value::Map(to)) = command.get("reply_to") else { return None };
    let ticket = command.get("ticket").cloned().unwrap_or_default();
    let map = |entries: [(&str, Value); 1]| -> Map {
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let body = map([(&node.name, Value::Map(map([("ok", Value::Str(answer.to_owned()))])))]);
    let mut headers = map([("ticket", ticket)]);
    headers.insert("clock".into(), Value::Int(i64::try_from(node.app.tick()).unwrap_or(i64::MAX)));
    Some(Outgoing {
        message: Message {
            headers: RawHeaders(json::to_bytes(&headers).ok()?),
            properties: Properties { delivery_mode: DeliveryMode::Transient, ..Properties::default() },
            content_type: Some("application/json".into()),
            content_encoding: Some("utf-8".into()),
            body: json::to_bytes(&body).ok()?,
        },
        exchange: to.get("exchange")?.as_str()?.to_owned(),
        routing_key: to.get("routing_key")?.as_str()?.to_owned(),
        not_before: None,
    })
}
