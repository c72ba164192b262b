//! Where settings come from, and what is said when one of them is wrong.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{
    Settings, check, file,
    kind::Raw,
    names::{self, Known},
    url::{is_secret_name, redact},
};
use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
};

/// The file that is read when nothing else is said.
const DEFAULT_FILE: &str = "taskq.toml";

/// Variables with our prefix that are no settings.
const NOT_SETTINGS: &[&str] = &["TASKQ_CONFIG", "TASKQ_LOG", "TASKQ_LOG_FORMAT", "TASKQ_SHARED"];
const NOT_SETTINGS_PREFIX: &str = "TASKQ_TEST_";

/// Celery's own variables.
const CELERY_VARIABLES: &[(&str, &str)] = &[
    ("CELERY_BROKER_URL", "broker_url"),
    ("CELERY_BROKER_READ_URL", "broker_read_url"),
    ("CELERY_BROKER_WRITE_URL", "broker_write_url"),
    ("CELERY_RESULT_BACKEND", "result_backend"),
];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The program.
    Code,
    /// A command line flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::Code => f.write_str("set in code"),
            Self::Flag(flag) => write!(f, "`{flag}`"),
        }
    }
}

/// Which settings were set, by whom, and what is to be said about them.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) sources: BTreeMap<&'static str, Source>,
    pub(super) without_meaning: Vec<String>,
}

/// The sources of an app's settings. Later ones win: file, environment, code, command line.
///
/// ```
/// use taskq_core::{codec::Value, config::Sources};
///
/// let settings = Sources::none().set("worker_concurrency", Value::Int(8)).load().unwrap();
/// assert_eq!(settings.worker_concurrency.get(), 8);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: FileChoice,
    variables: Vec<(String, String)>,
    code: Vec<(String, Value)>,
    flags: Vec<(String, String, Given)>,
    lenient: bool,
}

#[derive(Clone, Debug, Default)]
enum FileChoice {
    #[default]
    None,
    /// `TASKQ_CONFIG`, or `taskq.toml` if it exists.
    Search,
    /// It must exist.
    At(PathBuf),
}

#[derive(Clone, Debug)]
enum Given {
    Value(Value),
    Text(String),
}

impl Sources {
    /// Nothing but the defaults.
    pub fn none() -> Self {
        Self::default()
    }

    /// What a program reads: `$TASKQ_CONFIG` or `taskq.toml`, and the environment.
    pub fn process() -> Self {
        Self::none().search_file().environment(
            // A variable that is no Unicode cannot be ours.
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads `$TASKQ_CONFIG`, or `taskq.toml` in the working directory if it is there.
    pub fn search_file(mut self) -> Self {
        self.file = FileChoice::Search;
        self
    }

    /// Reads this file, which must exist (`--config`).
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = FileChoice::At(path.into());
        self
    }

    /// Reads variables: `TASKQ_<NAME>`, and Celery's `CELERY_BROKER_URL`, `CELERY_BROKER_READ_URL`,
    /// `CELERY_BROKER_WRITE_URL` and `CELERY_RESULT_BACKEND`. Empty ones count as not set.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |name: &str| {
            name.starts_with("TASKQ_") || CELERY_VARIABLES.iter().any(|(known, _)| *known == name)
        };
        self.variables =
            variables.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect();
        self
    }

    /// A value the program sets.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.code.push((name.into(), value.into()));
        self
    }

    /// Values the program sets, as a map.
    pub fn set_all(mut self, map: Map) -> Self {
        self.code.extend(map);
        self
    }

    /// A value of the command line, already typed; `flag` is how messages name it.
    pub fn flag(mut self, flag: impl Into<String>, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.flags.push((flag.into(), name.into(), Given::Value(value.into())));
        self
    }

    /// A value of the command line as text.
    pub fn flag_text(
        mut self,
        flag: impl Into<String>,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.flags.push((flag.into(), name.into(), Given::Text(text.into())));
        self
    }

    /// Puts unknown names with those that have no meaning instead of refusing them.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Everything that is wrong at once: one line each, with its source, the value (secrets masked), what is
    /// expected, and for an unknown name the nearest known one.
    pub fn load(self) -> Result<Settings, Error> {
        self.load_over(Settings::default())
    }

    /// The same over settings that are there already, instead of the defaults.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_over(self, settings: Settings) -> Result<Settings, Error> {
        let mut loading = Loading { settings, problems: Vec::new(), lenient: self.lenient };
        if let Some(path) = self.file.path(&self.variables) {
            for entry in file::read(&path)? {
                let source = Source::File { path: path.clone(), line: entry.line };
                loading.set(&entry.name, Raw::Value(&entry.value), source);
            }
        }
        for (variable, text) in &self.variables {
            loading.variable(variable, text);
        }
        for (name, value) in &self.code {
            loading.set(name, Raw::Value(value), Source::Code);
        }
        for (flag, name, given) in &self.flags {
            let raw = match given {
                Given::Value(value) => Raw::Value(value),
                Given::Text(text) => Raw::Text(text),
            };
            loading.set(name, raw, Source::Flag(flag.clone()));
        }
        loading.finish()
    }
}

