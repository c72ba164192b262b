//! The one public error of taskq: opaque, cheap to clone, with predicates instead of variants.
//!
//! Driver types never appear in it; they are boxed into the source chain.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{backend::BackendError, broker::BrokerError};

/// What went wrong, coarsely. Match on this, not on texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is unknown, of the wrong type or impossible.
    Config,
    /// The broker or the backend cannot be reached, or the connection broke.
    Connection,
    /// The deadline of the operation passed.
    Timeout,
    /// The broker refused: credentials, permissions, topology, unroutable message.
    Broker,
    /// The result backend refused or holds something unreadable.
    Backend,
    /// A value could not be encoded.
    Encode,
    /// A message, argument or result could not be decoded.
    Decode,
    /// A task is not registered, registered twice, or misses state it needs.
    Registration,
    /// The operation is not offered by this broker, backend or pool.
    Unsupported,
    /// Anything else.
    Other,
}

/// An error of taskq.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`. The message says what was tried, lower case, no full stop.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same with a cause.
    #[cold]
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without a change by anybody.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Connection | ErrorKind::Timeout)
    }

    /// Whether a connection is missing or broke.
    pub fn is_connection(&self) -> bool {
        self.0.kind == ErrorKind::Connection
    }

    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(&self.0.message, self.source()))
    }
}

/// A message and its causes in one line: most programs print errors with `{}` only. Many libraries put their source into
/// their own text as well: what was said is not said again.
pub(crate) fn with_causes(message: &str, mut source: Option<&(dyn StdError + 'static)>) -> String {
    let mut said = message.to_owned();
    while let Some(cause) = source {
        let text = cause.to_string();
        if text.starts_with(&said) {
            said = text;
        } else if !said.ends_with(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        if cause.is::<Error>() || cause.is::<BrokerError>() || cause.is::<BackendError>() {
            break; // it has printed its own causes
        }
        source = cause.source();
    }
    said
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_the_chain_once() {
        let io = std::io::Error::other("connection reset");
        let inner = Error::with_source(ErrorKind::Connection, "could not read from `redis://h`", io);
        let outer = Error::with_source(ErrorKind::Broker, "could not settle 3 deliveries", inner);
        assert_eq!(
            outer.to_string(),
            "could not settle 3 deliveries: could not read from `redis://h`: connection reset"
        );
        assert_eq!(outer.kind(), ErrorKind::Broker);
    }

    #[test]
    fn errors_of_drivers_print_their_causes_too() {
        let io = std::io::Error::other("connection reset");
        let kind = crate::broker::BrokerErrorKind::Connection;
        let middle = Error::with_source(ErrorKind::Connection, "could not read", io);
        let broker = BrokerError::with_source(kind, "could not take messages", middle);
        let shown = "could not take messages: could not read: connection reset";
        assert_eq!(broker.to_string(), shown);
        let backend = BackendError::transient(broker.to_string()).caused_by(broker);
        assert_eq!(backend.to_string(), shown);
        assert_eq!(Error::from(backend).to_string(), shown);
    }

    #[test]
    fn display_says_nothing_twice() {
        let io = std::io::Error::other("refused");
        let inner = Error::with_source(ErrorKind::Connection, "could not connect to `h`: refused", io);
        assert_eq!(inner.to_string(), "could not connect to `h`: refused");
        let outer = Error::with_source(ErrorKind::Connection, "could not connect to `h`", inner);
        assert_eq!(outer.to_string(), "could not connect to `h`: refused");
    }
}
