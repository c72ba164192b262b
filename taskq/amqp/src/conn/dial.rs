//! One attempt to connect, with a deadline that leaves nothing behind.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_compat::Compat;
use lapin::{
    Connection, ConnectionProperties,
    tcp::AsyncTcpStream,
    types::LongString,
    uri::{AMQPScheme, AMQPUri},
};
use socket2::{SockRef, Socket};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::Addresses;
use crate::{error, options::AmqpOptions};

/// A second handle on the socket of a connection, to end it from outside: the client's own thread waits for
/// the socket only.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Mutex<Option<Socket>>>);

impl Line {
    fn hold(&self, socket: Socket) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }

    /// Ends the connection at once, without a goodbye.
    pub(super) fn cut(&self) {
        if let Some(socket) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Connects to the address of this attempt within `connect_timeout`.
pub(super) async fn dial(addresses: &Addresses, attempt: usize) -> lapin::Result<(Connection, Line)> {
    let options = &addresses.options;
    let line = Line::default();
    let connecting = connect(addresses, attempt, line.clone());
    match timeout(options.connect_timeout, connecting).await {
        Ok(Ok(connection)) => Ok((connection, line)),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            line.cut();
            Err(error::timed_out())
        }
    }
}

async fn connect(addresses: &Addresses, attempt: usize, line: Line) -> lapin::Result<Connection> {
    let tls = addresses.tls();
    let name = addresses.options.server_name.clone();
    let deadline = addresses.options.connect_timeout;
    let open = async move |uri: AMQPUri, _| {
        let AMQPUri { scheme, authority, .. } = uri;
        let open = async {
            let socket = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
            socket.set_nodelay(true)?;
            line.hold(SockRef::from(&socket).try_clone()?);
            let stream = AsyncTcpStream::Plain(Compat::new(socket));
            match scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    stream.into_tls(name.as_deref().unwrap_or(&authority.host), tls.as_ref()).await
                }
            }
        };
        timeout(deadline, open).await.map_or_else(|_| Err(error::timed_out()), |opened| Ok(opened?))
    };
    let runtime = {
        let _entered = heart()?.enter();
        lapin::runtime::default_runtime()?
    };
    Connection::connector(addresses.uri(attempt), runtime, open, properties(&addresses.options)).await
}

/// The runtime that the client's own tasks run on, heartbeats above all: one thread for all connections, so that
/// a program whose tasks keep the other threads busy is not taken for dead.
fn heart() -> std::io::Result<&'static Runtime> {
    static HEART: OnceLock<Runtime> = OnceLock::new();
    if let Some(heart) = HEART.get() {
        return Ok(heart);
    }
    let heart =
        Builder::new_multi_thread().worker_threads(1).thread_name("taskq-amqp").enable_all().build()?;
    // Another thread may have been faster: a runtime must not be dropped where tasks run.
    if let Err(second) = HEART.set(heart) {
        second.shutdown_background();
    }
    HEART.get().ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// What the broker's pages show of us.
fn properties(options: &AmqpOptions) -> ConnectionProperties {
    let given = options.client_properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let name = options.client_name.as_deref().map(|name| ("connection_name", name));
    [("product", "taskq"), ("version", env!("CARGO_PKG_VERSION"))]
        .into_iter()
        .chain(name)
        .chain(given)
        .filter(|(name, _)| name.len() < 256)
        .fold(ConnectionProperties::default(), |properties, (name, value)| {
            properties.with_client_property(name.into(), LongString::from(value))
        })
}
