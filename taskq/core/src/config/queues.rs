//! The setting `task_queues`.

use super::kind::Kind;
use crate::{
    broker::{ExchangeKind, Queue},
    codec::{Map, Value},
};

/// Declared queues, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queues(pub Vec<QueueSpec>);

/// A declared queue. What is `None` comes from the other settings.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    /// Its name. For a broadcast: the name of the exchange; each worker has a queue of its own.
    pub name: String,
    /// Every worker runs each task (kombu's `Broadcast`).
    pub broadcast: bool,
    /// Its exchange; default: of the queue's name.
    pub exchange: Option<String>,
    /// Type of the exchange; default: direct.
    pub exchange_type: Option<ExchangeKind>,
    /// Binding key; default: the queue's name.
    pub routing_key: Option<String>,
    /// `x-…` arguments.
    pub arguments: Map,
    /// Highest priority.
    pub max_priority: Option<u8>,
    /// Survives a broker restart; default true.
    pub durable: Option<bool>,
}

impl QueueSpec {
    /// A queue that has only a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            broadcast: false,
            exchange: None,
            exchange_type: None,
            routing_key: None,
            arguments: Map::default(),
            max_priority: None,
            durable: None,
        }
    }

    /// As a driver declares it. A broadcast gets a queue of a new name each time, which goes with its consumer.
    pub fn to_queue(&self) -> Queue {
        let mut queue = Queue::named(&self.name);
        if self.broadcast {
            queue.name = format!("bcast.{}", uuid::Uuid::new_v4());
            queue.auto_delete = true;
            queue.exchange.kind = ExchangeKind::Fanout;
            queue.routing_key = String::new();
        }
        if let Some(exchange) = &self.exchange {
            queue.exchange.name.clone_from(exchange);
        }
        if let Some(kind) = self.exchange_type {
            queue.exchange.kind = kind;
        }
        if let Some(key) = &self.routing_key {
            queue.routing_key.clone_from(key);
        }
        if let Some(durable) = self.durable {
            queue.durable = durable;
            queue.exchange.durable = durable;
        }
        queue.arguments = self.arguments.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        queue.max_priority = self.max_priority;
        queue
    }

    fn read(value: &Value) -> Result<Self, String> {
        let map = match value {
            Value::Str(name) if !name.is_empty() => return Ok(Self::named(name)),
            Value::Map(map) => map,
            _ => return Err("every queue to be a name or a map".to_owned()),
        };
        let mut queue = Self::named("");
        for (key, value) in map {
            if *value == Value::Null {
                continue;
            }
            queue.set(key, value).map_err(|why| format!("{why} in `{key}` of a queue"))?;
        }
        if queue.name.is_empty() { Err("every queue to have a `name`".to_owned()) } else { Ok(queue) }
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "name" => self.name = Kind::from_value(value)?,
            "broadcast" => {
                self.name = Kind::from_value(value)?;
                self.broadcast = true;
            }
            "exchange" => self.exchange = Some(Kind::from_value(value)?),
            "exchange_type" => self.exchange_type = Some(Kind::from_value(value)?),
            "routing_key" => self.routing_key = Some(Kind::from_value(value)?),
            "arguments" | "queue_arguments" => self.arguments.extend(Map::from_value(value)?),
            "max_priority" => self.max_priority = Some(priority(value)?),
            "durable" => self.durable = Some(Kind::from_value(value)?),
            // kombu's spelling of `x-…` arguments.
            "expires" | "message_ttl" => {
                let seconds = f64::from_value(value)?;
                #[allow(clippy::cast_possible_truncation)] // milliseconds as RabbitMQ wants them
                let millis = Value::Int((seconds * 1000.0) as i64);
                self.arguments.insert(format!("x-{}", key.replace('_', "-")), millis);
            }
            "max_length" | "max_length_bytes" => {
                self.arguments
                    .insert(format!("x-{}", key.replace('_', "-")), u64::from_value(value)?.to_value());
            }
            _ => return Err("no other name than those of kombu's `Queue`".to_owned()),
        }
        Ok(())
    }
}

