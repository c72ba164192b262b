//! Where the board listens: a port, a port with TLS, or a UNIX socket.

use std::{fs, io, os::unix::fs::FileTypeExt, path::PathBuf};

use axum::Router;
use taskq_core::{Error, ErrorKind};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    Peer,
    tls::{self, Tls},
};
use crate::Options;

/// A place to listen at, taken.
pub(super) enum Listening {
    Port(TcpListener),
    Secure(TcpListener, TlsAcceptor),
    Socket(UnixListener, Socket),
}

/// The file of a socket; it goes with the board.
pub(super) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // somebody has removed it
    }
}

impl Listening {
    /// Takes the place.
    ///
    /// # Errors
    /// When it is taken or may not be, or the certificate cannot be used.
    pub(super) async fn open(options: &Options) -> Result<Self, Error> {
        let failed = |place: String| {
            move |error: io::Error| {
                Error::with_source(ErrorKind::Connection, format!("could not listen on `{place}`"), error)
            }
        };
        if let Some(path) = &options.unix_socket {
            let listener = socket(path).map_err(failed(path.display().to_string()))?;
            return Ok(Self::Socket(listener, Socket(path.clone())));
        }
        let host = match options.address.trim_matches(['[', ']']) {
            "" => "::",
            host => host,
        };
        let place = format!("{host}:{}", options.port);
        let secure = tls::acceptor(options)?;
        let listener = match TcpListener::bind((host, options.port)).await {
            // Machines without IPv6.
            Err(_) if host == "::" => TcpListener::bind(("0.0.0.0", options.port)).await,
            bound => bound,
        };
        let listener = listener.map_err(failed(place))?;
        Ok(match secure {
            Some(acceptor) => Self::Secure(listener, acceptor),
            None => Self::Port(listener),
        })
    }

    /// The address to open in a browser.
    pub(super) fn shown(&self, options: &Options) -> String {
        let (scheme, listener) = match self {
            Self::Port(listener) => ("http", listener),
            Self::Secure(listener, _) => ("https", listener),
            Self::Socket(_, Socket(path)) => return format!("unix:{}", path.display()),
        };
        let address =
            listener.local_addr().map_or_else(|_| options.address.clone(), |address| address.to_string());
        format!("{scheme}://{address}{}/", options.url_prefix)
    }

    /// Serves until `stop`, and until what runs then is answered.
    pub(super) async fn serve(self, router: Router, stop: CancellationToken) -> io::Result<()> {
        let stop = stop.cancelled_owned();
        let router = router.into_make_service_with_connect_info::<Peer>();
        match self {
            Self::Port(listener) => axum::serve(listener, router).with_graceful_shutdown(stop).await,
            Self::Secure(listener, acceptor) => {
                axum::serve(Tls::new(listener, acceptor)?, router).with_graceful_shutdown(stop).await
            }
            Self::Socket(listener, _file) => axum::serve(listener, router).with_graceful_shutdown(stop).await,
        }
    }
}

/// Listens on a socket; one that a board left behind is replaced, anything else is not touched.
fn socket(path: &PathBuf) -> io::Result<UnixListener> {
    let left = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if left && std::os::unix::net::UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}
