//! What can go wrong with a file, in words that say how to mend it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use rusqlite::ErrorCode;
use taskq_core::{
    backend::BackendError,
    broker::{BrokerError, BrokerErrorKind},
};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A failure of the store. Cloned for everybody whose work was in the same transaction.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: BrokerErrorKind,
    text: Arc<str>,
    /// Whether SQLite said so, and not we.
    from_file: bool,
}

impl Failure {
    pub(crate) fn new(kind: BrokerErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into().into(), from_file: false }
    }

    /// The store of this process was closed.
    pub(crate) fn closed() -> Self {
        Self::new(BrokerErrorKind::Closed, "the SQLite file was closed in this process")
    }

    /// Adds the file to what SQLite said and, for a lock, how long was waited.
    pub(crate) fn at(self, path: &Path, waited: Duration) -> Self {
        if !self.from_file {
            return self;
        }
        let text = &self.text;
        let path = path.display();
        let text = match self.kind {
            BrokerErrorKind::Timeout => format!(
                "`{path}` was locked by another process for {waited:?}: {text}; if that is no taskq process, \
                 end it, else raise `busy_timeout`"
            ),
            _ => format!("`{path}`: {text}"),
        };
        Self { from_file: true, ..Self::new(self.kind, text) }
    }

    /// Whether somebody else held the lock for too long.
    pub(crate) fn is_busy(&self) -> bool {
        self.kind == BrokerErrorKind::Timeout
    }

    /// Whether no queue takes a message.
    pub(crate) fn is_unroutable(&self) -> bool {
        self.kind == BrokerErrorKind::Unroutable
    }

    /// Whether the same may work later without a change by the program: a lock, a full disk, a disk error.
    pub(crate) fn may_pass(&self) -> bool {
        self.from_file
            && matches!(
                self.kind,
                BrokerErrorKind::Timeout | BrokerErrorKind::Connection | BrokerErrorKind::Other
            )
    }

    /// As an error of a broker, saying what was tried.
    pub(crate) fn broker(self, tried: impl fmt::Display) -> BrokerError {
        BrokerError::new(self.kind, format!("could not {tried}: {}", self.text))
    }

    /// As an error of a backend, saying what was tried.
    pub(crate) fn backend(self, tried: impl fmt::Display) -> BackendError {
        let text = format!("could not {tried}: {}", self.text);
        match self.kind {
            BrokerErrorKind::Timeout | BrokerErrorKind::Connection => BackendError::transient(text),
            _ => BackendError::permanent(text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, hint) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (BrokerErrorKind::Timeout, ""),
            Some(ErrorCode::NotADatabase) => {
                (BrokerErrorKind::Corrupt, ": it is another kind of file; name a new one")
            }
            Some(ErrorCode::DatabaseCorrupt) => (
                BrokerErrorKind::Corrupt,
                ": the file is damaged; save it, and recover it with `sqlite3 FILE .recover`",
            ),
            Some(ErrorCode::DiskFull) => {
                (BrokerErrorKind::Other, ": the disk or the quota is full; nothing was stored")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                (BrokerErrorKind::Refused, ": the file and its folder must be writable")
            }
            Some(ErrorCode::CannotOpen) => {
                (BrokerErrorKind::Config, ": its folder must exist and be writable")
            }
            Some(ErrorCode::SystemIoFailure) => (BrokerErrorKind::Connection, ""),
            _ => (BrokerErrorKind::Other, ""),
        };
        Self { from_file: true, ..Self::new(kind, format!("{error}{hint}")) }
    }
}
