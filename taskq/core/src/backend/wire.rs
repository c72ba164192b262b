//! A meta in Celery's shape: what every backend stores, whatever the store.
//!
//! `{"status", "result", "traceback", "children", "date_done"[, "group_id", "parent_id", …], "task_id"}`, keys
//! in that order. A result that is JSON already is put in as it is.

use bytes::Bytes;
use serde::Serialize;

use super::{BackendError, Child, Extended, State, StoredError, TaskMeta, TaskOutput};
use crate::{
    codec::{CodecError, Map, Serializer, Value, json},
    protocol::{TaskId, format_timestamp, parse_timestamp},
};

/// Keys that are not stamps.
const KNOWN: &[&str] = &[
    "status",
    "result",
    "traceback",
    "children",
    "date_done",
    "task_id",
    "group_id",
    "parent_id",
    "name",
    "args",
    "kwargs",
    "worker",
    "retries",
    "queue",
    "stamped_headers",
];

/// What stands after the result, in the order of [`TaskMeta::to_map`].
#[derive(Serialize)]
struct Rest<'a> {
    traceback: Option<&'a str>,
    children: Option<Vec<Value>>,
    date_done: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    task_id: &'a str,
}

impl<'a> Rest<'a> {
    fn of(meta: &'a TaskMeta) -> Self {
        Self {
            traceback: meta.traceback.as_deref(),
            children: meta.children.as_ref().map(|children| children.iter().map(Child::to_value).collect()),
            date_done: meta.date_done.map(format_timestamp),
            group_id: meta.group_id.as_deref(),
            parent_id: meta.parent_id.as_ref().map(TaskId::as_str),
            task_id: meta.id.as_str(),
        }
    }
}

impl TaskMeta {
    /// Writes the meta as Celery stores it.
    ///
    /// # Errors
    /// When the format has no such value (msgpack has no dates).
    pub fn encode(&self, serializer: Serializer) -> Result<Bytes, CodecError> {
        match (&self.output, serializer) {
            (TaskOutput::Json(result), Serializer::Json) => {
                // The result in the middle is spliced in: it is the large part, and JSON already.
                let rest = match self.extended {
                    None => json::to_bytes(&Rest::of(self))?,
                    Some(_) => {
                        let mut map = self.to_map(Value::Null);
                        map.shift_remove("status");
                        map.shift_remove("result");
                        json::to_bytes(&map)?
                    }
                };
                let status = json::to_bytes(self.state.as_str())?;
                let mut out = Vec::with_capacity(rest.len() + result.len() + status.len() + 24);
                out.extend_from_slice(b"{\"status\":");
                out.extend_from_slice(&status);
                out.extend_from_slice(b",\"result\":");
                out.extend_from_slice(result);
                out.push(b',');
                out.extend_from_slice(&rest[1..]);
                Ok(out.into())
            }
            (TaskOutput::Json(result), _) => {
                serializer.encode(&Value::Map(self.to_map(json::from_slice(result)?)))
            }
            (TaskOutput::Value(value), _) => serializer.encode(&Value::Map(self.to_map(value.clone()))),
            (TaskOutput::Error(error), _) => serializer.encode(&Value::Map(self.to_map(error.to_value()))),
        }
    }

    fn to_map(&self, result: Value) -> Map {
        let mut map = Map::with_capacity(16);
        map.insert("status".into(), Value::from(self.state.as_str()));
        map.insert("result".into(), result);
        map.insert("traceback".into(), self.traceback.clone().into());
        let children = self.children.as_ref().map(|children| children.iter().map(Child::to_value).collect());
        map.insert("children".into(), children.map_or(Value::Null, Value::List));
        map.insert("date_done".into(), self.date_done.map(format_timestamp).into());
        if let Some(group) = &self.group_id {
            map.insert("group_id".into(), group.as_str().into());
        }
        if let Some(parent) = &self.parent_id {
            map.insert("parent_id".into(), parent.as_str().into());
        }
        if let Some(extended) = &self.extended {
            extended.add_to(&mut map);
        }
        map.insert("task_id".into(), self.id.as_str().into());
        map
    }

