//! Events of an app: a bus for each worker, one for what the app sends, feeds for monitors.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinHandle;

use super::App;
use crate::{
    Error, ErrorKind,
    broker::Broadcast,
    event::{EventBus, EventFeed, EventSource},
};

/// Longest time that closing an app waits for its last events.
const LAST: Duration = Duration::from_secs(3);

/// The bus of what the app itself sends.
pub(super) struct Told {
    bus: EventBus,
    run: Mutex<Option<JoinHandle<()>>>,
}

impl App {
    /// A bus for events told as `hostname`; the caller runs it.
    pub fn event_bus(&self, hostname: impl Into<Arc<str>>, tasks: bool) -> EventBus {
        let settings = self.settings();
        let source = EventSource {
            hostname: hostname.into(),
            lamport: self.0.lamport.clone(),
            clock: Arc::clone(self.clock()),
            exchange: settings.event_exchange.clone(),
            serializer: settings.event_serializer,
        };
        EventBus::new(source, tasks)
    }

    /// The events that workers and clients tell from now on: for monitors.
    ///
    /// # Errors
    /// When the broker cannot be reached or has no fan-out.
    pub async fn event_feed(&self) -> Result<EventFeed, Error> {
        self.event_feed_of("#").await
    }

    /// Those whose routing key (the type with dots) matches a topic pattern, such as `worker.#`.
    ///
    /// # Errors
    /// As [`event_feed`](Self::event_feed).
    pub async fn event_feed_of(&self, pattern: &str) -> Result<EventFeed, Error> {
        let subscription =
            self.broadcast().await?.subscribe(&self.settings().event_exchange, pattern).await?;
        Ok(EventFeed::new(subscription, self.0.lamport.clone()))
    }

    /// The broker's fan-out.
    ///
    /// # Errors
    /// When the broker cannot be reached or has none.
    pub async fn broadcast(&self) -> Result<Arc<dyn Broadcast>, Error> {
        self.read_broker().await?.broadcast().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("`{}` has no fan-out: no events and no remote control", self.settings().read_url()),
            )
        })
    }

    /// Where the app tells what it sends. Started by the first use, on the app's own thread.
    pub(crate) fn told(&self) -> Option<&EventBus> {
        let told = self.0.told.get_or_init(|| {
            let bus = self.event_bus(self.origin(), true);
            let connections = Arc::clone(self.connections());
            let io = connections.io().ok()?;
            let open = Arc::clone(&connections);
            // Not the bus itself: the run ends when the app's handle is gone.
            let run = io.spawn(bus.run_on(async move { open.broker().await.ok()?.broadcast() }));
            Some(Told { bus, run: Mutex::new(Some(run)) })
        });
        told.as_ref().map(|told| &told.bus)
    }

    pub(super) async fn close_events(&self) {
        let Some(Some(told)) = self.0.told.get() else { return };
        told.bus.close();
        let run = told.run.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(run), Ok(io)) = (run, self.connections().io()) {
            // The caller's runtime may have no timer.
            let late = io.sleep_until(io.now() + LAST);
            tokio::select! {
                biased;
                _ = run => {}
                () = late => {}
            }
        }
    }
}
