//! The line people read: time, level, message, then the fields.

use std::fmt;

use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    field::Visit,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

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
        let level = *event.metadata().level();
        let (name, color) = match level {
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
        let mut line = Line::default();
        event.record(&mut line);
        write!(to, "{}", line.message)?;
        for (name, value) in line.shown() {
            if ansi {
                write!(to, " \x1b[2m{name}=\x1b[0m{value}")?;
            } else {
                write!(to, " {name}={value}")?;
            }
        }
        writeln!(to)
    }
}

/// The message and the fields of one event.
#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    /// The fields that say something: not empty ones, nor a root that is the task itself.
    fn shown(&self) -> impl Iterator<Item = &(&'static str, String)> {
        let id = self.fields.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
        self.fields.iter().filter(move |(name, value)| match *name {
            "root" => Some(value) != id,
            _ => !value.is_empty(),
        })
    }

    fn push(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = one_line(value),
            name => self.fields.push((name, one_line(value))),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Quoted only where the end of the value could not be seen.
        let quoted = field.name() != "message" && value.contains(char::is_whitespace);
        self.push(field, if quoted { format!("{value:?}") } else { value.to_owned() });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = match field.name() {
            // Seconds, for machines.
            "runtime" if value < 1.0 => format!("{:.1}ms", value * 1000.0),
            "runtime" => format!("{value:.2}s"),
            _ => value.to_string(),
        };
        self.push(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }
}

/// An event is one line, whatever a task put into it.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) {
        text.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
            .collect()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_with_the_fields_that_say_something() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .event_format(Human)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let (id, root, empty) = ("a-1", "a-1", "");
            tracing::info!(target: "taskq", id, root, empty, runtime = 0.00123, "task succeeded");
            tracing::info!(target: "taskq", id, root = "r-1", error = "two words\nand a line", "task failed");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        assert_eq!(lines[0].0.len(), "12:03:44.120".len(), "{text}");
        let said: Vec<&str> = lines.iter().map(|(_, rest)| *rest).collect();
        let expected = [
            "INFO  task succeeded id=a-1 runtime=1.2ms",
            "INFO  task failed id=a-1 root=r-1 error=\"two words\\nand a line\"",
        ];
        assert_eq!(said, expected);
    }
}
