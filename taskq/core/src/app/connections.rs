//! The connections of an app: opened once, by the first who needs them.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::OnceCell;

use super::{Drivers, io::Io};
use crate::{
    Error, ErrorKind,
    backend::{DisabledBackend, ResultBackend},
    broker::{Broker, with_meaning},
    config::{Settings, Urls},
    schedule::ScheduleStore,
};

/// Broker and backend of an app, and the thread they live on.
pub struct Connections {
    settings: Settings,
    drivers: Arc<dyn Drivers>,
    broker: OnceCell<Arc<dyn Broker>>,
    read_broker: OnceCell<Arc<dyn Broker>>,
    backend: OnceCell<Arc<dyn ResultBackend>>,
    schedules: OnceCell<Arc<dyn ScheduleStore>>,
    closed: AtomicBool,
    /// Without a thread of their own.
    in_place: bool,
    io: OnceLock<Result<Io, Error>>,
}

impl Connections {
    pub(super) fn new(settings: Settings, drivers: Arc<dyn Drivers>, in_place: bool) -> Self {
        Self {
            settings,
            drivers,
            broker: OnceCell::new(),
            read_broker: OnceCell::new(),
            backend: OnceCell::new(),
            schedules: OnceCell::new(),
            closed: AtomicBool::new(false),
            in_place,
            io: OnceLock::new(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The I/O thread, started on first use.
    pub(crate) fn io(&self) -> Result<&Io, Error> {
        self.io.get_or_init(if self.in_place { Io::here } else { Io::start }).as_ref().map_err(Clone::clone)
    }

    pub(crate) async fn broker(self: &Arc<Self>) -> Result<Arc<dyn Broker>, Error> {
        if let Some(broker) = self.broker.get() {
            return Ok(Arc::clone(broker));
        }
        self.on_io(|this| async move {
            let open = || this.open_broker(this.settings.write_url());
            this.broker.get_or_try_init(open).await.cloned()
        })
        .await
    }

    pub(super) async fn read_broker(self: &Arc<Self>) -> Result<Arc<dyn Broker>, Error> {
        if self.settings.read_url() == self.settings.write_url() {
            return self.broker().await;
        }
        self.on_io(|this| async move {
            let open = || this.open_broker(this.settings.read_url());
            this.read_broker.get_or_try_init(open).await.cloned()
        })
        .await
    }

    pub(crate) async fn backend(self: &Arc<Self>) -> Result<Arc<dyn ResultBackend>, Error> {
        if let Some(backend) = self.backend.get() {
            return Ok(Arc::clone(backend));
        }
        self.on_io(|this| async move { this.backend.get_or_try_init(|| this.open_backend()).await.cloned() })
            .await
    }

    /// The result backend, if it is connected.
    pub(super) fn opened_backend(&self) -> Option<&Arc<dyn ResultBackend>> {
        self.backend.get()
    }

    async fn open_broker(&self, urls: &Urls) -> Result<Arc<dyn Broker>, Error> {
        let broker = self.drivers.broker(urls, &self.settings).await?;
        Ok(with_meaning(broker, self.settings.redis_priority))
    }

    async fn open_backend(&self) -> Result<Arc<dyn ResultBackend>, Error> {
        let urls = self.settings.backend_url();
        if urls.scheme() == "disabled" {
            return Ok(Arc::new(DisabledBackend));
        }
        self.drivers.backend(&urls, &self.settings).await
    }

    pub(super) async fn schedules(self: &Arc<Self>) -> Result<Arc<dyn ScheduleStore>, Error> {
        self.on_io(|this| async move {
            let urls = this.settings.beat_store_url();
            let open = || this.drivers.schedules(&urls, &this.settings);
            this.schedules.get_or_try_init(open).await.cloned()
        })
        .await
    }

    /// Opens something on the I/O thread, so that what it spawns stays there. It goes on when the caller gives
    /// up: a connection that takes longer than one publish may wait is there for the next.
    async fn on_io<T: Send + 'static, F: Future<Output = Result<T, Error>> + Send + 'static>(
        self: &Arc<Self>,
        open: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Error> {
        let task = self.io()?.spawn(open(Arc::clone(self)));
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
