//! The body: `[args, kwargs, {callbacks, errbacks, chain, chord}]`.
//!
//! Arguments are kept as they came and decoded once, straight into the task's argument struct.

use bytes::Bytes;

use super::{Message, Protocol, TaskMessage};
use crate::codec::{CodecError, Map, Serializer, Value};

/// A decoded body.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The arguments.
    pub arguments: Arguments,
    /// Links, chain, chord.
    pub embed: Embed,
}

/// What follows a task, as signature maps. Signatures stay [`Value`]s here: what Python wrote is passed on as
/// it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embed {
    /// Sent after success.
    pub callbacks: Option<Vec<Value>>,
    /// Sent after failure.
    pub errbacks: Option<Vec<Value>>,
    /// The rest of the chain in reverse order: the next step is the last element.
    pub chain: Option<Vec<Value>>,
    /// The body of the chord this task is a header member of.
    pub chord: Option<Value>,
}

/// How a task leads to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leads {
    /// As a callback or errback.
    Callback,
    /// As a later step of its chain.
    Chain,
    /// As the body of its chord, or what follows it.
    Chord,
}

impl Embed {
    /// Whether the task of that id is sent once this one has ended, at once or later.
    pub fn leads_to(&self, id: &str) -> Option<Leads> {
        let all = |signatures: &Option<Vec<Value>>| {
            signatures.iter().flatten().any(|signature| names(signature, id))
        };
        if self.chord.as_ref().is_some_and(|body| names(body, id)) {
            Some(Leads::Chord)
        } else if all(&self.chain) {
            Some(Leads::Chain)
        } else {
            (all(&self.callbacks) || all(&self.errbacks)).then_some(Leads::Callback)
        }
    }
}

/// Whether a signature, or one inside it, has that id.
fn names(value: &Value, id: &str) -> bool {
    match value {
        Value::Map(map) => {
            map.get("task_id").and_then(Value::as_str) == Some(id)
                || map.values().any(|value| names(value, id))
        }
        Value::List(values) => values.iter().any(|value| names(value, id)),
        _ => false,
    }
}

/// The arguments of a call.
#[derive(Clone, Debug)]
pub enum Arguments {
    /// A JSON body that was not decoded: the raw list and the raw object.
    Raw {
        /// JSON list.
        args: Bytes,
        /// JSON object.
        kwargs: Bytes,
    },
    /// Decoded values (msgpack, yaml, version 1).
    Values {
        /// Positional.
        args: Vec<Value>,
        /// By name.
        kwargs: Map,
    },
}

impl Default for Arguments {
    fn default() -> Self {
        Self::Values { args: Vec::new(), kwargs: Map::default() }
    }
}

/// A parameter of a task, for mapping Python's positional and keyword arguments to names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParamKind,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// One argument, always.
    Required,
    /// One argument; the argument struct has a default when it is absent.
    Optional,
    /// All further positional arguments (`*args`), as a list. Always the last positional parameter.
    Rest,
    /// All further keyword arguments (`**kwargs`), as a map. Always last.
    RestByName,
}

impl Arguments {
    /// Maps positional and keyword arguments to `params` and decodes them into `A` in one go (`A` is a struct
    /// whose fields are the parameters).
    ///
    /// # Errors
    /// The text Python would give in its `TypeError`: missing, surplus, unknown or doubled argument; or which
    /// argument has the wrong type.
    pub fn bind<A: serde::de::DeserializeOwned>(
        &self,
        task: &str,
        params: &'static [Param],
    ) -> Result<A, CodecError> {
        bind::bind(self, task, params)
    }

    /// The value of one parameter, wherever it was given; `None` when it was not. Nothing else is checked.
    ///
    /// # Errors
    /// When the arguments cannot be read.
    pub fn value_of(&self, params: &[Param], name: &str) -> Result<Option<Value>, CodecError> {
        let (mut args, mut kwargs) = self.to_values()?;
        let by_position = |param: &Param| matches!(param.kind, ParamKind::Required | ParamKind::Optional);
        let place = params.iter().take_while(|param| by_position(param)).position(|param| param.name == name);
        Ok(match place {
            Some(place) if place < args.len() => Some(args.swap_remove(place)),
            _ => kwargs.swap_remove(name),
        })
    }

    /// The arguments as values.
    ///
    /// # Errors
    /// When a raw body turns out not to be what JSON says.
    pub fn to_values(&self) -> Result<(Vec<Value>, Map), CodecError> {
        match self {
            Self::Values { args, kwargs } => Ok((args.clone(), kwargs.clone())),
            Self::Raw { args, kwargs } => {
                Ok((crate::codec::json::from_slice(args)?, crate::codec::json::from_slice(kwargs)?))
            }
        }
    }
}

mod bind;

pub(super) fn encode(
    task: TaskMessage,
    protocol: Protocol,
    serializer: Serializer,
    compression: Option<&str>,
) -> Result<Message, CodecError> {
    encode::encode(task, protocol, serializer, compression)
}

mod encode;