    /// Reads what [`encode`](Self::encode), or Celery, wrote.
    ///
    /// # Errors
    /// When it cannot be decoded or is no meta.
    pub fn decode(id: &TaskId, stored: &[u8], serializer: Serializer) -> Result<Self, BackendError> {
        let unreadable = |why: String| {
            BackendError::permanent(format!("the stored result of task `{id}` cannot be read: {why}"))
        };
        let value = serializer.decode(stored).map_err(|error| unreadable(error.to_string()))?;
        let Value::Map(mut map) = value else { return Err(unreadable("it is no map".into())) };
        let Some(Value::Str(status)) = map.shift_remove("status") else {
            return Err(unreadable("it has no `status`".into()));
        };
        let state = State::from(status.as_str());
        let result = map.shift_remove("result").unwrap_or_default();
        let output = match StoredError::from_value(&result) {
            Some(error) if state.is_exception() => TaskOutput::Error(error),
            _ => TaskOutput::Value(result),
        };
        let mut text = |key: &str| match map.shift_remove(key) {
            Some(Value::Str(text) | Value::DateTime(text)) => Some(text),
            _ => None,
        };
        let traceback = text("traceback");
        let date_done = text("date_done").and_then(|at| parse_timestamp(&at, &jiff::tz::TimeZone::UTC).ok());
        let group_id = text("group_id");
        let parent_id = text("parent_id").map(TaskId::from);
        let children = match map.get("children") {
            Some(Value::List(children)) => Some(children.iter().filter_map(Child::from_value).collect()),
            _ => None,
        };
        let extended = Extended::from_map(&map).map(Box::new);
        Ok(Self {
            id: id.clone(),
            state,
            output,
            traceback,
            children,
            date_done,
            group_id,
            parent_id,
            reply_to: None,
            extended,
        })
    }
}

impl StoredError {
    /// `{"exc_type", "exc_message", "exc_module"}`
    pub fn to_value(&self) -> Value {
        let mut map = Map::with_capacity(3);
        map.insert("exc_type".into(), self.exc_type.as_str().into());
        map.insert("exc_message".into(), Value::List(self.exc_message.clone()));
        map.insert("exc_module".into(), self.exc_module.as_str().into());
        Value::Map(map)
    }

    /// Reads it; `exc_message` may be one text, and the module may be missing.
    pub fn from_value(value: &Value) -> Option<Self> {
        let exc_type = value.get("exc_type")?.as_str()?.to_owned();
        let exc_message = match value.get("exc_message") {
            Some(Value::List(args)) => args.clone(),
            None | Some(Value::Null) => Vec::new(),
            Some(one) => vec![one.clone()],
        };
        let exc_module = value.get("exc_module").and_then(Value::as_str).unwrap_or("builtins").to_owned();
        Some(Self { exc_type, exc_message, exc_module })
    }
}

impl Child {
    /// A single task.
    pub fn task(id: impl Into<String>) -> Self {
        Self { id: id.into(), parent: None, members: None }
    }

    /// The part of this result tree that was sent at once: the first step of a chain, the header of a chord. It is
    /// what the sender records as its child; the others become children of what comes before them.
    #[must_use]
    pub fn first_sent(&self) -> Self {
        let mut first = self;
        while let Some(before) = first.parent.as_deref() {
            first = before;
        }
        Self { id: first.id.clone(), parent: None, members: first.members.clone() }
    }

    /// `[[id, parent], members]`
    pub fn to_value(&self) -> Value {
        let members = self.members.as_ref().map(|members| members.iter().map(Self::to_value).collect());
        let parent = self.parent.as_ref().map_or(Value::Null, |parent| parent.to_value());
        Value::List(vec![
            Value::List(vec![self.id.as_str().into(), parent]),
            members.map_or(Value::Null, Value::List),
        ])
    }

