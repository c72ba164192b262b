//! From errors of the client to errors of the seam. Client types stop here.

use redis::RedisError;
use taskq_core::{
    backend::BackendError,
    broker::{BrokerError, BrokerErrorKind},
};

/// Whether the connection must be made anew.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || is_starting(error)
}

/// Whether the server is there but does not serve yet, or no longer as a master.
fn is_starting(error: &RedisError) -> bool {
    matches!(error.code(), Some("LOADING" | "READONLY" | "MASTERDOWN" | "TRYAGAIN" | "BUSY"))
}

/// Credentials or permissions: no retry mends them.
fn is_refused(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
        || matches!(error.kind(), redis::ErrorKind::AuthenticationFailed)
}

fn kind(error: &RedisError) -> BrokerErrorKind {
    if is_refused(error) {
        BrokerErrorKind::Refused
    } else if error.is_timeout() {
        BrokerErrorKind::Timeout
    } else if is_broken(error) {
        BrokerErrorKind::Connection
    } else {
        BrokerErrorKind::Other
    }
}

/// Whether the server has no room for what was to be stored.
fn is_full(error: &RedisError) -> bool {
    let errors = error.clone().into_server_errors();
    errors.is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == "OOM"))
}

/// What was tried, at which (redacted) address, and why it failed.
#[cold]
pub(crate) fn broker(what: &str, at: &str, error: RedisError) -> BrokerError {
    let why = if is_full(&error) {
        ": the server is full; let workers empty the queues, or raise its `maxmemory`"
    } else {
        ""
    };
    BrokerError::with_source(kind(&error), format!("could not {what} on `{at}`{why}"), error)
}

/// The same for a result backend.
#[cold]
pub(crate) fn backend(error: BrokerError) -> BackendError {
    let text = error.to_string();
    if error.is_retryable() {
        BackendError::transient(text).caused_by(error)
    } else {
        BackendError::permanent(text).caused_by(error)
    }
}
