//! `GET /api/queues/length`: how many messages wait.

use axum::{extract::State, http::StatusCode};
use taskq_core::{
    broker::QueueStats,
    codec::{Map, Value, json as dialect},
};
use url::Url;

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
    let rabbit = transport.starts_with("amqp");
    if rabbit && let Some(api) = &shared.options.broker_api {
        let queues = managed(&shared, api).await;
        return Ok(json(Map::from_iter([("active_queues".to_owned(), Value::List(queues))])));
    }
    match stats(&shared).await {
        Ok(stats) => {
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

/// Everything that RabbitMQ's management API says of the queues; nothing while it says nothing.
async fn managed(shared: &Shared, api: &str) -> Vec<Value> {
    let broker = Url::parse(&shared.app.settings().broker_url.expose());
    let vhost = broker.map(|url| url.path().trim_start_matches('/').to_owned()).unwrap_or_default();
    let vhost = if vhost.is_empty() { "%2F".to_owned() } else { vhost.replace('/', "%2F") };
    let url = format!("{}/queues/{vhost}", api.trim_end_matches('/'));
    let told = match shared.auth.web.get(url, None).await {
        Ok(told) => told,
        Err(why) => {
            tracing::warn!(why, "could not ask the management API of RabbitMQ");
            return Vec::new();
        }
    };
    let names = names(shared);
    let ours =
        told.as_array().into_iter().flatten().filter(|queue| {
            queue["name"].as_str().is_some_and(|name| names.iter().any(|known| known == name))
        });
    ours.filter_map(|queue| dialect::from_slice(queue.to_string().as_bytes()).ok()).collect()
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
