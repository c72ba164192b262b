//! Tasks that tell what they know of their own request.

use taskq::core::codec::Map;
use taskq::core::protocol::{Properties, Request, TaskId};
use taskq::prelude::*;
use taskq::{Value, task};

/// Every field of a request that Celery shows, under Celery's names, but for the arguments.
pub(crate) fn info(cx: &TaskContext) -> Map {
    let request = cx.request();
    let headers = &request.headers;
    let mut info = Map::default();
    let mut put = |name: &str, value: Value| info.insert(name.to_owned(), value);
    put("id", id(Some(&headers.id)));
    put("root_id", id(headers.root_id.as_ref()));
    put("parent_id", id(headers.parent_id.as_ref()));
    put("group", text(headers.group.as_deref()));
    put("group_index", headers.group_index.map_or(Value::Null, Value::Int));
    put("retries", Value::Int(headers.retries.into()));
    put("eta", text(headers.eta.as_deref()));
    put("expires", text(headers.expires.as_deref()));
    put("timelimit", Value::List(vec![seconds(headers.timelimit.0), seconds(headers.timelimit.1)]));
    put("hostname", Value::Str(cx.hostname().to_owned()));
    put("delivery_info", Value::Map(delivery_info(request)));
    put("correlation_id", text(request.properties.correlation_id.as_deref()));
    put("reply_to", text(request.properties.reply_to.as_deref()));
    put("origin", text(headers.origin.as_deref()));
    put("argsrepr", text(headers.argsrepr.as_deref()));
    put("kwargsrepr", text(headers.kwargsrepr.as_deref()));
    put("headers", custom_headers(request));
    put("properties", Value::Map(properties(request)));
    put("lang", Value::Str(headers.lang.clone()));
    put("task", Value::Str(headers.task.clone()));
    put("shadow", text(headers.shadow.as_deref()));
    put("ignore_result", headers.ignore_result.map_or(Value::Null, Value::Bool));
    put("replaced_task_nesting", Value::Int(headers.replaced_task_nesting.into()));
    let stamped = headers.stamped_headers.as_ref();
    let names = stamped.map(|names| names.iter().cloned().map(Value::Str).collect());
    put("stamped_headers", names.map_or(Value::Null, Value::List));
    put("stamps", Value::Map(headers.stamps.clone()));
    info
}

/// The headers that the caller added; null if there are none.
pub(crate) fn custom_headers(request: &Request) -> Value {
    match request.headers.extra.is_empty() {
        true => Value::Null,
        false => Value::Map(request.headers.extra.clone()),
    }
}

fn delivery_info(request: &Request) -> Map {
    let delivery = &request.delivery;
    let mut info = Map::default();
    info.insert("exchange".into(), Value::Str(delivery.exchange.clone()));
    info.insert("routing_key".into(), Value::Str(delivery.routing_key.clone()));
    info.insert("priority".into(), delivery.priority.map_or(Value::Null, Value::Int));
    info.insert("redelivered".into(), Value::Bool(delivery.redelivered));
    info
}

fn properties(request: &Request) -> Map {
    let Properties { correlation_id, reply_to, delivery_mode, priority, expiration, extra } =
        &request.properties;
    let mut all = Map::default();
    all.insert("correlation_id".into(), text(correlation_id.as_deref()));
    all.insert("reply_to".into(), text(reply_to.as_deref()));
    all.insert("delivery_mode".into(), Value::Int(delivery_mode.as_u8().into()));
    all.insert("delivery_info".into(), Value::Map(delivery_info(request)));
    all.insert("priority".into(), priority.map_or(Value::Null, Value::Int));
    if let Some(expiration) = expiration {
        all.insert("expiration".into(), Value::Str(expiration.clone()));
    }
    all.extend(extra.clone());
    all
}

fn id(id: Option<&TaskId>) -> Value {
    id.map_or(Value::Null, |id| Value::Str(id.to_string()))
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| Value::Str(text.to_owned()))
}

fn seconds(seconds: Option<f64>) -> Value {
    seconds.map_or(Value::Null, Value::Float)
}

#[task(bind)]
pub(crate) async fn request_info(cx: &TaskContext, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Map {
    let mut info = info(cx);
    info.insert("args".into(), Value::List(args));
    info.insert("kwargs".into(), Value::Map(kwargs));
    info
}

#[task(bind)]
pub(crate) async fn whoami(cx: &TaskContext, #[args] _args: Vec<Value>) -> String {
    cx.hostname().to_owned()
}

#[task(bind)]
pub(crate) async fn ids(cx: &TaskContext, i: Value) -> Vec<Value> {
    family(cx, i)
}

/// `[root_id, parent_id, i]`
fn family(cx: &TaskContext, i: Value) -> Vec<Value> {
    let headers = &cx.request().headers;
    vec![id(headers.root_id.as_ref()), id(headers.parent_id.as_ref()), i]
}

#[task(bind)]
pub(crate) async fn collect_ids(cx: &TaskContext, res: Value, i: Value) -> Vec<Value> {
    vec![res, Value::List(family(cx, i))]
}

#[task(bind)]
pub(crate) async fn return_priority(cx: &TaskContext, #[args] _args: Vec<Value>) -> String {
    let priority = cx.request().delivery.priority;
    format!("Priority: {}", priority.map_or_else(|| "None".to_owned(), |priority| priority.to_string()))
}

#[task(bind)]
pub(crate) async fn return_properties(cx: &TaskContext) -> Map {
    properties(cx.request())
}

#[task(bind)]
pub(crate) async fn return_request_time_limits(cx: &TaskContext) -> Map {
    time_limits(cx)
}

#[task(bind, time_limit = "60s", soft_time_limit = "45s")]
pub(crate) async fn task_with_declared_time_limits(cx: &TaskContext) -> Map {
    time_limits(cx)
}

fn time_limits(cx: &TaskContext) -> Map {
    let (hard, soft) = cx.request().headers.timelimit;
    let mut limits = Map::default();
    limits.insert("time_limit".into(), seconds(hard));
    limits.insert("soft_time_limit".into(), seconds(soft));
    limits
}
