//! From errors of the client to errors of the seam. Client types stop here.

use std::sync::Arc;

use redis::{ErrorKind, RedisError};
use taskq_core::{
    backend::BackendError,
    broker::{BrokerError, BrokerErrorKind},
};

/// Whether the connection must be made anew.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || is_starting(error)
        // Also said of a master that is down and not replaced yet.
        || matches!(error.kind(), ErrorKind::MasterNameNotFoundBySentinel)
}

/// Whether the server is there but does not serve yet, or no longer as a master.
fn is_starting(error: &RedisError) -> bool {
    says(error, &["LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "BUSY", "UNBLOCKED"])
}

/// Credentials or permissions: no retry mends them.
pub(crate) fn is_refused(error: &RedisError) -> bool {
    says(error, &["NOAUTH", "WRONGPASS", "NOPERM"]) || matches!(error.kind(), ErrorKind::AuthenticationFailed)
}

/// Whether the server's answer, or one of those in a pipeline, begins with one of these words.
fn says(error: &RedisError, codes: &[&str]) -> bool {
    match error.code() {
        Some(code) => codes.contains(&code),
        None => error
            .clone()
            .into_server_errors()
            .is_some_and(|all| all.iter().any(|(_, error)| codes.contains(&error.code()))),
    }
}

/// What is wrong between the two certificates, and the cure; no retry mends it either.
fn distrust(error: &RedisError) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Bad};
    let shared =
        std::error::Error::source(error)?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    let tls = match shared.downcast_ref::<rustls::Error>() {
        Some(tls) => tls,
        None => shared.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref()?,
    };
    Some(match tls {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the server's certificate is for another host name: use a name that it has in the address, or \
                 set `ssl_check_hostname` to false"
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "the server's certificate has expired: renew it",
            // There are many ways in which the wrong authority shows.
            _ => {
                "the server's certificate is not trusted: set `ssl_ca_certs` to the PEM file of the authority \
                 that signed it"
            }
        },
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: use `redis://`, or its TLS port"
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::UnknownCA | Alert::CertificateUnknown,
        ) => {
            "the server refused our side of TLS: if it asks for a certificate, set `ssl_certfile` and \
             `ssl_keyfile`"
        }
        _ => return None,
    })
}

fn kind(error: &RedisError) -> BrokerErrorKind {
    if is_refused(error) || distrust(error).is_some() {
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
    let why = distrust(&error).or_else(|| {
        if is_refused(&error) {
            Some("the server refuses this user, password or command")
        } else if is_full(&error) {
            Some("the server is full; let workers empty the queues, or raise its `maxmemory`")
        } else {
            None
        }
    });
    let mut message = format!("could not {what} on `{at}`");
    if let Some(why) = why {
        message.push_str(": ");
        message.push_str(why);
    }
    BrokerError::with_source(kind(&error), message, error)
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
