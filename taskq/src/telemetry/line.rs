//! What one event says: message, fields, and the task that said it.

use std::fmt;

use serde_json::Value;
use taskq_core::{protocol::TraceContext, task::TaskContext};
use tracing::{Event, field::Field, field::Visit};

/// The parts of one event, fields in the order they were written.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// Reads an event. One that comes from inside a running task, and does not name a task itself, gets the
    /// fields `task` and `id` of that run.
    pub(super) fn read(event: &Event<'_>) -> Self {
        let mut line = Self::default();
        event.record(&mut line);
        if line.get("id").is_none()
            && let Some(cx) = TaskContext::current()
        {
            line.fields.push(("task", cx.request().headers.task.as_str().into()));
            line.fields.push(("id", cx.id().as_str().into()));
        }
        line
    }

    /// Adds `trace_id` and `span_id` of the task that runs here to what belongs to it and does not name a trace.
    pub(super) fn with_trace(mut self) -> Self {
        if let Some(cx) = TaskContext::current()
            && self.get("trace_id").is_none()
            && self.get("id").and_then(Value::as_str) == Some(cx.id().as_str())
        {
            let trace = cx.trace();
            self.fields.extend(ids(&trace).map(|(name, id)| (name, Value::from(id))));
        }
        self
    }

    /// A field.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.push((field.name(), value.into()));
    }
}

fn ids(trace: &TraceContext) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [("trace_id", trace.trace_id()), ("span_id", trace.span_id())];
    named.into_iter().filter_map(|(name, id)| Some((name, id?)))
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.push(field, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.push(field, format!("{value:?}")),
        }
    }
}
