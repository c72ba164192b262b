//! One connection that mends itself.
//!
//! States: away (no connection, and the last error), connected (a connection and its generation). Asking for a
//! channel leads from away to connected; a connection that the client gave up, or that does not answer within
//! the deadline, leads back to away.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{Channel, Connection, Event};
use taskq_core::broker::{BrokerError, BrokerErrorKind};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Addresses,
    dial::{Line, dial},
};
use crate::error;

/// First and longest pause between attempts while the broker is away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How often a connection is looked at for whether it is still there.
const PULSE: Duration = Duration::from_millis(500);

/// A connection made on first use and made anew after a failure. See the [module](super).
pub(crate) struct Link {
    addresses: Arc<Addresses>,
    state: Mutex<State>,
    /// Counts channels.
    epochs: AtomicU32,
    /// Whether it was ever connected: only before that a refusal is final.
    proven: AtomicBool,
    closed: CancellationToken,
    blocked: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// The last attempt that failed: who waited for it shares its error instead of trying once more.
    failed: Option<(Instant, lapin::Error)>,
}

struct Open {
    connection: Connection,
    line: Line,
    /// Hears what the broker says of the connection; ends with it.
    _listener: JoinSet<()>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link(`{}`)", self.shown())
    }
}

impl Link {
    /// A link that is not connected yet.
    pub(crate) fn new(addresses: Arc<Addresses>) -> Self {
        Self {
            addresses,
            state: Mutex::default(),
            epochs: AtomicU32::new(0),
            proven: AtomicBool::new(false),
            closed: CancellationToken::new(),
            blocked: watch::Sender::new(None),
        }
    }

    /// The same addresses on a connection of its own.
    pub(crate) fn sibling(&self) -> Self {
        let sibling = Self::new(Arc::clone(&self.addresses));
        sibling.proven.store(self.proven.load(Ordering::Relaxed), Ordering::Relaxed);
        sibling
    }

    /// Where it connects to.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The addresses without passwords.
    pub(crate) fn shown(&self) -> &str {
        self.addresses.shown()
    }

    /// The reason the broker gave for not reading what this connection publishes (a memory or disk alarm);
    /// `None` when it reads.
    pub(crate) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// Connects, if it is not connected. `what` completes "could not …".
    pub(crate) async fn connect(&self, what: &str) -> Result<(), BrokerError> {
        self.channel(what).await.map(drop)
    }

    /// A new channel and its epoch, which no other channel of this link has. Connects when it must: one round
    /// over the addresses, each for at most `connect_timeout`.
    ///
    /// # Errors
    /// `Refused` when credentials or the virtual host are wrong and this link never was connected;
    /// `Connection` or `Timeout` when nobody answers; `Closed` after [`close`](Self::close).
    pub(crate) async fn channel(&self, what: &str) -> Result<(Channel, u32), BrokerError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if self.closed.is_cancelled() {
            return Err(self.is_closed(what));
        }
        if let Some(open) = &state.open {
            if let Some(channel) = open.channel(self.addresses.options.connect_timeout).await {
                return Ok((channel, self.epoch()));
            }
            state.open = None;
            self.blocked.send_replace(None);
        }
        if let Some((at, error)) = &state.failed
            && *at > asked
        {
            return Err(self.error(what, error.clone()));
        }
        match self.open().await {
            Ok((open, channel)) => {
                self.proven.store(true, Ordering::Relaxed);
                *state = State { open: Some(open), failed: None };
                Ok((channel, self.epoch()))
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(self.error(what, error))
            }
        }
    }

    /// The same, again and again with pauses, until it succeeds, an error comes that no retry mends, or `stop`.
    /// `away` hears of every failure.
    pub(crate) async fn steady(
        &self,
        what: &str,
        stop: &CancellationToken,
        mut away: impl FnMut(&BrokerError),
    ) -> Result<(Channel, u32), BrokerError> {
        let mut pause = PAUSE.0;
        loop {
            match self.channel(what).await {
                Err(error) if error.is_retryable() => away(&error),
                done => return done,
            }
            tokio::select! {
                () = stop.cancelled() => return Err(self.is_closed(what)),
                () = self.closed.cancelled() => return Err(self.is_closed(what)),
                () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
            }
        }
    }

    async fn open(&self) -> lapin::Result<(Open, Channel)> {
        let mut last = error::timed_out();
        for attempt in 0..self.addresses.count() {
            match dial(&self.addresses, attempt).await {
                Ok((connection, line)) => {
                    let listener = self.listen(&connection);
                    let open = Open { connection, line, _listener: listener };
                    if let Some(channel) = open.channel(self.addresses.options.connect_timeout).await {
                        self.addresses.answered(attempt);
                        return Ok((open, channel));
                    }
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn listen(&self, connection: &Connection) -> JoinSet<()> {
        let mut events = Box::pin(connection.events_listener());
        let status = connection.status().clone();
        let (blocked, shown) = (self.blocked.clone(), self.shown().to_owned());
        let mut listener = JoinSet::new();
        listener.spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    () = sleep(PULSE) => {
                        if status.connected() {
                            continue;
                        }
                        None
                    }
                };
                match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(broker = %shown, %reason, "the broker accepts no publications for now");
                        blocked.send_replace(Some(reason));
                    }
                    Some(Event::ConnectionUnblocked) => {
                        tracing::info!(broker = %shown, "the broker accepts publications again");
                        blocked.send_replace(None);
                    }
                    Some(_) => {}
                    // Whoever waits for it finds out on the next connection.
                    None => {
                        blocked.send_replace(None);
                        return;
                    }
                }
            }
        });
        listener
    }

    fn epoch(&self) -> u32 {
        self.epochs.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    fn error(&self, what: &str, error: lapin::Error) -> BrokerError {
        let error = error::broker(what, self.shown(), error);
        // Who was let in before is let in again: a broker that restarts refuses for a moment.
        if error.kind() == BrokerErrorKind::Refused && self.proven.load(Ordering::Relaxed) {
            return BrokerError::with_source(BrokerErrorKind::Connection, error.to_string(), error);
        }
        error
    }

    fn is_closed(&self, what: &str) -> BrokerError {
        BrokerError::new(
            BrokerErrorKind::Closed,
            format!("could not {what} on `{}`: it was closed", self.shown()),
        )
    }

    /// Ends the connection, with a goodbye if the broker takes it in time. No channel comes after it.
    pub(crate) async fn close(&self) {
        self.closed.cancel();
        let open = self.state.lock().await.open.take();
        if let Some(Open { connection, line, .. }) = open {
            let goodbye = connection.close(200, "goodbye".into());
            let _ = timeout(self.addresses.options.connect_timeout, goodbye).await;
            line.cut();
        }
    }
}

impl Open {
    /// `None` when the connection is not usable any more; then it is ended.
    async fn channel(&self, deadline: Duration) -> Option<Channel> {
        if self.connection.status().connected()
            && let Ok(Ok(channel)) = timeout(deadline, self.connection.create_channel()).await
        {
            return Some(channel);
        }
        self.line.cut();
        None
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A connection that hangs must not keep its thread waiting for it.
        self.closed.cancel();
    }
}
