//! A failure: how an error is stored, and the error value itself while it is in this process.

use std::{any::type_name, error::Error as StdError, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{backend::StoredError, codec::Value};

/// A failure: how the error is stored, and the error itself while it is in this process.
#[derive(Clone)]
pub struct Failure {
    /// What is stored.
    pub error: StoredError,
    /// What happened.
    pub kind: FailureKind,
    /// Text for a person; names the error's type and message.
    pub traceback: Option<String>,
    source: Option<Arc<dyn Source>>,
}

/// How a failure came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FailureKind {
    /// The task returned an error.
    Error,
    /// The task panicked.
    Panic,
    /// The arguments do not fit.
    BadArguments,
    /// A soft or hard time limit struck.
    Timeout,
    /// The process that ran it died.
    WorkerLost,
}

impl Failure {
    /// A failure of a standard Python class, such as `ValueError`.
    pub fn new(exc_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            error: StoredError::builtin(exc_type, message),
            kind: FailureKind::Error,
            traceback: None,
            source: None,
        }
    }

    /// With the Python module of its class, such as `celery.exceptions` or `proj.errors`.
    pub fn in_module(mut self, module: impl Into<String>) -> Self {
        self.error.exc_module = module.into();
        self
    }

    /// With the arguments of the exception instead of one message.
    pub fn with_args(mut self, args: Vec<Value>) -> Self {
        self.error.exc_message = args;
        self
    }

    /// Marks how it came about.
    pub fn of_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// From an error value. `exc_type` is the last segment of its type name, `exc_module` the path before it
    /// with dots; texts and boxed errors, whose type says nothing, are stored as Python's `Exception`.
    pub fn from_error<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self::from_source(type_name::<E>(), Boxed(error.into()))
    }

    /// From an error that wraps another of a type not known here and shows it with `as_ref`: `anyhow::Error`,
    /// `Box<dyn Error + Send + Sync>`. Unlike [`from_error`](Self::from_error), the wrapped error keeps its
    /// type, so that `retry_on` finds it.
    pub fn from_wrapper<E>(error: E) -> Self
    where
        E: AsRef<dyn StdError + Send + Sync> + Send + Sync + 'static,
    {
        Self::from_source(type_name::<E>(), Wrapper(error))
    }

    fn from_source(type_name: &str, source: impl Source + 'static) -> Self {
        let (exc_module, exc_type) = python_name(type_name);
        let error = source.error();
        let traceback = Some(traceback(&exc_type, error));
        let exc_message = vec![Value::Str(error.to_string())];
        Self {
            error: StoredError { exc_type, exc_message, exc_module },
            kind: FailureKind::Error,
            traceback,
            source: Some(Arc::new(source)),
        }
    }

    /// The error value, while it is in this process: for `retry_on` and `throws`.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(Source::error)
    }

    /// Whether the error, or one in its source chain, is an `E`.
    pub fn is<E: StdError + 'static>(&self) -> bool {
        std::iter::successors(self.source(), |&error| error.source()).any(|error| error.is::<E>())
    }

    /// Whether it is stored under this exception type: for failures that are known by name only.
    pub fn is_named(&self, exc_type: &str) -> bool {
        self.error.exc_type == exc_type
    }
}

/// Where the error value is kept.
trait Source: Send + Sync {
    fn error(&self) -> &(dyn StdError + 'static);
}

struct Boxed(Box<dyn StdError + Send + Sync>);

impl Source for Boxed {
    fn error(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

struct Wrapper<E>(E);

impl<E: AsRef<dyn StdError + Send + Sync> + Send + Sync> Source for Wrapper<E> {
    fn error(&self) -> &(dyn StdError + 'static) {
        self.0.as_ref()
    }
}

/// Types that carry some other error, or only a text.
const ANONYMOUS: [&str; 4] = ["&str", "alloc::string::String", "anyhow::Error", "eyre::Report"];

/// `a::b::C<D>` → (`a.b`, `C`).
fn python_name(type_name: &str) -> (String, String) {
    let path = type_name.split('<').next().unwrap_or(type_name);
    if ANONYMOUS.contains(&type_name) || path == "alloc::boxed::Box" || path == "alloc::borrow::Cow" {
        return ("builtins".to_owned(), "Exception".to_owned());
    }
    match path.rsplit_once("::") {
        Some((module, name)) => (module.replace("::", "."), name.to_owned()),
        None => ("builtins".to_owned(), path.to_owned()),
    }
}

fn traceback(name: &str, error: &(dyn StdError + 'static)) -> String {
    let mut text = format!("{name}: {error}");
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
    }
    text
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self})")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.error.message();
        match message.is_empty() {
            true => f.write_str(&self.error.exc_type),
            false => write!(f, "{}: {message}", self.error.exc_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::task::TaskError;

    #[derive(Debug, thiserror::Error)]
    #[error("could not fetch")]
    struct FetchError(#[source] io::Error);

    fn refused() -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionRefused, "refused")
    }

    #[test]
    fn an_error_is_stored_under_the_name_of_its_type() {
        let failure = Failure::from_error(FetchError(refused()));
        assert_eq!(failure.error.exc_type, "FetchError");
        assert_eq!(failure.error.exc_module, "taskq_core.task.failure.tests");
        assert_eq!(failure.error.exc_message, [Value::Str("could not fetch".into())]);
        assert_eq!(failure.traceback.as_deref(), Some("FetchError: could not fetch\n  caused by: refused"));
    }

    #[test]
    fn errors_are_found_by_type_through_the_source_chain() {
        let failure = Failure::from_error(FetchError(refused()));
        assert!(failure.is::<FetchError>() && failure.is::<io::Error>());
        assert!(!failure.is::<std::fmt::Error>());
        assert!(!Failure::new("ValueError", "x").is::<io::Error>());
    }

    #[test]
    fn texts_and_boxes_are_plain_exceptions() {
        for error in [TaskError::from("text"), TaskError::from(String::from("text"))] {
            let TaskError::Failure(failure) = error else { panic!("{error:?}") };
            assert_eq!(failure.to_string(), "Exception: text");
            assert_eq!(failure.error.exc_module, "builtins");
        }
        let boxed: Box<dyn StdError + Send + Sync> = Box::new(refused());
        let failure = Failure::from_wrapper(boxed);
        assert_eq!(failure.to_string(), "Exception: refused");
        assert!(failure.is::<io::Error>());
    }

    #[test]
    fn question_mark_takes_anything() {
        fn ends(how: u8) -> Result<(), TaskError> {
            match how {
                0 => Err(refused())?,
                1 => Err(Box::<dyn StdError + Send + Sync>::from("boxed"))?,
                2 => Err("text")?,
                3 => Err(Failure::new("KeyError", "k"))?,
                _ => Err(crate::task::RetryRequest::default())?,
            }
            Ok(())
        }
        let texts: Vec<_> = (0..5).map(|how| ends(how).unwrap_err().to_string()).collect();
        assert_eq!(texts, ["Error: refused", "Exception: boxed", "Exception: text", "KeyError: k", "retry"]);
    }
}
