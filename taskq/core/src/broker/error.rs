//! What a driver reports.

use std::{error::Error as StdError, fmt};

use crate::{Error, ErrorKind, error::with_causes};

/// The classes of broker errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BrokerErrorKind {
    /// Not reachable, or the connection broke. May pass.
    Connection,
    /// A deadline passed. May pass.
    Timeout,
    /// Credentials or permissions. Does not pass by itself.
    Refused,
    /// Something exists with other arguments.
    Topology,
    /// No queue takes this message.
    Unroutable,
    /// The broker holds what it should not.
    Corrupt,
    /// A bad URL or option.
    Config,
    /// Closed by us.
    Closed,
    /// Anything else.
    Other,
}

/// An error of a broker driver. The driver's own error is boxed as the source.
#[derive(Debug)]
pub struct BrokerError {
    kind: BrokerErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BrokerError {
    /// An error; the message says what was tried.
    #[cold]
    pub fn new(kind: BrokerErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[cold]
    pub fn with_source(
        kind: BrokerErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }

    /// Its class.
    pub fn kind(&self) -> BrokerErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, BrokerErrorKind::Connection | BrokerErrorKind::Timeout)
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(&self.message, self.source()))
    }
}

impl StdError for BrokerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<BrokerError> for Error {
    fn from(error: BrokerError) -> Self {
        let kind = match error.kind {
            BrokerErrorKind::Connection => ErrorKind::Connection,
            BrokerErrorKind::Timeout => ErrorKind::Timeout,
            BrokerErrorKind::Config => ErrorKind::Config,
            _ => ErrorKind::Broker,
        };
        match error.source {
            Some(source) => Error::with_source(kind, error.message, source),
            None => Error::new(kind, error.message),
        }
    }
}
