//! The options of a call as the map inside a signature, with Celery's keys.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::Signature;
use crate::{
    Error, ErrorKind, Timestamp,
    broker::ExchangeKind,
    codec::{Map, Serializer, Value},
    protocol::{DeliveryMode, TaskId, format_timestamp, parse_timestamp},
    send::{Expiry, RetryPolicy, SendOptions},
};

/// A wrong value; the key is added by the caller.
struct Wrong(&'static str);

impl SendOptions {
    /// Celery's map of the options. Options that are not set are not in it.
    pub fn to_map(&self) -> Map {
        let mut map = Map::default();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        let text = |text: &Option<String>| text.clone().map(Value::Str);
        let seconds = |duration: Option<Duration>| duration.map(seconds_value);
        let id = |id: &Option<TaskId>| id.as_ref().map(|id| Value::Str(id.to_string()));
        put("task_id", id(&self.task_id));
        put("countdown", seconds(self.countdown));
        put("eta", self.eta.map(|at| Value::Str(format_timestamp(at))));
        put(
            "expires",
            self.expires.map(|expiry| match expiry {
                Expiry::After(delay) => seconds_value(delay),
                Expiry::At(at) => Value::Str(format_timestamp(at)),
            }),
        );
        put("link", links(&self.link));
        put("link_error", links(&self.link_error));
        put("shadow", text(&self.shadow));
        put("argsrepr", text(&self.argsrepr));
        put("kwargsrepr", text(&self.kwargsrepr));
        put("queue", text(&self.queue));
        put("exchange", text(&self.exchange));
        put("exchange_type", self.exchange_type.map(|kind| Value::Str(kind.as_str().to_owned())));
        put("routing_key", text(&self.routing_key));
        put("priority", self.priority.map(|priority| Value::Int(priority.into())));
        put("serializer", self.serializer.map(|format| Value::Str(format.name().to_owned())));
        put("compression", text(&self.compression));
        put("headers", (!self.headers.is_empty()).then(|| Value::Map(self.headers.clone())));
        put("retry", self.retry.map(Value::Bool));
        put("retry_policy", self.retry_policy.map(|policy| Value::Map(policy.to_map())));
        put("time_limit", seconds(self.time_limit));
        put("soft_time_limit", seconds(self.soft_time_limit));
        put("ignore_result", self.ignore_result.map(Value::Bool));
        put("add_to_parent", self.add_to_parent.map(Value::Bool));
        put("delivery_mode", self.delivery_mode.map(|mode| Value::Int(mode.as_u8().into())));
        put("timeout", seconds(self.timeout));
        put("reply_to", text(&self.reply_to));
        put("correlation_id", text(&self.correlation_id));
        if let Some(flow) = &self.flow {
            put("group_id", text(&flow.group_id));
            put("group_index", flow.group_index.map(Value::Int));
            put("chord", flow.chord.clone());
            put("chain", flow.chain.clone().map(Value::List));
            put("root_id", id(&flow.root_id));
            put("parent_id", id(&flow.parent_id));
            let number = |n: u32| (n > 0).then(|| Value::Int(n.into()));
            put("replaced_task_nesting", number(flow.replaced_task_nesting));
            put("retries", number(flow.retries));
        }
        if !self.stamps.is_empty() {
            let names = self.stamps.keys().cloned().map(Value::Str).collect();
            put("stamped_headers", Some(Value::List(names)));
        }
        map.extend(self.stamps.clone());
        map.extend(self.properties.clone());
        map
    }

    /// Reads Celery's map. Keys that are no options become message properties, as in `apply_async`.
    ///
    /// # Errors
    /// When a value has the wrong type; names the key.
    pub fn from_map(mut map: Map) -> Result<Self, Error> {
        let mut options = Self::default();
        if let Some(Value::List(names)) = map.shift_remove("stamped_headers") {
            for name in names.iter().filter_map(Value::as_str) {
                if let Some(value) = map.shift_remove(name) {
                    options.stamps.insert(name.to_owned(), value);
                }
            }
        }
        for (key, value) in map {
            if value == Value::Null {
                continue;
            }
            if let Err(Wrong(expected)) = options.read(&key, value) {
                return Err(Error::new(ErrorKind::Decode, format!("option `{key}` is not {expected}")));
            }
        }
        Ok(options)
    }

    fn read(&mut self, key: &str, value: Value) -> Result<(), Wrong> {
        match key {
            "task_id" => self.task_id = Some(text(value)?.into()),
            "countdown" => self.countdown = Some(seconds(&value)?),
            "eta" => self.eta = Some(time(value)?),
            "expires" => {
                self.expires = Some(match value {
                    Value::Int(_) | Value::Float(_) => Expiry::After(seconds(&value)?),
                    value => Expiry::At(time(value)?),
                });
            }
            "link" => self.link = signatures(value)?,
            "link_error" => self.link_error = signatures(value)?,
            "shadow" => self.shadow = Some(text(value)?),
            "argsrepr" => self.argsrepr = Some(text(value)?),
            "kwargsrepr" => self.kwargsrepr = Some(text(value)?),
            "queue" => self.queue = Some(text(value)?),
            "exchange" => self.exchange = Some(text(value)?),
            "exchange_type" => {
                self.exchange_type =
                    Some(ExchangeKind::from_name(&text(value)?).ok_or(Wrong("a type of exchange"))?);
            }
            "routing_key" => self.routing_key = Some(text(value)?),
            "priority" => {
                let priority = value.as_i64().and_then(|n| u8::try_from(n).ok());
                self.priority = Some(priority.ok_or(Wrong("a priority"))?);
            }
            "serializer" => {
                let format = Serializer::from_name(&text(value)?);
                self.serializer = Some(format.map_err(|_| Wrong("a known serializer"))?);
            }
            "compression" => self.compression = Some(text(value)?),
            "headers" => self.headers = value_map(value)?,
            "retry" => self.retry = Some(truth(&value)?),
            "retry_policy" => self.retry_policy = Some(RetryPolicy::from_map(&value_map(value)?)),
            "time_limit" => self.time_limit = Some(seconds(&value)?),
            "soft_time_limit" => self.soft_time_limit = Some(seconds(&value)?),
            "ignore_result" => self.ignore_result = Some(truth(&value)?),
            "add_to_parent" => self.add_to_parent = Some(truth(&value)?),
            "delivery_mode" => {
                self.delivery_mode = Some(match &value {
                    Value::Int(1) => DeliveryMode::Transient,
                    Value::Str(name) if name == "transient" => DeliveryMode::Transient,
                    _ => DeliveryMode::Persistent,
                });
            }
            "timeout" => self.timeout = Some(seconds(&value)?),
            "reply_to" => self.reply_to = Some(text(value)?),
            "correlation_id" => self.correlation_id = Some(text(value)?),
            "group_id" => self.flow_mut().group_id = Some(text(value)?),
            "group_index" => {
                self.flow_mut().group_index = Some(value.as_i64().ok_or(Wrong("a whole number"))?);
            }
            "chord" => self.flow_mut().chord = Some(value),
            "chain" => {
                let Value::List(chain) = value else { return Err(Wrong("a list")) };
                self.flow_mut().chain = Some(chain);
            }
            "root_id" => self.flow_mut().root_id = Some(text(value)?.into()),
            "parent_id" => self.flow_mut().parent_id = Some(text(value)?.into()),
            "replaced_task_nesting" => self.flow_mut().replaced_task_nesting = count(&value)?,
            "retries" => self.flow_mut().retries = count(&value)?,
            _ => _ = self.properties.insert(key.to_owned(), value),
        }
        Ok(())
    }
}

fn text(value: Value) -> Result<String, Wrong> {
    if let Value::Str(text) = value { Ok(text) } else { Err(Wrong("a text")) }
}

fn truth(value: &Value) -> Result<bool, Wrong> {
    if let Value::Bool(is) = value { Ok(*is) } else { Err(Wrong("true or false")) }
}

fn count(value: &Value) -> Result<u32, Wrong> {
    value.as_i64().and_then(|n| u32::try_from(n).ok()).ok_or(Wrong("a whole number, 0 or more"))
}

fn value_map(value: Value) -> Result<Map, Wrong> {
    if let Value::Map(map) = value { Ok(map) } else { Err(Wrong("a map")) }
}

/// Negative delays are none, as for a countdown.
fn seconds(value: &Value) -> Result<Duration, Wrong> {
    let seconds = value.as_f64().filter(|s| s.is_finite()).ok_or(Wrong("a number of seconds"))?;
    Duration::try_from_secs_f64(seconds.max(0.0)).map_err(|_| Wrong("a number of seconds"))
}

#[allow(clippy::cast_precision_loss)] // delays are far below 2^53 s
fn seconds_value(duration: Duration) -> Value {
    match (duration.subsec_nanos(), i64::try_from(duration.as_secs())) {
        (0, Ok(whole)) => Value::Int(whole),
        _ => Value::Float(duration.as_secs_f64()),
    }
}

fn time(value: Value) -> Result<Timestamp, Wrong> {
    match value {
        Value::Str(text) | Value::DateTime(text) => {
            parse_timestamp(&text, &TimeZone::UTC).map_err(|_| Wrong("an ISO 8601 time"))
        }
        _ => Err(Wrong("an ISO 8601 time")),
    }
}

fn signatures(value: Value) -> Result<Vec<Signature>, Wrong> {
    let list = if let Value::List(list) = value { list } else { vec![value] };
    list.into_iter()
        .map(|one| Signature::from_value(one).map_err(|_| Wrong("a signature or a list of them")))
        .collect()
}

fn links(signatures: &[Signature]) -> Option<Value> {
    if signatures.is_empty() {
        return None;
    }
    Some(Value::List(signatures.iter().map(Signature::to_value).collect()))
}
