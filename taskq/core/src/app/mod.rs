//! The app: settings, tasks, connections and middleware of a program, as one cheap handle.
//!
//! Kept true here: building an app does no I/O; connections are opened by the first use, on a thread of the
//! app's own, so that they outlive every runtime of the program; after [`App::close`] nothing is sent.

mod annotations;
mod block;
mod builder;
mod connections;
mod current;
mod drivers;
mod eager;
mod eager_canvas;
mod events;
mod host;
mod io;
mod security;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

pub use builder::AppBuilder;
pub use connections::Connections;
pub use drivers::{Drivers, LinkedDrivers};
pub use host::{hostname, origin};

use events::Told;

pub(crate) use block::block_on;
pub(crate) use eager::failure_of;

use crate::{
    Error, ErrorKind,
    backend::ResultBackend,
    broker::Broker,
    config::Settings,
    control::{CustomCommands, Mailbox},
    event::{Cameras, Lamport},
    middleware::Middleware,
    routing::Routing,
    schedule::{Entry, ScheduleStore},
    send::Publisher,
    task::{Registry, States},
    time::Clock,
};

/// A program's tasks and how they travel. Cheap to clone: every clone is the same app.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    registry: Registry,
    states: States,
    clock: Arc<dyn Clock>,
    middleware: Vec<Arc<dyn Middleware>>,
    routing: Routing,
    schedule: Vec<Entry>,
    commands: CustomCommands,
    cameras: Cameras,
    origin: String,
    /// Names this client's reply queue; present on every message, used by `rpc://`.
    reply_to: String,
    /// Logical time, carried by events and control messages.
    lamport: Lamport,
    connections: Arc<Connections>,
    publisher: OnceLock<Result<Publisher, Error>>,
    /// Where questions to workers get their answers.
    mailbox: Mailbox,
    /// Tells what this client sends; started by the first event.
    told: OnceLock<Option<Told>>,
}

impl App {
    /// Starts to build an app.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        self.0.connections.settings()
    }

    /// The tasks it knows.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Shared state for `#[state]` parameters.
    pub fn states(&self) -> &States {
        &self.0.states
    }

    /// Its clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Its middleware, outermost first.
    pub fn middleware(&self) -> &[Arc<dyn Middleware>] {
        &self.0.middleware
    }

    /// The control commands of its own.
    pub fn custom_commands(&self) -> &CustomCommands {
        &self.0.commands
    }

    /// The cameras of its own.
    pub fn cameras(&self) -> &Cameras {
        &self.0.cameras
    }

    /// Its queues and routes.
    pub fn routing(&self) -> &Routing {
        &self.0.routing
    }

    /// The entries of its schedule that come from code and from settings.
    pub fn entries(&self) -> &[Entry] {
        &self.0.schedule
    }

    /// Where its schedule is kept, connected on first use: the setting `beat_store`.
    ///
    /// # Errors
    /// When the address is not supported or the connection fails.
    pub async fn schedules(&self) -> Result<Arc<dyn ScheduleStore>, Error> {
        self.0.connections.schedules().await
    }

    /// The `origin` header of what it sends: `gen<pid>@<host>`.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The reply address of what it sends.
    pub(crate) fn reply_to(&self) -> String {
        self.0.reply_to.clone()
    }

    /// The broker to publish to, connected on first use.
    ///
    /// # Errors
    /// When the address is not supported or the connection fails.
    pub async fn broker(&self) -> Result<Arc<dyn Broker>, Error> {
        self.0.connections.broker().await
    }

    /// The broker to consume from: the same one, unless `broker_read_url` or `broker_write_url` differ.
    ///
    /// # Errors
    /// When the address is not supported or the connection fails.
    pub async fn read_broker(&self) -> Result<Arc<dyn Broker>, Error> {
        self.0.connections.read_broker().await
    }

    /// The result backend, connected on first use.
    ///
    /// # Errors
    /// When the address is not supported or the connection fails.
    pub async fn backend(&self) -> Result<Arc<dyn ResultBackend>, Error> {
        self.0.connections.backend().await
    }

    /// Whether the result backend counts the members of chords by itself. Assumed while it is not connected.
    pub(crate) fn starts_chords(&self) -> bool {
        self.0.connections.opened_backend().is_none_or(|backend| backend.chords().is_some())
    }

    /// Advances the logical clock and answers its new value (Celery: `app.clock.forward()`).
    pub fn tick(&self) -> u64 {
        self.0.lamport.tick()
    }

    /// Moves the logical clock past a time that was seen in a message (Celery: `app.clock.adjust(other)`).
    pub fn adjust_clock(&self, seen: u64) -> u64 {
        self.0.lamport.adjust(seen)
    }

    /// The logical time now.
    pub fn logical_time(&self) -> u64 {
        self.0.lamport.now()
    }

    /// Sends everything that waits, then closes connections. Nothing can be sent afterwards.
    ///
    /// # Errors
    /// When a connection cannot be closed in order; it is gone all the same.
    pub async fn close(&self) -> Result<(), Error> {
        if let Some(Ok(publisher)) = self.0.publisher.get() {
            publisher.drain().await;
        }
        self.close_events().await;
        self.0.connections.close().await
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.0.mailbox
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    pub(crate) fn publisher(&self) -> Result<&Publisher, Error> {
        if self.0.connections.is_closed() {
            return Err(Error::new(ErrorKind::Other, "could not send: the app is closed"));
        }
        let publisher = self.0.publisher.get_or_init(|| Publisher::start(&self.0.connections));
        publisher.as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("settings", self.settings())
            .field("tasks", &self.0.registry.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
