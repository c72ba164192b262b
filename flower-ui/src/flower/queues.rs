//! `GET /api/queues/length`: how many messages wait.

use axum::{extract::State, http::StatusCode};
use taskq_core::{
    broker::QueueStats,
    codec::{Map, Value},
};

use crate::server::{Answer, Refusal, Shared, json};

/// The transports that Flower can look into.
const OF_FLOWER: &[&str] = &["amqp", "amqps", "redis", "rediss", "redis+socket", "sentinel", "unix"];

pub(super) async fn length(State(shared): State<Shared>) -> Answer {
    let settings = shared.app.settings();
    let transport = settings.broker_url.scheme();
    let strict = shared.options.strict();
    if strict && !OF_FLOWER.contains(&&*transport) {
        let text = format!("'{transport}' broker is not supported");
        return Err(Refusal::text(StatusCode::NOT_FOUND, "unsupported_broker", text));
    }
    match stats(&shared).await {
        Ok(stats) => {
            let rabbit = transport.starts_with("amqp");
            let queues: Vec<Value> = stats.into_iter().map(|stats| shown(stats, rabbit)).collect();
            Ok(json(Map::from_iter([("active_queues".to_owned(), Value::List(queues))])))
        }
        Err(error) => {
            tracing::warn!(%error, "could not look into the queues");
            match strict {
                true => Err(Refusal::html(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "")),
                false => Err(Refusal::unavailable()),
            }
        }
    }
}

/// The queues that workers consume, else those of the settings.
pub(crate) fn names(shared: &Shared) -> Vec<String> {
    let names = shared.workers.queues();
    if !names.is_empty() {
        return names;
    }
    let routing = shared.app.routing();
    let mut names: Vec<String> = routing.worker_queues().iter().map(|queue| queue.name.clone()).collect();
    names.push(shared.app.settings().task_default_queue.clone());
    names.sort();
    names.dedup();
    names
}

async fn stats(shared: &Shared) -> Result<Vec<QueueStats>, taskq_core::Error> {
    let Some(admin) = shared.app.broker().await?.admin() else { return Ok(Vec::new()) };
    Ok(admin.stats(&names(shared)).await?)
}

/// With the names of RabbitMQ's management API where that is what Flower shows.
fn shown(stats: QueueStats, rabbit: bool) -> Value {
    if !rabbit {
        return [("name", Value::from(stats.queue)), ("messages", Value::from(stats.ready))]
            .into_iter()
            .collect();
    }
    [
        ("name", Value::from(stats.queue)),
        ("messages", Value::from(stats.ready + stats.in_flight)),
        ("messages_ready", Value::from(stats.ready)),
        ("messages_unacknowledged", Value::from(stats.in_flight)),
    ]
    .into_iter()
    .collect()
}