fn priority(value: &Value) -> Result<u8, String> {
    match value {
        Value::Int(number) => u8::try_from(*number).map_err(|_| "0 to 255".to_owned()),
        _ => Err("0 to 255".to_owned()),
    }
}

/// A list of names or maps; a map of names to maps, as in old Celery; in text, names with commas.
impl Kind for Queues {
    fn expected() -> String {
        "a list of queues, each a name or a map with `name`".into()
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::List(items) => items.iter().map(QueueSpec::read).collect::<Result<_, _>>().map(Self),
            Value::Map(map) => {
                let named = map.iter().map(|(name, value)| match value {
                    Value::Map(inner) => {
                        let mut inner = inner.clone();
                        inner.insert("name".to_owned(), Value::Str(name.clone()));
                        QueueSpec::read(&Value::Map(inner))
                    }
                    Value::Null => Ok(QueueSpec::named(name)),
                    _ => Err(Self::expected()),
                });
                named.collect::<Result<_, _>>().map(Self)
            }
            _ => Err(Self::expected()),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match crate::codec::json::from_slice(text.as_bytes()) {
            Ok(value @ (Value::List(_) | Value::Map(_))) => Self::from_value(&value),
            _ => {
                Ok(Self(<Vec<String> as Kind>::from_text(text)?.into_iter().map(QueueSpec::named).collect()))
            }
        }
    }

    fn to_value(&self) -> Value {
        Value::List(self.0.iter().map(queue_value).collect())
    }
}

fn queue_value(queue: &QueueSpec) -> Value {
    let mut map = Map::default();
    let name = if queue.broadcast { "broadcast" } else { "name" };
    map.insert(name.to_owned(), queue.name.to_value());
    if let Some(exchange) = &queue.exchange {
        map.insert("exchange".to_owned(), exchange.to_value());
    }
    if let Some(kind) = &queue.exchange_type {
        map.insert("exchange_type".to_owned(), kind.to_value());
    }
    if let Some(key) = &queue.routing_key {
        map.insert("routing_key".to_owned(), key.to_value());
    }
    if !queue.arguments.is_empty() {
        map.insert("arguments".to_owned(), queue.arguments.to_value());
    }
    if let Some(max) = queue.max_priority {
        map.insert("max_priority".to_owned(), Value::Int(max.into()));
    }
    if let Some(durable) = &queue.durable {
        map.insert("durable".to_owned(), durable.to_value());
    }
    Value::Map(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn names_maps_and_broadcasts() {
        let value = Value::List(vec![
            Value::Str("low".into()),
            map(&[
                ("name", Value::Str("media".into())),
                ("exchange", Value::Str("ex".into())),
                ("exchange_type", Value::Str("topic".into())),
                ("routing_key", Value::Str("media.#".into())),
                ("max_priority", Value::Int(9)),
                ("message_ttl", Value::Float(1.5)),
            ]),
            map(&[("broadcast", Value::Str("all".into()))]),
        ]);
        let Queues(queues) = Queues::from_value(&value).unwrap();
        assert_eq!(queues[0].to_queue(), Queue::named("low"));
        let media = queues[1].to_queue();
        assert_eq!((media.exchange.kind, media.max_priority), (ExchangeKind::Topic, Some(9)));
        assert_eq!(media.arguments["x-message-ttl"], Value::Int(1500));
        assert_eq!(queues[2].to_queue().exchange.kind, ExchangeKind::Fanout);
        assert_eq!(Queues::from_value(&Queues(queues.clone()).to_value()).unwrap(), Queues(queues));
    }

    #[test]
    fn wrong_queues_say_what_is_expected() {
        let error =
            Queues::from_value(&Value::List(vec![map(&[("nam", Value::Str("x".into()))])])).unwrap_err();
        assert!(error.contains("`nam`"), "{error}");
        assert!(Queues::from_value(&Value::Int(1)).is_err());
    }
}
