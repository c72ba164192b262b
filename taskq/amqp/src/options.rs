//! Options of the driver: kombu's names where kombu has them.

use std::{path::PathBuf, time::Duration};

use taskq_core::{
    broker::{BrokerError, BrokerErrorKind},
    codec::{Map, Value},
    config::ServiceUrl,
};

/// What kind a queue is that does not say (`x-queue-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueType {
    /// One node holds it. RabbitMQ's default.
    #[default]
    Classic,
    /// Replicated; counts deliveries.
    Quorum,
}

impl QueueType {
    /// RabbitMQ's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }
}

/// Options of the AMQP broker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AmqpOptions {
    /// Interval of heartbeats; a connection is given up after twice that in silence, by RabbitMQ after at most
    /// three times. `None`: none. Whole seconds; `heartbeat` in an address wins. Default 2 s, so that a half-open
    /// connection costs less than 10 s on both sides.
    pub heartbeat: Option<Duration>,
    /// The longest wait for one connection. Celery: `broker_connection_timeout`. Default 4 s.
    pub connect_timeout: Duration,
    /// The longest wait for the confirmation of a publication, also while the broker blocks publishers.
    /// Default 30 s.
    pub publish_timeout: Duration,
    /// The name that the management pages show.
    pub client_name: Option<String>,
    /// More of what the client tells of itself.
    pub client_properties: Vec<(String, String)>,
    /// SASL method: `PLAIN` (default), `AMQPLAIN` or `EXTERNAL`. Celery: `broker_login_method`.
    pub login_method: Option<String>,
    /// TLS also where the address is `amqp://`. Celery: `broker_use_ssl`.
    pub tls: bool,
    /// PEM file of authorities that are trusted beside the system's. kombu: `ca_certs`.
    pub ca_certs: Option<PathBuf>,
    /// PEM files of the client's certificate and key. kombu: `certfile`, `keyfile`.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate must have. Default: the host. kombu: `server_hostname`.
    pub server_name: Option<String>,
    /// Start with a random one of several addresses. Celery: `broker_failover_strategy = "shuffle"`.
    pub shuffle: bool,
    /// `x-max-priority` of every queue that does not say. Celery: `task_queue_max_priority`.
    pub queue_max_priority: Option<u8>,
    /// Type of the queues of dead letters, and of every queue that does not say, if such a one is not classic
    /// (`queues_say_type`). Celery: `task_default_queue_type`.
    pub queue_type: QueueType,
    /// Whether a queue that does not say its type is classic, as Celery has it: who names the queue says it then.
    /// Default false.
    pub queues_say_type: bool,
    /// Type of the queues in which delayed messages wait. Default quorum, which hands them on without a loss
    /// when they are due. Celery: `broker_native_delayed_delivery_queue_type`.
    pub delayed_queue_type: QueueType,
    /// `consumer_timeout` of the servers, which no client can read: how long they let a message be held unsettled.
    /// A worker warns of time limits above it. `None`: for ever. Default 30 min, RabbitMQ's own.
    pub consumer_timeout: Option<Duration>,
    /// RabbitMQ's management API with its login, `http://guest:guest@host:15672/api/`: asked for what AMQP does
    /// not tell. Flower: `broker_api`.
    pub management: Option<ServiceUrl>,
}

impl Default for AmqpOptions {
    fn default() -> Self {
        Self {
            heartbeat: Some(Duration::from_secs(2)),
            connect_timeout: Duration::from_secs(4),
            publish_timeout: Duration::from_secs(30),
            client_name: None,
            client_properties: Vec::new(),
            login_method: None,
            tls: false,
            ca_certs: None,
            client_cert: None,
            server_name: None,
            shuffle: false,
            queue_max_priority: None,
            queue_type: QueueType::default(),
            queues_say_type: false,
            delayed_queue_type: QueueType::Quorum,
            consumer_timeout: Some(Duration::from_secs(1_800)),
            management: None,
        }
    }
}

/// Options of kombu and py-amqp that have no meaning here; accepted so that a Celery configuration loads.
/// Publications are always confirmed.
const NO_EFFECT: &[&str] = &[
    "confirm_publish",
    "confirm_timeout",
    "connection_errors",
    "frame_max",
    "interval_max",
    "interval_start",
    "interval_step",
    "locale",
    "max_retries",
    "queue_order_strategy",
    "read_timeout",
    "write_timeout",
    "socket_settings",
    "visibility_timeout",
];

impl AmqpOptions {
    /// Reads Celery's `broker_transport_options`.
    ///
    /// # Errors
    /// Names an option that is not known or has the wrong type.
    pub fn from_map(map: &Map) -> Result<Self, BrokerError> {
        let mut options = Self::default();
        for (name, value) in map {
            options.set(name, value).map_err(|expected| {
                BrokerError::new(
                    BrokerErrorKind::Config,
                    format!("`broker_transport_options`: `{name}` {expected}"),
                )
            })?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| "must be a text".to_owned());
        let seconds = || {
            value
                .as_f64()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .ok_or_else(|| "must be a number of seconds".to_owned())
        };
        match name {
            "heartbeat" => self.heartbeat = Some(seconds()?).filter(|interval| !interval.is_zero()),
            "connect_timeout" => self.connect_timeout = seconds()?,
            "consumer_timeout" => {
                self.consumer_timeout = Some(seconds()?).filter(|timeout| !timeout.is_zero());
            }
            "publish_timeout" => self.publish_timeout = seconds()?,
            "login_method" => self.login_method = Some(text()?),
            "client_properties" => {
                let map = value.as_map().ok_or("must be a map")?;
                for (name, value) in map {
                    let value = value.as_str().ok_or("must be a map of texts")?;
                    self.client_properties.push((name.clone(), value.to_owned()));
                }
            }
            _ if NO_EFFECT.contains(&name) => {}
            _ => return Err("is not an option of the AMQP transport".to_owned()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn celerys_names_are_read_and_others_refused() {
        let read = |name: &str, value: Value| {
            AmqpOptions::from_map(&[(name.to_owned(), value)].into_iter().collect())
        };
        assert_eq!(read("heartbeat", Value::Int(0)).unwrap().heartbeat, None);
        assert_eq!(
            read("connect_timeout", Value::Float(1.5)).unwrap().connect_timeout.as_secs_f64().to_bits(),
            1.5_f64.to_bits()
        );
        assert!(read("confirm_publish", Value::Bool(false)).is_ok());
        let wrong = |name, value| read(name, value).unwrap_err().to_string();
        assert!(wrong("hartbeat", Value::Int(1)).contains("`hartbeat` is not an option"));
        assert!(wrong("heartbeat", Value::from("x")).contains("must be a number of seconds"));
    }
}
