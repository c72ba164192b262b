//! The line people read: time, level, message, then the fields.

use std::{borrow::Cow, fmt};

use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::line::Line;

/// `12:03:44.120 INFO  task succeeded task=proj.add id=… runtime=1.2ms`: local time to the millisecond; the
/// target only where it is not taskq's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Human;

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let ansi = to.has_ansi_escapes();
        let now = jiff::Zoned::now().datetime();
        let time =
            format!("{:02}:{:02}:{:02}.{:03}", now.hour(), now.minute(), now.second(), now.millisecond());
        let (name, color) = match *event.metadata().level() {
            Level::ERROR => ("ERROR", "31"),
            Level::WARN => ("WARN ", "33"),
            Level::INFO => ("INFO ", "32"),
            Level::DEBUG => ("DEBUG", "34"),
            Level::TRACE => ("TRACE", "35"),
        };
        if ansi {
            write!(to, "\x1b[2m{time}\x1b[0m \x1b[{color}m{name}\x1b[0m ")?;
        } else {
            write!(to, "{time} {name} ")?;
        }
        let target = event.metadata().target();
        if !target.starts_with("taskq") {
            write!(to, "{target}: ")?;
        }
        let line = Line::read(event);
        write!(to, "{}", one_line(&line.message))?;
        for (name, value) in line.fields.iter().filter(|(name, value)| says_something(&line, name, value)) {
            let text = text(name, value);
            if ansi {
                write!(to, " \x1b[2m{name}=\x1b[0m{text}")?;
            } else {
                write!(to, " {name}={text}")?;
            }
        }
        writeln!(to)
    }
}

/// Not empty, nor a root that is the task itself, nor a traceback that is no more than the error.
fn says_something(line: &Line, name: &str, value: &Value) -> bool {
    let repeats = match name {
        "root" => line.get("id") == Some(value),
        "traceback" => line.get("error") == Some(value),
        _ => false,
    };
    !repeats && value.as_str() != Some("")
}

fn text<'a>(name: &str, value: &'a Value) -> Cow<'a, str> {
    match value {
        // Quoted only where the end of the value could not be seen.
        Value::String(text) if text.contains(char::is_whitespace) => format!("{text:?}").into(),
        Value::String(text) => one_line(text),
        // Seconds, for machines.
        Value::Number(seconds) if name == "runtime" => match seconds.as_f64().unwrap_or_default() {
            short @ ..1.0 => format!("{:.1}ms", short * 1000.0).into(),
            long => format!("{long:.2}s").into(),
        },
        other => other.to_string().into(),
    }
}

/// An event is one line, whatever a task put into it.
fn one_line(text: &str) -> Cow<'_, str> {
    let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    if text.contains(char::is_control) { text.chars().map(escaped).collect() } else { text.into() }
}