    /// Reads `[[id, parent], members]`.
    pub fn from_value(value: &Value) -> Option<Self> {
        let [head, members] = value.as_list()? else { return None };
        let [id, parent] = head.as_list()? else { return None };
        Some(Self {
            id: id.as_str()?.to_owned(),
            parent: Self::from_value(parent).map(Box::new),
            members: members.as_list().map(|members| members.iter().filter_map(Self::from_value).collect()),
        })
    }
}

impl Extended {
    fn add_to(&self, map: &mut Map) {
        map.insert("name".into(), self.name.as_str().into());
        map.insert("args".into(), Value::List(self.args.clone()));
        map.insert("kwargs".into(), Value::Map(self.kwargs.clone()));
        map.insert("worker".into(), self.worker.as_str().into());
        map.insert("retries".into(), self.retries.into());
        map.insert("queue".into(), self.queue.clone().into());
        if !self.stamps.is_empty() {
            let names = self.stamps.keys().map(|name| name.as_str().into()).collect();
            map.insert("stamped_headers".into(), Value::List(names));
            for (name, value) in &self.stamps {
                if !KNOWN.contains(&name.as_str()) {
                    map.insert(name.clone(), value.clone());
                }
            }
        }
    }

    fn from_map(map: &Map) -> Option<Self> {
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let names = map.get("stamped_headers").and_then(Value::as_list).unwrap_or_default();
        let stamp = |name: &Value| Some((name.as_str()?.to_owned(), map.get(name.as_str()?)?.clone()));
        Some(Self {
            name: text("name")?,
            args: map.get("args").and_then(Value::as_list).unwrap_or_default().to_vec(),
            kwargs: map.get("kwargs").and_then(Value::as_map).cloned().unwrap_or_default(),
            worker: text("worker").unwrap_or_default(),
            retries: map.get("retries").and_then(Value::as_i64).and_then(|n| n.try_into().ok()).unwrap_or(0),
            queue: text("queue"),
            stamps: names.iter().filter_map(stamp).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every meta that Celery's Redis backend was seen to store, read and written again.
    #[test]
    fn recorded_metas_come_out_as_they_went_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/celery");
        let mut seen = 0;
        for case in ["plain", "extended", "failure-expires", "expires-none", "keyprefix"] {
            let text = std::fs::read(folder.join(format!("redis.backend.{case}.json"))).unwrap();
            let case: serde_json::Value = serde_json::from_slice(&text).unwrap();
            for result in case["results"].as_array().unwrap() {
                let raw = result["raw"].as_str().unwrap();
                let Ok(Value::Map(map)) = json::from_slice::<Value>(raw.as_bytes()) else { continue };
                let Some(id) = map.get("task_id").and_then(Value::as_str) else { continue };
                let meta = TaskMeta::decode(&id.into(), raw.as_bytes(), Serializer::Json).unwrap();
                let again = meta.encode(Serializer::Json).unwrap();
                let again: Map = json::from_slice(&again).unwrap();
                assert_eq!(again, map, "{raw}");
                assert!(again.keys().eq(map.keys()), "the order of keys in {raw}");
                seen += 1;
            }
        }
        assert!(seen >= 30, "{seen} metas were compared");
    }

    #[test]
    fn json_results_are_put_in_as_they_are() {
        let mut meta =
            TaskMeta::new("t".into(), State::Success, TaskOutput::Json(Bytes::from_static(b"{\"n\": NaN}")));
        meta.children = Some(vec![Child::task("c")]);
        let stored = meta.encode(Serializer::Json).unwrap();
        assert_eq!(
            std::str::from_utf8(&stored).unwrap(),
            r#"{"status":"SUCCESS","result":{"n": NaN},"traceback":null,"children":[[["c",null],null]],"date_done":null,"task_id":"t"}"#
        );
        let read = TaskMeta::decode(&"t".into(), &stored, Serializer::Json).unwrap();
        assert_eq!(read.children, meta.children);
    }

    #[test]
    fn rubbish_is_named() {
        for rubbish in ["", "[]", "{}", "{\"status\": 1}"] {
            let error = TaskMeta::decode(&"t".into(), rubbish.as_bytes(), Serializer::Json).unwrap_err();
            assert!(error.to_string().contains("task `t`"), "{error}");
        }
    }
}
