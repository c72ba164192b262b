//! Queues, exchanges and bindings, in kombu's terms.

use std::collections::BTreeMap;

use crate::codec::Value;

/// What must exist before messages flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The queues, each with its exchange and binding.
    pub queues: Vec<Queue>,
}

/// A queue and its binding. Defaults are kombu's.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The exchange it is bound to.
    pub exchange: Exchange,
    /// The binding key. Default: the queue's name.
    pub routing_key: String,
    /// Survives a broker restart. Default true.
    pub durable: bool,
    /// Belongs to one connection. Default false.
    pub exclusive: bool,
    /// Is deleted with its last consumer. Default false.
    pub auto_delete: bool,
    /// `x-…` arguments of the queue.
    pub arguments: BTreeMap<String, Value>,
    /// The highest priority (`x-max-priority`), where the broker wants to know it.
    pub max_priority: Option<u8>,
}

impl Queue {
    /// A durable queue on a direct exchange, both of that name, bound by that name: what Celery creates for
    /// a queue that is only named.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            exchange: Exchange::direct(name.clone()),
            routing_key: name.clone(),
            name,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: BTreeMap::new(),
            max_priority: None,
        }
    }
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its name; `""` is the anonymous one.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Survives a broker restart. Default true.
    pub durable: bool,
}

impl Exchange {
    /// A durable direct exchange.
    pub fn direct(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: ExchangeKind::Direct, durable: true }
    }
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Equal keys.
    #[default]
    Direct,
    /// Patterns with `*` and `#`.
    Topic,
    /// To every bound queue.
    Fanout,
    /// By headers (AMQP only).
    Headers,
}

impl ExchangeKind {
    /// AMQP's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
            Self::Fanout => "fanout",
            Self::Headers => "headers",
        }
    }

    /// Reads AMQP's name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "topic" => Some(Self::Topic),
            "fanout" => Some(Self::Fanout),
            "headers" => Some(Self::Headers),
            _ => None,
        }
    }
}
