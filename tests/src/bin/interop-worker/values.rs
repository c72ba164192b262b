//! Tasks about values: what goes in and out of a task.

use std::time::Duration;

use taskq::core::codec::Map;
use taskq::prelude::*;
use taskq::{Failure, Value, task};

use crate::arithmetic;

#[task]
pub(crate) async fn noop(#[args] _args: Vec<Value>, #[kwargs] _kwargs: Map) {}

#[task]
pub(crate) async fn identity(x: Value) -> Value {
    x
}

#[task]
pub(crate) async fn add(x: Value, y: Value, z: Option<Value>) -> Result<Value, Failure> {
    let sum = arithmetic::add(x, y)?;
    match z {
        Some(z) if !arithmetic::is_false(&z) => arithmetic::add(sum, z),
        _ => Ok(sum),
    }
}

#[task]
pub(crate) async fn mul(x: Value, y: Value) -> Result<Value, Failure> {
    arithmetic::mul(&x, &y)
}

#[task]
pub(crate) async fn tsum(nums: Value) -> Result<Value, Failure> {
    arithmetic::sum(list(nums)?)
}

#[task]
pub(crate) async fn xsum(nums: Value) -> Result<Value, Failure> {
    let members = list(nums)?.into_iter().map(|member| match member {
        Value::List(inner) => arithmetic::sum(inner),
        number => Ok(number),
    });
    arithmetic::sum(members.collect::<Result<Vec<_>, _>>()?)
}

fn list(value: Value) -> Result<Vec<Value>, Failure> {
    match value {
        Value::List(list) => Ok(list),
        other => {
            let kind = arithmetic::type_name(&other);
            Err(Failure::new("TypeError", format!("'{kind}' object is not iterable")))
        }
    }
}

#[task]
pub(crate) async fn echo_args(#[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Map {
    let mut echo = Map::default();
    echo.insert("args".into(), Value::List(args));
    echo.insert("kwargs".into(), Value::Map(kwargs));
    echo
}

#[task]
pub(crate) async fn add_not_typed(x: Value, y: Value) -> Result<Value, Failure> {
    arithmetic::add(x, y)
}

#[task(ignore_result)]
pub(crate) async fn add_ignore_result(x: Value, y: Value) -> Result<Value, Failure> {
    arithmetic::add(x, y)
}

#[task]
pub(crate) async fn delayed_sum(
    numbers: Vec<Value>,
    #[default = 1.0] pause_time: f64,
) -> Result<Value, Failure> {
    tokio::time::sleep(Duration::from_secs_f64(pause_time)).await;
    arithmetic::sum(numbers)
}

#[task(bind)]
pub(crate) async fn delayed_sum_with_soft_guard(
    cx: &TaskContext,
    numbers: Vec<Value>,
    #[default = 1.0] pause_time: f64,
) -> Result<Value, Failure> {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs_f64(pause_time)) => arithmetic::sum(numbers),
        () = cx.cancellation().cancelled() => Ok(Value::Int(0)),
    }
}

#[task]
pub(crate) fn print_unicode(
    #[default = "håå®ƒ valmuefrø"] log_message: String,
    #[default = "hiöäüß"] print_message: String,
) {
    tracing::warn!("{log_message}");
    println!("{print_message}");
}

#[task]
pub(crate) async fn big(n: usize) -> String {
    "x".repeat(n)
}

#[task]
pub(crate) async fn type_name(x: Value) -> String {
    let name = match x {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::DateTime(_) => "datetime",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Uuid(_) => "uuid",
        Value::Decimal(_) => "decimal",
        Value::List(_) => "list",
        Value::Map(_) => "dict",
    };
    name.to_owned()
}
