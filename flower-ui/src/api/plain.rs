//! Values as plain JSON, for pages: shown, never read back.

use serde_json::{Number, Value as Json};
use taskq_core::{
    Timestamp,
    codec::{Map, Value, repr},
};

/// Largest number that a browser holds exactly.
const EXACT: i64 = (1 << 53) - 1;

/// A value as JSON. What JSON cannot hold is shown as Python would.
pub(crate) fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(is) => (*is).into(),
        Value::Int(number) if number.abs() <= EXACT => (*number).into(),
        Value::Int(number) => number.to_string().into(),
        Value::Float(number) => match Number::from_f64(*number) {
            Some(number) => Json::Number(number),
            None => repr::value(value).into(),
        },
        Value::BigInt(digits) => digits.as_ref().into(),
        Value::Str(text)
        | Value::DateTime(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Decimal(text) => text.as_str().into(),
        Value::Uuid(uuid) => uuid.to_string().into(),
        Value::Bytes(_) => repr::value(value).into(),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(map) => object(map),
    }
}

/// An object.
pub(crate) fn object(map: &Map) -> Json {
    Json::Object(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
}

/// Seconds since 1970.
#[allow(clippy::cast_precision_loss)] // microseconds since 1970 fit
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_cannot_hold_is_text() {
        assert_eq!(plain(&Value::Int(1 << 53)), Json::from("9007199254740992"));
        assert_eq!(plain(&Value::Float(f64::NAN)), Json::from("nan"));
        assert_eq!(plain(&Value::List(vec![Value::Int(1), Value::Null])), serde_json::json!([1, null]));
    }
}
