//! Python's `+` and `*` on what a message can carry.

use taskq::{Failure, Value};

/// `x + y`
pub(crate) fn add(x: Value, y: Value) -> Result<Value, Failure> {
    match (x, y) {
        (Value::Str(x), Value::Str(y)) => Ok(Value::Str(x + &y)),
        (Value::List(mut x), Value::List(y)) => {
            x.extend(y);
            Ok(Value::List(x))
        }
        (x, y) => match (Number::of(&x), Number::of(&y)) {
            (Some(Number::Int(x)), Some(Number::Int(y))) => integer(x.checked_add(y)),
            (Some(x), Some(y)) => Ok(Value::Float(x.as_f64() + y.as_f64())),
            _ => Err(unsupported("+", &x, &y)),
        },
    }
}

/// `x * y`
pub(crate) fn mul(x: &Value, y: &Value) -> Result<Value, Failure> {
    match (x, y) {
        (Value::Str(text), times) | (times, Value::Str(text)) => {
            let times = times.as_i64().ok_or_else(|| unsupported("*", x, y))?;
            Ok(Value::Str(text.repeat(usize::try_from(times).unwrap_or(0))))
        }
        _ => match (Number::of(x), Number::of(y)) {
            (Some(Number::Int(x)), Some(Number::Int(y))) => integer(x.checked_mul(y)),
            (Some(x), Some(y)) => Ok(Value::Float(x.as_f64() * y.as_f64())),
            _ => Err(unsupported("*", x, y)),
        },
    }
}

/// `sum(values)`
pub(crate) fn sum(values: impl IntoIterator<Item = Value>) -> Result<Value, Failure> {
    values.into_iter().try_fold(Value::Int(0), |sum, value| match value {
        // Python starts from 0, to which a text or a list cannot be added.
        Value::Str(_) | Value::List(_) => Err(unsupported("+", &sum, &value)),
        number => add(sum, number),
    })
}

/// What is false in Python.
pub(crate) fn is_false(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Float(value) => *value == 0.0,
        Value::Str(text) => text.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// Python's name of a value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "list",
        Value::Map(_) => "dict",
        _ => "object",
    }
}

enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Int(i128::from(*value))),
            Value::Int(value) => Some(Self::Int(i128::from(*value))),
            Value::BigInt(digits) => digits.parse().ok().map(Self::Int),
            Value::Float(value) => Some(Self::Float(*value)),
            _ => None,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "as Python converts an int for a float")]
    fn as_f64(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
        }
    }
}

fn integer(value: Option<i128>) -> Result<Value, Failure> {
    let value = value.ok_or_else(|| Failure::new("OverflowError", "the result has more than 127 bits"))?;
    Ok(i64::try_from(value).map_or_else(|_| Value::BigInt(value.to_string().into()), Value::Int))
}

fn unsupported(operator: &str, x: &Value, y: &Value) -> Failure {
    let (x, y) = (type_name(x), type_name(y));
    Failure::new("TypeError", format!("unsupported operand type(s) for {operator}: '{x}' and '{y}'"))
}
