//! Decoded values.

use jiff::{
    civil,
    fmt::temporal::{Pieces, PiecesOffset},
};

use super::{
    budget::{Budget, LEVELS},
    float::float,
    hidden,
};
use crate::codec::{Map, Value};

pub(super) fn tuple(out: &mut Budget, items: &[Value]) {
    _ = out.open("("); // the first thing of all always has room
    elements(out, items, 1);
    out.close(if items.len() == 1 { ",)" } else { ")" });
}

pub(super) fn value(out: &mut Budget, value: &Value, level: usize) {
    match value {
        Value::Null => out.token("None"),
        Value::Bool(true) => out.token("True"),
        Value::Bool(false) => out.token("False"),
        Value::Int(number) => out.token(itoa::Buffer::new().format(*number)),
        Value::BigInt(digits) => out.token(digits),
        Value::Float(number) => out.token(&float(*number)),
        Value::Str(text) => out.quoted(text),
        Value::Bytes(bytes) => out.bytes(bytes),
        Value::DateTime(text) => typed(out, text, date_time(text)),
        Value::Date(text) => typed(out, text, date(text)),
        Value::Time(text) => typed(out, text, time(text)),
        Value::Uuid(uuid) => out.token(&format!("UUID('{uuid}')")),
        Value::Decimal(text) => out.token(&format!("Decimal('{text}')")),
        Value::List(_) if level >= LEVELS => out.mark("[...]"),
        Value::List(items) => {
            if out.open("[") {
                elements(out, items, level + 1);
                out.close("]");
            }
        }
        Value::Map(entries) => map(out, entries, level),
    }
}

pub(super) fn map(out: &mut Budget, map: &Map, level: usize) {
    if level >= LEVELS {
        return out.mark("{...}");
    }
    if !out.open("{") {
        return;
    }
    for (index, (name, item)) in map.iter().enumerate() {
        if index > 0 {
            out.mark(", ");
        }
        out.quoted(name);
        out.mark(": ");
        if hidden::hides(name) {
            out.mark(hidden::MASK);
        } else {
            value(out, item, level + 1);
        }
        if out.is_cut() {
            break;
        }
    }
    out.close("}");
}

fn elements(out: &mut Budget, items: &[Value], level: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.mark(", ");
        }
        value(out, item, level);
        if out.is_cut() {
            break;
        }
    }
}

/// A typed value as Python's constructor call; what is none of these is shown as the text it came as.
fn typed(out: &mut Budget, text: &str, python: Option<String>) {
    match python {
        Some(call) => out.token(&call),
        None => out.quoted(text),
    }
}

fn date_time(text: &str) -> Option<String> {
    let pieces = Pieces::parse(text).ok()?;
    let date = pieces.date();
    let zone = zone(pieces.offset())?;
    Some(format!(
        "datetime.datetime({}, {}, {}, {}{zone})",
        date.year(),
        date.month(),
        date.day(),
        clock(pieces.time().unwrap_or_default())
    ))
}

fn date(text: &str) -> Option<String> {
    let date: civil::Date = text.parse().ok()?;
    Some(format!("datetime.date({}, {}, {})", date.year(), date.month(), date.day()))
}

fn time(text: &str) -> Option<String> {
    // With a date in front, offsets are read too.
    let dated = format!("2000-01-01T{text}");
    let pieces = Pieces::parse(&dated).ok()?;
    Some(format!("datetime.time({}{})", clock(pieces.time()?), zone(pieces.offset())?))
}

/// `3, 4, 5, 678901`, without seconds and microseconds that are zero.
fn clock(time: civil::Time) -> String {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    match (second, time.subsec_nanosecond() / 1000) {
        (0, 0) => format!("{hour}, {minute}"),
        (_, 0) => format!("{hour}, {minute}, {second}"),
        (_, micros) => format!("{hour}, {minute}, {second}, {micros}"),
    }
}

fn zone(offset: Option<PiecesOffset>) -> Option<String> {
    let seconds = match offset {
        None => return Some(String::new()),
        Some(PiecesOffset::Zulu) => 0,
        Some(PiecesOffset::Numeric(offset)) => offset.offset().seconds(),
        Some(_) => return None,
    };
    Some(match seconds {
        0 => ", tzinfo=datetime.timezone.utc".to_owned(),
        1.. => format!(", tzinfo=datetime.timezone(datetime.timedelta(seconds={seconds}))"),
        _ => {
            let seconds = seconds.rem_euclid(86_400);
            format!(", tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds={seconds}))")
        }
    })
}
