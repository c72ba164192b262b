//! Logs: levels by Celery's names, one calm line an event for people, one JSON object for machines.
//!
//! Lines that a task logs carry its name and id. Kept true here: nothing is installed over a subscriber that the program has set itself, and no secret is
//! ever handed to a log (URLs are redacted where they are made, in the settings).

#[cfg(test)]
mod format_tests;
mod human;
mod json;
mod line;

use std::{fs::File, io, path::PathBuf, str::FromStr, sync::Mutex};

use taskq_core::protocol::TraceContext;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, writer::BoxMakeWriter},
    layer::{Identity, Layered, SubscriberExt},
    registry,
    util::SubscriberInitExt,
};

use self::{human::Human, json::Json};
use crate::progress::Stderr;

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum LogFormat {
    /// One line an event, for people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Which events are logged: a level by Celery's name (`DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`, in any
/// case), or directives as `RUST_LOG` has them (`taskq_worker=debug,info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

/// Crates below taskq whose `debug` is noise to everybody who did not name them.
const CHATTY: [&str; 3] = ["rustls", "mio", "redis"];

impl LogLevel {
    /// `INFO`: what a worker logs.
    pub fn info() -> Self {
        Self("info".into())
    }

    /// `WARNING`: what every other command logs.
    pub fn warning() -> Self {
        Self("warn".into())
    }

    /// `TASKQ_LOG`, else `RUST_LOG`, if set and readable.
    pub fn from_env() -> Option<Self> {
        let read = |name| std::env::var(name).ok()?.parse().ok();
        read("TASKQ_LOG").or_else(|| read("RUST_LOG"))
    }

    fn filter(&self) -> EnvFilter {
        // Parsed once already, in `from_str`. The AMQP client logs whole messages, and nothing that we do not
        // report in our own words.
        let quiet = if self.0.contains("lapin") { "" } else { ",lapin=off" };
        EnvFilter::new(format!("{}{quiet}", self.0))
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = match text.trim().to_ascii_lowercase().as_str() {
            level @ ("debug" | "trace") => {
                let quiet: String = CHATTY.iter().map(|name| format!(",{name}=info")).collect();
                return Ok(Self(format!("{level}{quiet}")));
            }
            "info" => "info",
            "warning" | "warn" => "warn",
            "error" | "critical" | "fatal" => "error",
            "off" => "off",
            directives if directives.contains('=') => {
                EnvFilter::try_new(text).map_err(|error| format!("`{text}` is no log filter: {error}"))?;
                text
            }
            _ => {
                return Err(format!(
                    "`{text}` is no log level: use DEBUG, INFO, WARNING, ERROR or CRITICAL, or a filter such as \
                     `taskq_worker=debug,info`"
                ));
            }
        };
        Ok(Self(level.to_owned()))
    }
}

/// The log, as a layer beside it sees it.
pub type Lines = Layered<Box<dyn Layer<Registry> + Send + Sync>, Registry>;

/// How a process logs.
#[derive(Clone, Debug)]
pub struct Logging {
    /// Which events.
    pub level: LogLevel,
    /// How they look.
    pub format: LogFormat,
    /// Colours, for [`LogFormat::Text`] on a terminal.
    pub color: bool,
    /// Append to this file instead of writing to standard error.
    pub file: Option<PathBuf>,
}

impl Logging {
    /// Makes this the logging of the process. Answers false, and changes nothing, when the program has set a
    /// subscriber of its own before.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn install(&self) -> io::Result<bool> {
        self.install_with(Identity::new())
    }

    /// As [`install`](Self::install), with another layer beside the log.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn install_with(&self, beside: impl Layer<Lines> + Send + Sync) -> io::Result<bool> {
        let writer = match &self.file {
            Some(path) => {
                BoxMakeWriter::new(Mutex::new(File::options().append(true).create(true).open(path)?))
            }
            None => BoxMakeWriter::new(|| Stderr),
        };
        let lines = fmt::layer().with_writer(writer).with_ansi(self.color && self.file.is_none());
        let lines = match self.format {
            LogFormat::Text => lines.event_format(Human).with_filter(self.level.filter()).boxed(),
            LogFormat::Json => {
                TraceContext::log_ids();
                lines.event_format(Json).with_filter(self.level.filter()).boxed()
            }
        };
        Ok(registry().with(lines).with(beside).try_init().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn celery_level_names_are_read_in_any_case() {
        for (text, level) in
            [("WARNING", "warn"), ("Critical", "error"), ("info", "info"), ("FATAL", "error")]
        {
            assert_eq!(text.parse(), Ok(LogLevel(level.into())), "{text}");
        }
        assert_eq!("taskq=debug,warn".parse(), Ok(LogLevel("taskq=debug,warn".into())));
        assert!("DEBUG".parse::<LogLevel>().unwrap().0.starts_with("debug,"));
    }

    #[test]
    fn a_wrong_level_names_the_right_ones() {
        let error = "loud".parse::<LogLevel>().unwrap_err();
        assert!(error.contains("`loud`") && error.contains("WARNING"), "{error}");
        assert!("taskq=loud".parse::<LogLevel>().is_err());
    }
}
