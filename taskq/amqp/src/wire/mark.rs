//! What we write beside the sender's headers: a table under one name, taken out before anybody reads them.

use lapin::types::{AMQPValue, FieldTable, LongString};
use taskq_core::codec::{Map, Value, json};

use super::table::{Exact, IS_BROKERS, Step, from_leaf, to_map, to_value};

/// The header that holds it.
pub(crate) const MARK: &str = "x-taskq";

/// What a message tells of its way so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mark {
    /// Deliveries that count towards the limit, before it was published again.
    pub(crate) failed: u32,
    /// It was delivered before, although the broker cannot know.
    pub(crate) redelivered: bool,
    /// Exchange and routing key that the sender gave, when it was sent on by another way.
    pub(crate) sent_to: Option<(String, String)>,
    /// Values that the table does not hold exactly.
    pub(crate) exact: Exact,
}

impl Mark {
    /// Reads the mark out of headers; what cannot be read is none.
    pub(crate) fn read(headers: &FieldTable) -> Self {
        let Some(AMQPValue::FieldTable(table)) = headers.inner().get(MARK) else { return Self::default() };
        let map = to_map(table);
        let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            failed: map.get("failed").and_then(Value::as_u64).map_or(0, |n| n.try_into().unwrap_or(u32::MAX)),
            redelivered: map.get("redelivered").and_then(Value::as_bool).unwrap_or(false),
            sent_to: text("exchange").zip(text("routing_key")),
            exact: text("exact").and_then(|text| read_exact(&text)).unwrap_or_default(),
        }
    }

    /// Writes it, unless it says nothing.
    pub(crate) fn write(&self, headers: &mut FieldTable) {
        if *self == Self::default() {
            return;
        }
        let mut table = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        table.insert("failed".into(), AMQPValue::LongLongInt(i64::from(self.failed)));
        table.insert("redelivered".into(), AMQPValue::Boolean(self.redelivered));
        if let Some((exchange, routing_key)) = &self.sent_to {
            table.insert("exchange".into(), text(exchange));
            table.insert("routing_key".into(), text(routing_key));
        }
        if let Some(exact) = write_exact(&self.exact) {
            table.insert("exact".into(), text(&exact));
        }
        headers.insert(MARK.into(), AMQPValue::FieldTable(table));
    }

    /// The headers of a message that is sent on, with another mark; values kept exactly stay so.
    pub(crate) fn replace(self, headers: &FieldTable) -> FieldTable {
        let exact = Self::read(headers).exact;
        let mut fields = headers.inner().clone();
        fields.remove(MARK);
        // A quorum queue would take the count of another queue for its own, and what has once been through a delay
        // queue never comes out of it again: the broker sees a cycle of dead letters, and keeps or drops it.
        for name in IS_BROKERS {
            fields.remove(*name);
        }
        let mut headers = FieldTable::from(fields);
        Self { exact, ..self }.write(&mut headers);
        headers
    }

    /// Puts the exact values back, where the table still holds what stood for them.
    pub(super) fn restore(&self, headers: &mut Map) {
        for (path, exact) in &self.exact {
            let place = path.split_first().and_then(|(first, rest)| match first {
                Step::Name(name) => rest.iter().try_fold(headers.get_mut(name)?, step),
                Step::Index(_) => None,
            });
            if let Some(place) = place
                && *place == to_value(&from_leaf(exact))
            {
                *place = exact.clone();
            }
        }
    }
}

fn step<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match (value, step) {
        (Value::Map(map), Step::Name(name)) => map.get_mut(name),
        (Value::List(items), Step::Index(at)) => items.get_mut(*at),
        _ => None,
    }
}

/// `[[path, value], …]` in kombu's JSON.
fn write_exact(exact: &Exact) -> Option<String> {
    let entry = |(path, value): &(Vec<Step>, Value)| {
        let path = path.iter().map(|step| match step {
            Step::Name(name) => Value::Str(name.clone()),
            Step::Index(at) => Value::Int(i64::try_from(*at).unwrap_or(i64::MAX)),
        });
        Value::List(vec![Value::List(path.collect()), value.clone()])
    };
    if exact.is_empty() {
        return None;
    }
    let bytes = json::to_bytes(&Value::List(exact.iter().map(entry).collect())).ok()?;
    String::from_utf8(bytes.into()).ok()
}

fn read_exact(text: &str) -> Option<Exact> {
    let list: Value = json::from_slice(text.as_bytes()).ok()?;
    let entry = |entry: &Value| {
        let [path, value] = entry.as_list()? else { return None };
        let path = path.as_list()?.iter().map(|step| match step {
            Value::Str(name) => Some(Step::Name(name.clone())),
            Value::Int(at) => Some(Step::Index(usize::try_from(*at).ok()?)),
            _ => None,
        });
        Some((path.collect::<Option<_>>()?, value.clone()))
    };
    list.as_list()?.iter().map(entry).collect()
}
