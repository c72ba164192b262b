//! Building an app.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{App, Connections, Drivers, Inner, annotations, drivers, host, security};
use crate::{
    Error,
    codec::{Map, Value, repr},
    config::{RouteOptions, Settings, Sources},
    control::{ControlCommand, ControlKind, CustomCommands},
    event::{Cameras, Snapshot},
    middleware::Middleware,
    routing::{RouteQuery, Router, Routing},
    schedule::{self, Entry},
    task::{Registry, States, Task, TaskDef},
    time::{Clock, system_clock},
};

/// What an app is built from. Settings come from the process (file and environment) unless
/// [`sources`](Self::sources) or [`settings`](Self::settings) say otherwise.
#[derive(Default)]
#[must_use = "an app is made by `build`"]
pub struct AppBuilder {
    sources: Option<Sources>,
    settings: Option<Settings>,
    code: Vec<(String, Value)>,
    registry: Option<Registry>,
    added: Vec<TaskDef>,
    states: States,
    clock: Option<Arc<dyn Clock>>,
    middleware: Vec<Arc<dyn Middleware>>,
    routers: Vec<Router>,
    commands: CustomCommands,
    cameras: Cameras,
    schedule: Vec<Entry>,
    drivers: Option<Arc<dyn Drivers>>,
    in_place: bool,
}

impl AppBuilder {
    /// Where settings come from, instead of the process.
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = Some(sources);
        self
    }

    /// Changes where settings come from: `.map_sources(|sources| sources.file("/etc/proj.toml"))`.
    pub fn map_sources(mut self, change: impl FnOnce(Sources) -> Sources) -> Self {
        self.sources = Some(change(self.sources.unwrap_or_else(Sources::process)));
        self
    }

    /// Settings instead of the defaults; no file and no variable is read, unless [`sources`](Self::sources) are
    /// given too.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// One setting, by name: wins over file and environment, not over the command line.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.code.push((name.into(), value.into()));
        self
    }

    /// The tasks, instead of every function with `#[task]` in this program.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// A task made by hand.
    pub fn task<T: Task>(mut self, _: T) -> Self {
        self.added.push(TaskDef::of::<T>());
        self
    }

    /// A definition made by hand.
    pub fn task_def(mut self, def: TaskDef) -> Self {
        self.added.push(def);
        self
    }

    /// Shared state for `#[state]` parameters of this type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Adds a middleware inside those already added.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds a middleware around those already added.
    pub fn outer_middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.insert(0, Arc::new(middleware));
        self
    }

    /// Adds a router, asked before `task_routes`.
    pub fn router(
        mut self,
        router: impl Fn(&RouteQuery<'_>) -> Option<RouteOptions> + Send + Sync + 'static,
    ) -> Self {
        self.routers.push(Arc::new(router));
        self
    }

    /// Adds an entry of the schedule, which `beat` sends. Celery: `app.add_periodic_task`.
    pub fn beat(mut self, entry: Entry) -> Self {
        self.schedule.push(entry);
        self
    }

    /// A control command of the program's own, answered by its workers with what it returns
    /// (Celery: `@inspect_command`, `@control_command`). One of Celery's names takes its place.
    pub fn control_command<F>(
        mut self,
        name: impl Into<String>,
        kind: ControlKind,
        command: impl Fn(App, Map) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        let command: ControlCommand = Arc::new(move |app, arguments| Box::pin(command(app, arguments)));
        self.commands.add(name.into(), kind, command);
        self
    }

    /// A camera: `events --camera NAME` hands it what monitors know, every so often. Celery: a `Polaroid`.
    ///
    /// ```
    /// use taskq_core::{app::App, event::Snapshot};
    ///
    /// let app = App::builder().camera("counts", |shot: &Snapshot| println!("{:?}", shot.states()));
    /// ```
    pub fn camera(
        mut self,
        name: impl Into<String>,
        shutter: impl Fn(&Snapshot) + Send + Sync + 'static,
    ) -> Self {
        self.cameras.add(name.into(), Arc::new(shutter));
        self
    }

    /// What opens brokers and backends. Default: every driver that the façade was built with.
    pub fn drivers(mut self, drivers: Arc<dyn Drivers>) -> Self {
        self.drivers = Some(drivers);
        self
    }

    /// Lets connections live on the runtime that uses them first, instead of a thread of their own: for
    /// simulations, where one paused clock is everybody's. They end with that runtime.
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// Whether drivers were given.
    pub fn has_drivers(&self) -> bool {
        self.drivers.is_some()
    }

    /// Builds it. Nothing is connected.
    ///
    /// # Errors
    /// When a setting is wrong, two tasks have one name, or no driver knows an address.
    pub fn build(self) -> Result<App, Error> {
        let (settings, sources) = match (self.settings, self.sources) {
            (Some(settings), sources) => (settings, sources.unwrap_or_default()),
            (None, sources) => (Settings::default(), sources.unwrap_or_else(Sources::process)),
        };
        let set = |sources: Sources, (name, value): (String, Value)| sources.set(name, value);
        let settings = self.code.into_iter().fold(sources, set).load_over(settings)?;
        let mut registry = self.registry.map_or_else(Registry::linked, Ok)?;
        for def in self.added {
            registry.add(def)?;
        }
        security::install(&settings)?;
        repr::hide(&settings.redact);
        let registry = annotations::apply(registry, &settings)?;
        let schedule = schedule::of_app(self.schedule, &registry, &settings)?;
        let drivers = self.drivers.unwrap_or_else(drivers::linked);
        drivers.check(&settings)?;
        for notice in settings.notices() {
            tracing::info!("{notice}");
        }
        Ok(App(Arc::new(Inner {
            registry,
            states: self.states,
            clock: self.clock.unwrap_or_else(system_clock),
            middleware: self.middleware,
            routing: Routing::new(&settings, self.routers),
            schedule,
            commands: self.commands,
            cameras: self.cameras,
            origin: host::origin(),
            reply_to: uuid::Uuid::new_v4().as_hyphenated().to_string(),
            lamport: Default::default(),
            connections: Arc::new(Connections::new(settings, drivers, self.in_place)),
            publisher: OnceLock::new(),
            mailbox: Default::default(),
            told: OnceLock::new(),
        })))
    }
}

impl fmt::Debug for AppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppBuilder")
            .field("settings", &self.settings)
            .field("drivers", &self.drivers)
            .field("middleware", &self.middleware.len())
            .finish_non_exhaustive()
    }
}
