//! From errors of the client to errors of the seam. Client types stop here.

use std::io;

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use taskq_core::broker::{BrokerError, BrokerErrorKind};

/// Whether the broker refuses whoever we are: wrong credentials, a virtual host that is not ours.
pub(crate) fn is_refused(error: &lapin::Error) -> bool {
    matches!(
        amqp(error),
        Some(
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        )
    )
}

/// Whether something exists with other arguments than were declared.
pub(crate) fn is_mismatch(error: &lapin::Error) -> bool {
    matches!(amqp(error), Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)))
}

/// Whether a queue or exchange does not exist.
pub(crate) fn is_missing(error: &lapin::Error) -> bool {
    matches!(amqp(error), Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}

fn amqp(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}

fn kind(error: &lapin::Error) -> BrokerErrorKind {
    match error.kind() {
        _ if is_refused(error) => BrokerErrorKind::Refused,
        _ if is_mismatch(error) => BrokerErrorKind::Topology,
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::TimedOut => BrokerErrorKind::Timeout,
        // Certificates and names that do not fit: no retry mends them.
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::InvalidData => BrokerErrorKind::Refused,
        ErrorKind::AuthProviderError(_) => BrokerErrorKind::Refused,
        ErrorKind::SerialisationError(_) => BrokerErrorKind::Other,
        // Everything else ends with the connection or the channel, and both come back.
        _ => BrokerErrorKind::Connection,
    }
}

/// What is wrong between the two certificates, and the cure; no retry mends it.
fn distrust(error: &lapin::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Bad};
    let ErrorKind::IOError(error) = error.kind() else { return None };
    Some(match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the server's certificate is for another host name: use a name that it has in the address, or \
                 set `server_hostname`"
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "the server's certificate has expired: renew it",
            // There are many ways in which the wrong authority shows.
            _ => {
                "the server's certificate is not trusted: set `ca_certs` to the PEM file of the authority that \
                 signed it"
            }
        },
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::UnknownCA | Alert::CertificateUnknown,
        ) => "the server refused our side of TLS: if it asks for a certificate, set `certfile` and `keyfile`",
        _ => return None,
    })
}

/// What was tried, at which (redacted) address, and why it failed.
#[cold]
pub(crate) fn broker(what: &str, at: &str, error: lapin::Error) -> BrokerError {
    let kind = kind(&error);
    let text = match error.kind() {
        // The broker's own words: they name the queue and the difference.
        ErrorKind::ProtocolError(said) => format!("could not {what} on `{at}`: {}", said.get_message()),
        _ => match distrust(&error) {
            Some(why) => format!("could not {what} on `{at}`: {why}"),
            None => format!("could not {what} on `{at}`"),
        },
    };
    BrokerError::with_source(kind, text, error)
}

/// A deadline of ours, as an error of the client.
pub(crate) fn timed_out() -> lapin::Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}
