//! The connections of an app: opened once, by the first who needs them.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::{Drivers, io::Io};
use crate::{
    Error, ErrorKind,
    backend::{DisabledBackend, ResultBackend},
    broker::Broker,
    config::{Settings, Urls},
};

/// Broker and backend of an app, and the thread they live on.
pub struct Connections {
    settings: Arc<Settings>,
    drivers: Arc<dyn Drivers>,
    broker: OnceCell<Arc<dyn Broker>>,
    read_broker: OnceCell<Arc<dyn Broker>>,
    backend: OnceCell<Arc<dyn ResultBackend>>,
    closed: AtomicBool,
    io: OnceLock<Result<Io, Error>>,
}

impl Connections {
    pub(super) fn new(settings: Settings, drivers: Arc<dyn Drivers>) -> Self {
        Self {
            settings: Arc::new(settings),
            drivers,
            broker: OnceCell::new(),
            read_broker: OnceCell::new(),
            backend: OnceCell::new(),
            closed: AtomicBool::new(false),
            io: OnceLock::new(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The I/O thread, started on first use.
    pub(crate) fn io(&self) -> Result<&Io, Error> {
        self.io.get_or_init(Io::start).as_ref().map_err(Clone::clone)
    }

    pub(crate) async fn broker(&self) -> Result<Arc<dyn Broker>, Error> {
        let open = || self.open_broker(self.settings.write_url().clone());
        self.broker.get_or_try_init(open).await.cloned()
    }

    pub(super) async fn read_broker(&self) -> Result<Arc<dyn Broker>, Error> {
        if self.settings.read_url() == self.settings.write_url() {
            return self.broker().await;
        }
        let open = || self.open_broker(self.settings.read_url().clone());
        self.read_broker.get_or_try_init(open).await.cloned()
    }

    pub(crate) async fn backend(&self) -> Result<Arc<dyn ResultBackend>, Error> {
        self.backend.get_or_try_init(|| self.open_backend()).await.cloned()
    }

    async fn open_broker(&self, urls: Urls) -> Result<Arc<dyn Broker>, Error> {
        let (drivers, settings) = (Arc::clone(&self.drivers), Arc::clone(&self.settings));
        self.on_io(async move { drivers.broker(&urls, &settings).await }).await
    }

    async fn open_backend(&self) -> Result<Arc<dyn ResultBackend>, Error> {
        let urls = self.settings.backend_url();
        if urls.scheme() == "disabled" {
            return Ok(Arc::new(DisabledBackend));
        }
        let (drivers, settings) = (Arc::clone(&self.drivers), Arc::clone(&self.settings));
        self.on_io(async move { drivers.backend(&urls, &settings).await }).await
    }

    /// Runs a future on the I/O thread, so that what it spawns stays there. Dropping the caller ends it.
    async fn on_io<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let task = AbortOnDropHandle::new(self.io()?.spawn(future));
        task.await.unwrap_or_else(|error| {
            Err(Error::with_source(ErrorKind::Other, "the driver broke while it connected", error))
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        let mut first = Ok(());
        for broker in [self.broker.get(), self.read_broker.get()].into_iter().flatten() {
            first = first.and(broker.close().await.map_err(Error::from));
        }
        if let Some(backend) = self.backend.get() {
            first = first.and(backend.close().await.map_err(Error::from));
        }
        first
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("broker", self.settings.write_url())
            .field("connected", &self.broker.initialized())
            .finish_non_exhaustive()
    }
}
