//! A TCP proxy that can swallow everything: connections stay open, nothing passes, nobody is told.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

/// The proxy. Dropping it closes every connection.
#[derive(Debug)]
pub struct Hole {
    address: SocketAddr,
    swallow: watch::Sender<bool>,
    _accept: AbortOnDropHandle<()>,
}

impl Hole {
    /// Listens on a free port and passes everything on to `port`.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (swallow, state) = watch::channel(false);
        let accept = AbortOnDropHandle::new(tokio::spawn(accept(listener, port, state)));
        Self { address, swallow, _accept: accept }
    }

    /// A Redis URL through the proxy.
    #[must_use]
    pub fn url(&self, database: u32) -> String {
        format!("redis://{}/{database}", self.address)
    }

    /// Where it listens: `host:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every connection, old or new, is silent. What was open stays silent for ever.
    pub fn close(&self) {
        self.swallow.send_replace(true);
    }

    /// New connections pass again; those from before stay silent, as after a firewall forgot them.
    pub fn open(&self) {
        self.swallow.send_replace(false);
    }
}

async fn accept(listener: TcpListener, port: u16, state: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let state = state.clone();
        running.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::join!(pass(from_client, to_server, state.clone()), pass(from_server, to_client, state));
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            _ = state.wait_for(|swallow| *swallow) => None,
            read = from.read(&mut buffer) => Some(read),
        };
        let Some(read) = read else { return std::future::pending().await };
        let Ok(read @ 1..) = read else { return };
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
