//! RabbitMQ's management API: what AMQP does not tell. Read only, and never needed to work.
//!
//! Its numbers are some seconds old (`collect_statistics_interval`).

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use taskq_core::{
    broker::{Binding, BrokerError, BrokerErrorKind, Rates},
    config::ServiceUrl,
};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Queues in one answer: the most that the API gives.
const PAGE: usize = 500;

/// A client of the API for one virtual host.
pub(crate) struct Management {
    agent: Agent,
    url: Arc<ServiceUrl>,
    vhost: String,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Management(`{}`)", self.url)
    }
}

/// A queue, as the API tells.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ListedQueue {
    pub(crate) name: String,
    /// Delivered and not settled.
    #[serde(default, rename = "messages_unacknowledged")]
    pub(crate) in_flight: u64,
    /// What its policies, the operators' too, come to.
    #[serde(default, rename = "effective_policy_definition", deserialize_with = "or_default")]
    pub(crate) policy: Policy,
    /// Absent until the first message.
    #[serde(default, rename = "message_stats")]
    flow: Flow,
}

impl ListedQueue {
    pub(crate) fn rates(&self) -> Rates {
        let Flow { published, delivered, settled } = self.flow;
        Rates { published: published.rate, delivered: delivered.rate, settled: settled.rate }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Flow {
    #[serde(rename = "publish_details")]
    published: Rate,
    #[serde(rename = "deliver_get_details")]
    delivered: Rate,
    #[serde(rename = "ack_details")]
    settled: Rate,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Rate {
    rate: f64,
}

/// A binding, as the API tells.
#[derive(Debug, Deserialize)]
struct ListedBinding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
}

/// What policies say of a queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Policy {
    /// In milliseconds.
    pub(crate) consumer_timeout: Option<u64>,
}

/// The API writes an empty list where it has no table.
fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + DeserializeOwned,
    D: Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(from)?;
    Ok(T::deserialize(value).unwrap_or_default())
}

/// A queue, with what it is set to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DetailedQueue {
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) durable: bool,
    #[serde(default, deserialize_with = "fields")]
    arguments: Fields,
    /// What all policies that match it come to.
    #[serde(default, deserialize_with = "fields")]
    effective_policy_definition: Fields,
}

type Fields = serde_json::Map<String, serde_json::Value>;

/// An object; the API writes an empty one as a list.
fn fields<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Fields, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::Object(fields) => fields,
        _ => Fields::new(),
    })
}

impl DetailedQueue {
    /// What it is set to, by a policy or by its arguments.
    pub(crate) fn setting(&self, key: &str) -> Option<&serde_json::Value> {
        self.effective_policy_definition.get(key).or_else(|| self.arguments.get(&format!("x-{key}")))
    }

    /// A setting that is a time.
    pub(crate) fn milliseconds(&self, key: &str) -> Option<Duration> {
        self.setting(key)?.as_u64().map(Duration::from_millis)
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) mem_alarm: bool,
    #[serde(default)]
    pub(crate) disk_free_alarm: bool,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    page_count: usize,
}

impl Management {
    /// A client; nothing is asked yet.
    pub(crate) fn new(url: ServiceUrl, vhost: &str) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder().timeout_global(Some(DEADLINE)).tls_config(tls).build().into();
        Self { agent, url: Arc::new(url), vhost: vhost.to_owned() }
    }

    /// The queues of tasks in the virtual host.
    pub(crate) async fn queues(&self) -> Result<Vec<ListedQueue>, BrokerError> {
        let mut queues = self.all_queues().await?;
        queues.retain(|queue| is_of_tasks(&queue.name));
        Ok(queues)
    }

    /// All queues in the virtual host, those of dead letters, too.
    pub(crate) async fn all_queues(&self) -> Result<Vec<ListedQueue>, BrokerError> {
        let mut queues = Vec::new();
        for page in 1.. {
            let path = format!("queues/{}?page={page}&page_size={PAGE}", encode(&self.vhost));
            let answer: Page<ListedQueue> = self.get(path).await?;
            queues.extend(answer.items);
            if page >= answer.page_count {
                break;
            }
        }
        Ok(queues)
    }

    /// The same queues with what they are set to.
    pub(crate) async fn details(&self) -> Result<Vec<DetailedQueue>, BrokerError> {
        self.get(format!("queues/{}", encode(&self.vhost))).await
    }

    /// The nodes of the cluster.
    pub(crate) async fn nodes(&self) -> Result<Vec<Node>, BrokerError> {
        self.get("nodes".to_owned()).await
    }

    /// What leads to the queues of tasks.
    pub(crate) async fn bindings(&self) -> Result<Vec<Binding>, BrokerError> {
        let listed: Vec<ListedBinding> = self.get(format!("bindings/{}", encode(&self.vhost))).await?;
        let is_queue = |listed: &ListedBinding| listed.destination_type == "queue";
        let queues = listed.into_iter().filter(|listed| is_queue(listed) && is_of_tasks(&listed.destination));
        Ok(queues
            .map(|listed| Binding {
                exchange: listed.source,
                routing_key: listed.routing_key,
                queue: listed.destination,
            })
            .collect())
    }

    async fn get<T: DeserializeOwned + Send + 'static>(&self, path: String) -> Result<T, BrokerError> {
        let (agent, url) = (self.agent.clone(), Arc::clone(&self.url));
        let asked = tokio::task::spawn_blocking(move || {
            let base = url.expose().trim_end_matches('/').to_owned();
            let answer = agent.get(format!("{base}/{path}")).call();
            answer.and_then(|mut answer| answer.body_mut().read_json::<T>())
        });
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            BrokerError::with_source(
                BrokerErrorKind::Connection,
                format!("could not ask the management API at `{}`", self.url),
                error,
            )
        };
        asked.await.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))
    }
}

/// Whether people put tasks into it: not ours, nor Celery's own.
fn is_of_tasks(name: &str) -> bool {
    let internal = ["celery_delayed_", "taskq:dead:", "celeryev.", "amq.gen-", "bcast."];
    !internal.iter().any(|prefix| name.starts_with(prefix)) && !name.ends_with(".pidbox")
}

/// A name as one segment of a path.
fn encode(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(byte.into()),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_segment() {
        assert_eq!(encode("/"), "%2F");
        assert_eq!(encode("a b/ü"), "a%20b%2F%C3%BC");
    }

    #[test]
    fn what_serves_others_is_no_queue_of_tasks() {
        for name in ["celery_delayed_3", "taskq:dead:q", "celeryev.1", "w@h.celery.pidbox"] {
            assert!(!is_of_tasks(name), "{name}");
        }
        assert!(is_of_tasks("celery"));
    }
}