impl FileChoice {
    fn path(&self, variables: &[(String, String)]) -> Option<PathBuf> {
        match self {
            Self::None => None,
            Self::At(path) => Some(path.clone()),
            Self::Search => match variables.iter().find(|(name, _)| name == "TASKQ_CONFIG") {
                Some((_, path)) => Some(path.into()),
                None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file()),
            },
        }
    }
}

struct Loading {
    settings: Settings,
    problems: Vec<String>,
    lenient: bool,
}

impl Loading {
    fn variable(&mut self, variable: &str, text: &str) {
        if NOT_SETTINGS.contains(&variable) || variable.starts_with(NOT_SETTINGS_PREFIX) {
            return;
        }
        let source = Source::Variable(variable.to_owned());
        match CELERY_VARIABLES.iter().find(|(known, _)| *known == variable) {
            // Our own variable of the same setting wins.
            Some((_, name))
                if matches!(self.settings.origins.sources.get(name), Some(Source::Variable(_))) => {}
            Some((_, name)) => self.set(name, Raw::Text(text), source),
            None => {
                let name = variable.trim_start_matches("TASKQ_").to_ascii_lowercase();
                self.set(&name, Raw::Text(text), source);
            }
        }
    }

    fn set(&mut self, given: &str, raw: Raw<'_>, source: Source) {
        let name = match names::lookup(given) {
            Known::Setting(name) => name,
            Known::WithoutMeaning(name) => return self.settings.origins.without_meaning.push(name),
            Known::Unknown(_) if self.lenient => {
                return self.settings.origins.without_meaning.push(given.to_owned());
            }
            Known::Unknown(nearest) => {
                let hint = nearest.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
                return self.problems.push(format!("{source}: unknown setting `{given}`{hint}"));
            }
        };
        match self.settings.assign(name, raw) {
            Some(Ok(())) => _ = self.settings.origins.sources.insert(name, source),
            Some(Err(expected)) => {
                let shown = shown(name, raw);
                self.problems.push(format!("{source}: `{name}` is {shown}, expected {expected}"));
            }
            None => self.problems.push(format!("{source}: unknown setting `{given}`")),
        }
    }

    fn finish(mut self) -> Result<Settings, Error> {
        check::complete(&mut self.settings);
        for (name, problem) in check::problems(&self.settings) {
            let source = self.settings.origins.sources.get(name).map(|source| format!("{source}: "));
            self.problems.push(format!("{}`{name}` {problem}", source.unwrap_or_default()));
        }
        let text = match self.problems.as_slice() {
            [] => return Ok(self.settings),
            [one] => one.clone(),
            many => format!("{} settings are wrong:\n  {}", many.len(), many.join("\n  ")),
        };
        Err(Error::new(ErrorKind::Config, text))
    }
}

/// A value for a message: masked if it may be a secret.
fn shown(name: &str, raw: Raw<'_>) -> String {
    if is_secret_name(name) {
        return "not usable".to_owned();
    }
    match raw {
        Raw::Text(text) => format!("`{}`", redact(text)),
        Raw::Value(Value::Str(text)) => format!("the text `{}`", redact(text)),
        Raw::Value(Value::Int(number)) => format!("`{number}`"),
        Raw::Value(Value::Float(number)) => format!("`{number}`"),
        Raw::Value(Value::Bool(is)) => format!("`{is}`"),
        Raw::Value(Value::List(_)) => "a list".to_owned(),
        Raw::Value(Value::Map(_)) => "a map".to_owned(),
        Raw::Value(_) => "a value of another type".to_owned(),
    }
}

#[cfg(test)]
mod tests;
