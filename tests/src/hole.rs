//! A TCP proxy for faults of the network: it can swallow everything (connections stay open, nothing passes, nobody
//! is told), be slow, or end what is open.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// What the line is like.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    swallows: bool,
    /// How long each piece takes.
    takes: Duration,
    /// Connections older than this many are ended.
    ended: u64,
}

/// The proxy. Dropping it closes every connection.
#[derive(Debug)]
pub struct Hole {
    address: SocketAddr,
    line: watch::Sender<Line>,
    accepted: Arc<AtomicU64>,
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
        let (line, state) = watch::channel(Line::default());
        let accepted = Arc::default();
        let accept =
            AbortOnDropHandle::new(tokio::spawn(accept(listener, port, state, Arc::clone(&accepted))));
        Self { address, line, accepted, _accept: accept }
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

    /// How many connections there were, with those that have ended.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// From now on every connection, old or new, is silent. What was open stays silent for ever.
    pub fn close(&self) {
        self.line.send_modify(|line| line.swallows = true);
    }

    /// New connections pass again; those from before stay silent, as after a firewall forgot them.
    pub fn open(&self) {
        self.line.send_modify(|line| line.swallows = false);
    }

    /// From now on each piece takes so long, in either direction.
    pub fn slow(&self, takes: Duration) {
        self.line.send_modify(|line| line.takes = takes);
    }

    /// Ends every connection that is open.
    pub fn reset(&self) {
        self.line.send_modify(|line| line.ended += 1);
    }
}

async fn accept(listener: TcpListener, port: u16, state: watch::Receiver<Line>, accepted: Arc<AtomicU64>) {
    let mut running = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::SeqCst);
        let state = state.clone();
        running.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::join!(pass(from_client, to_server, state.clone()), pass(from_server, to_client, state));
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut buffer = vec![0; 16 * 1024];
    let since = line.borrow().ended;
    let is_ended = |line: &Line| line.ended != since;
    loop {
        let read = tokio::select! {
            biased;
            line = line.wait_for(|line| line.swallows || is_ended(line)) => {
                if line.is_ok_and(|line| is_ended(&line)) {
                    return;
                }
                None
            }
            read = from.read(&mut buffer) => Some(read),
        };
        let Some(read) = read else {
            // Silent, even when the line is open again; until it is ended.
            let _ = line.wait_for(is_ended).await;
            return;
        };
        let Ok(read @ 1..) = read else { return };
        let takes = line.borrow().takes;
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
