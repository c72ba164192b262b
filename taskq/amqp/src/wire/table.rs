//! Header tables and values. Types are those that py-amqp writes; all that RabbitMQ knows are read.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use taskq_core::{
    Timestamp,
    codec::{Map, Value},
};

/// Headers that RabbitMQ adds on its way.
pub(super) const IS_BROKERS: &[&str] = &[
    "x-death",
    "x-delivery-count",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
];

/// A step of the path to a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// Values that their field does not hold exactly, each with its path.
pub(crate) type Exact = Vec<(Vec<Step>, Value)>;

/// A table, and what it does not hold exactly.
///
/// # Errors
/// Names a header whose name is longer than 255 bytes.
pub(crate) fn table(map: &Map) -> Result<(FieldTable, Exact), String> {
    let mut exact = Vec::new();
    let table = fields(map, &mut Vec::new(), &mut exact)?;
    Ok((table, exact))
}

fn fields(map: &Map, path: &mut Vec<Step>, exact: &mut Exact) -> Result<FieldTable, String> {
    let mut table = BTreeMap::new();
    for (name, value) in map {
        path.push(Step::Name(name.clone()));
        let key = ShortString::try_new(name.as_str())
            .map_err(|_| format!("the name of header `{name:.40}…` is longer than 255 bytes"))?;
        table.insert(key, field(value, path, exact)?);
        path.pop();
    }
    Ok(table.into())
}

fn field(value: &Value, path: &mut Vec<Step>, exact: &mut Exact) -> Result<AMQPValue, String> {
    Ok(match value {
        Value::List(items) => {
            let mut array = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Index(at));
                array.push(field(item, path, exact)?);
                path.pop();
            }
            AMQPValue::FieldArray(FieldArray::from(array))
        }
        Value::Map(map) => AMQPValue::FieldTable(fields(map, path, exact)?),
        leaf => {
            let written = from_leaf(leaf);
            if is_inexact(leaf) && to_value(&written) != *leaf {
                exact.push((path.clone(), leaf.clone()));
            }
            written
        }
    })
}

/// Kinds of values that a field may not hold as they are.
fn is_inexact(value: &Value) -> bool {
    matches!(
        value,
        Value::BigInt(_)
            | Value::DateTime(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Uuid(_)
            | Value::Decimal(_)
    )
}

/// The field that stands for a value that is neither list nor map.
pub(super) fn from_leaf(value: &Value) -> AMQPValue {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    match value {
        Value::Bool(is) => AMQPValue::Boolean(*is),
        Value::Int(number) => match i32::try_from(*number) {
            Ok(small) => AMQPValue::LongInt(small),
            Err(_) => AMQPValue::LongLongInt(*number),
        },
        Value::Float(number) => AMQPValue::Double(*number),
        Value::Str(string) | Value::Date(string) | Value::Time(string) => text(string),
        Value::BigInt(digits) => text(digits),
        Value::Bytes(bytes) => AMQPValue::ByteArray(bytes.to_vec().into()),
        Value::Uuid(uuid) => text(&uuid.to_string()),
        Value::DateTime(string) => match seconds(string) {
            Some(at) if date_time(at) == *string => AMQPValue::Timestamp(at),
            _ => text(string),
        },
        Value::Decimal(digits) => match decimal(digits) {
            Some(decimal) if decimal_text(decimal) == *digits => AMQPValue::DecimalValue(decimal),
            _ => text(digits),
        },
        // Not reached with lists and maps.
        Value::Null | Value::List(_) | Value::Map(_) => AMQPValue::Void,
    }
}

fn seconds(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok()
}

fn date_time(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn decimal(text: &str) -> Option<DecimalValue> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    Some(DecimalValue { scale: part.len().try_into().ok()?, value: format!("{whole}{part}").parse().ok()? })
}

fn decimal_text(DecimalValue { scale, value }: DecimalValue) -> String {
    let scale = usize::from(scale);
    let digits = format!("{value:0>width$}", width = scale + 1);
    match digits.split_at(digits.len() - scale) {
        (whole, "") => whole.to_owned(),
        (whole, part) => format!("{whole}.{part}"),
    }
}

/// A table as a map.
pub(crate) fn to_map(table: &FieldTable) -> Map {
    table.inner().iter().map(|(name, value)| (name.as_str().to_owned(), to_value(value))).collect()
}

/// The value of a field.
pub(super) fn to_value(field: &AMQPValue) -> Value {
    let bytes = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Value::Str(text.to_owned()),
        Err(_) => Value::Bytes(bytes.to_vec().into()),
    };
    match field {
        AMQPValue::Boolean(is) => Value::Bool(*is),
        AMQPValue::ShortShortInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::ShortShortUInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::ShortInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::ShortUInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::LongInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::LongUInt(number) => Value::Int(i64::from(*number)),
        AMQPValue::LongLongInt(number) => Value::Int(*number),
        AMQPValue::Float(number) => Value::Float(f64::from(*number)),
        AMQPValue::Double(number) => Value::Float(*number),
        AMQPValue::DecimalValue(decimal) => Value::Decimal(decimal_text(*decimal)),
        AMQPValue::ShortString(text) => Value::Str(text.as_str().to_owned()),
        AMQPValue::LongString(text) => bytes(text.as_bytes()),
        AMQPValue::FieldArray(items) => Value::List(items.as_slice().iter().map(to_value).collect()),
        AMQPValue::Timestamp(at) => Value::DateTime(date_time(*at)),
        AMQPValue::FieldTable(table) => Value::Map(to_map(table)),
        AMQPValue::ByteArray(array) => Value::Bytes(array.as_slice().to_vec().into()),
        AMQPValue::Void => Value::Null,
    }
}
