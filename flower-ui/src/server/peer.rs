//! Where a connection comes from.

use std::net::IpAddr;

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::net::{TcpListener, UnixListener};

use super::tls::Tls;

/// The other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Another machine, or this one.
    Address(IpAddr),
    /// The UNIX socket.
    Socket,
}

impl Peer {
    /// For the audit log.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Address(address) => address.to_canonical().to_string(),
            Self::Socket => "unix".to_owned(),
        }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self::Address(stream.remote_addr().ip())
    }
}

impl Connected<IncomingStream<'_, Tls>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Tls>) -> Self {
        Self::Address(stream.remote_addr().ip())
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, UnixListener>) -> Self {
        Self::Socket
    }
}
