//! One event as it travels: a flat map that begins with who sent it and ends with its time and type.
//!
//! Kept true here: fields keep Celery's order; what is read back is what was written, unknown fields included.

use bytes::Bytes;

use crate::{
    backend::StoredError,
    codec::{CodecError, Map, Serializer, Value, json, repr},
    protocol::Message,
};

/// Something that happened, and who says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Its type: `task-received`, `worker-heartbeat`, or a type of the program's own.
    pub kind: String,
    /// Node name of a worker, or `gen<pid>@<host>` of a client.
    pub hostname: String,
    /// Hours west of UTC where it was sent: UTC+2 is -2.0.
    pub utcoffset: f64,
    /// Process id of the sender.
    pub pid: i64,
    /// The sender's logical time.
    pub clock: u64,
    /// Seconds since 1970.
    pub timestamp: f64,
    /// What is particular to the type.
    pub fields: Map,
}

/// The fields that every event has.
const HEAD: [&str; 6] = ["hostname", "utcoffset", "pid", "clock", "timestamp", "type"];

impl Event {
    /// The task it is about, for `task-*` events.
    pub fn uuid(&self) -> Option<&str> {
        self.fields.get("uuid")?.as_str()
    }

    /// A text among its fields.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A number among its fields.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.fields.get(name)? {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// As the map that travels.
    pub fn to_map(&self) -> Map {
        let mut map = Map::with_capacity(HEAD.len() + self.fields.len());
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("hostname", Value::from(self.hostname.as_str()));
        put("utcoffset", Value::Float(self.utcoffset));
        put("pid", Value::Int(self.pid));
        put("clock", Value::from(self.clock));
        for (name, value) in &self.fields {
            put(name, value.clone());
        }
        put("timestamp", Value::Float(self.timestamp));
        put("type", Value::from(self.kind.as_str()));
        map
    }

    /// From a map that came. `None` without a type or a sender: nobody could tell what it says.
    pub fn from_map(mut map: Map) -> Option<Self> {
        let mut take = |name: &str| map.shift_remove(name);
        let (Some(Value::Str(kind)), Some(Value::Str(hostname))) = (take("type"), take("hostname")) else {
            return None;
        };
        let number = |value: Option<Value>| match value {
            Some(Value::Int(number)) => number as f64,
            Some(Value::Float(number)) if number.is_finite() => number,
            _ => 0.0,
        };
        Some(Self {
            kind,
            hostname,
            utcoffset: number(take("utcoffset")),
            pid: take("pid").and_then(|pid| pid.as_i64()).unwrap_or_default(),
            clock: take("clock").and_then(|clock| clock.as_u64()).unwrap_or_default(),
            timestamp: number(take("timestamp")),
            fields: map,
        })
    }

    /// The events of a message, which holds one or a list of them, and how many could not be read.
    pub fn read(message: &Message) -> (Vec<Self>, usize) {
        let body = match message.content_type.as_deref() {
            Some(name) => Serializer::from_name(name).and_then(|format| format.decode(&message.body)),
            None => json::from_slice(&message.body),
        };
        let items = match body {
            Ok(Value::List(items)) => items,
            Ok(item) => vec![item],
            Err(_) => return (Vec::new(), 1),
        };
        let total = items.len();
        let map = |item| if let Value::Map(map) = item { Self::from_map(map) } else { None };
        let events: Vec<Self> = items.into_iter().filter_map(map).collect();
        let garbage = total - events.len();
        (events, garbage)
    }

    /// Writes one event as a map, or several as a list.
    pub(super) fn write(events: &[Self], serializer: Serializer) -> Result<Bytes, CodecError> {
        let value = match events {
            [one] if !one.is_batched() => Value::Map(one.to_map()),
            many => many.iter().map(Self::to_map).collect(),
        };
        serializer.encode(&value)
    }

    /// Whether Celery's workers send it in lists, under [`MULTI`].
    pub(super) fn is_batched(&self) -> bool {
        const BATCHED: [&str; 7] = [
            "task-received",
            "task-started",
            "task-succeeded",
            "task-failed",
            "task-retried",
            "task-rejected",
            "task-revoked",
        ];
        BATCHED.contains(&self.kind.as_str())
    }
}

/// An error as Python's `repr` shows the exception: `ValueError('no such account')`.
pub fn exception(error: &StoredError) -> String {
    match error.exc_message.as_slice() {
        [one] => format!("{}({})", error.exc_type, quoted(one)),
        args => format!("{}{}", error.exc_type, repr::args(args)),
    }
}

/// As Python's `repr`, which puts a text with single quotes between double ones.
fn quoted(value: &Value) -> String {
    let shown = repr::value(value);
    match (value, shown.strip_prefix('\'').and_then(|shown| shown.strip_suffix('\''))) {
        (Value::Str(text), Some(inner)) if text.contains('\'') && !text.contains('"') => {
            format!("\"{}\"", inner.replace("\\'", "'"))
        }
        _ => shown,
    }
}

/// The routing key of a list of task events.
pub(super) const MULTI: &str = "task.multi";

/// The routing key of an event: its type with dots.
pub fn routing_key(kind: &str) -> String {
    kind.replace('-', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message { body: body.to_owned().into(), ..Message::default() }
    }

    #[test]
    fn a_list_and_a_single_event_are_both_read_and_garbage_is_counted() {
        let one = r#"{"type":"task-sent","hostname":"a","uuid":"1","clock":7}"#;
        let (events, garbage) = Event::read(&message(one));
        assert_eq!((events.len(), garbage, events[0].clock), (1, 0, 7));
        let many = format!(r#"[{one},3,{{"type":4}},{one}]"#);
        let (events, garbage) = Event::read(&message(&many));
        assert_eq!((events.len(), garbage), (2, 2));
        assert_eq!(Event::read(&message("{")), (Vec::new(), 1));
    }

    #[test]
    fn exceptions_are_shown_as_python_shows_them() {
        let shown = |text| exception(&StoredError::builtin("ValueError", text));
        assert_eq!(shown("deliberate error"), "ValueError('deliberate error')");
        assert_eq!(shown("no 'x' here"), "ValueError(\"no 'x' here\")");
    }

    #[test]
    fn fields_travel_in_celerys_order() {
        let fields = Map::from_iter([("uuid".to_owned(), Value::from("1"))]);
        let event = Event { kind: "task-started".into(), hostname: "a".into(), fields, ..Event::default() };
        let names: Vec<String> = event.to_map().into_keys().collect();
        assert_eq!(names, ["hostname", "utcoffset", "pid", "clock", "uuid", "timestamp", "type"]);
        assert_eq!(Event::from_map(event.to_map()), Some(event));
    }

    #[test]
    fn fields_that_are_not_what_they_should_be_are_read_as_nothing() {
        let odd = r#"{"type":"x","hostname":"a","clock":-1,"pid":"p","timestamp":NaN,"utcoffset":null}"#;
        let (events, _) = Event::read(&message(odd));
        let event = &events[0];
        assert_eq!((event.clock, event.pid, event.timestamp, event.utcoffset), (0, 0, 0.0, 0.0));
    }
}
