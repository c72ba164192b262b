//! The line machines read: one JSON object with `timestamp`, `level`, `target`, `message`, every field, and the
//! trace of the task that it is about.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::line::Line;

/// `{"timestamp":"2026-11-21T12:03:44.120381Z","level":"INFO",…}`: times in UTC, run times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = Line::read(event).with_trace();
        let mut object: Map<String, Value> =
            line.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Last, so that no field takes their place.
        let meta = event.metadata();
        object.insert("timestamp".into(), format!("{:.6}", jiff::Timestamp::now()).into());
        object.insert("level".into(), meta.level().as_str().into());
        object.insert("target".into(), meta.target().into());
        object.insert("message".into(), line.message.into());
        writeln!(to, "{}", Value::Object(object))
    }
}
