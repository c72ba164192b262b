//! An app on the memory broker whose tasks are closures, and a worker for it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use taskq_core::{
    BoxFuture, Error, ErrorKind,
    app::{App, Drivers},
    backend::{MemoryBackend, ResultBackend, State, StoredError, TaskMeta, TaskOutput},
    broker::{Broker, DeadLetter, MemoryBroker, QueueStats},
    canvas::{Args, Kwargs, Signature},
    codec::{Map, Value},
    config::{Settings, Urls},
    protocol::{Param, ParamKind, TaskId},
    task::{Task, TaskContext, TaskDef, TaskError, TaskKind, TaskOptions},
};
use taskq_worker::{Worker, WorkerHandle, WorkerOptions};

use crate::trace::{Trace, TracedBackend, TracedBroker};

/// Long enough for a machine under load; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

type Body =
    Arc<dyn Fn(TaskContext, Vec<Value>) -> BoxFuture<'static, Result<Value, TaskError>> + Send + Sync>;

/// The bodies of the tasks of an app, by name.
struct Bodies(HashMap<String, Body>);

/// The one task of the tests: it does what the closure under its name does.
#[derive(Clone, Copy)]
struct Scripted;

#[derive(Serialize, Deserialize)]
struct Any {
    args: Vec<Value>,
    #[allow(dead_code)] // taken, so that no call is refused for it
    kwargs: Map,
}

impl Task for Scripted {
    type Args = Any;
    type Output = Value;
    const NAME: &'static str = "scripted";
    const PARAMS: &'static [Param] = &[
        Param { name: "args", kind: ParamKind::Rest },
        Param { name: "kwargs", kind: ParamKind::RestByName },
    ];

    async fn call(args: Any, cx: TaskContext) -> Result<Value, TaskError> {
        let name = cx.request().headers.task.clone();
        let body = cx.state::<Bodies>().and_then(|bodies| bodies.0.get(&name)).cloned().expect("a body");
        body(cx, args.args).await
    }
}

/// The same with one parameter: as an errback it is sent, not called.
#[derive(Clone, Copy)]
struct One;

#[derive(Serialize, Deserialize)]
struct OneArg {
    arg: Value,
}

impl Task for One {
    type Args = OneArg;
    type Output = Value;
    const NAME: &'static str = "one";
    const PARAMS: &'static [Param] = &[Param { name: "arg", kind: ParamKind::Required }];

    async fn call(args: OneArg, cx: TaskContext) -> Result<Value, TaskError> {
        let name = cx.request().headers.task.clone();
        let body = cx.state::<Bodies>().and_then(|bodies| bodies.0.get(&name)).cloned().expect("a body");
        body(cx, vec![args.arg]).await
    }
}

/// A task whose arguments are checked.
#[derive(Clone, Copy)]
struct Add;

#[derive(Serialize, Deserialize)]
struct AddArgs {
    x: i64,
    y: i64,
}

impl Task for Add {
    type Args = AddArgs;
    type Output = i64;
    const NAME: &'static str = "t.add";
    const PARAMS: &'static [Param] =
        &[Param { name: "x", kind: ParamKind::Required }, Param { name: "y", kind: ParamKind::Required }];

    async fn call(args: AddArgs, _: TaskContext) -> Result<i64, TaskError> {
        Ok(args.x + args.y)
    }
}

/// What an app is built from.
pub(crate) struct Builder {
    bodies: HashMap<String, Body>,
    defs: Vec<TaskDef>,
    pub(crate) settings: Settings,
    pub(crate) trace: Arc<Trace>,
    /// How often the broker cannot be reached at first.
    pub(crate) away: usize,
    middleware: Vec<Box<dyn FnOnce(taskq_core::app::AppBuilder) -> taskq_core::app::AppBuilder>>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            bodies: HashMap::new(),
            defs: vec![TaskDef::of::<Add>()],
            settings: Settings::default(),
            trace: Arc::default(),
            away: 0,
            middleware: Vec::new(),
        }
    }

    /// Changes the settings.
    pub(crate) fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Another clock than the broker's.
    pub(crate) fn clock(mut self, clock: impl taskq_core::time::Clock) -> Self {
        self.middleware.push(Box::new(|app| app.clock(Arc::new(clock))));
        self
    }

    pub(crate) fn middleware(mut self, middleware: impl taskq_core::middleware::Middleware) -> Self {
        self.middleware.push(Box::new(|app| app.middleware(middleware)));
        self
    }

    /// An async task.
    pub(crate) fn task<F, R>(self, name: &str, body: F) -> Self
    where
        F: Fn(TaskContext, Vec<Value>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        self.task_with(name, TaskOptions::DEFAULT, body)
    }

    /// An async task with options.
    pub(crate) fn task_with<F, R>(mut self, name: &str, options: TaskOptions, body: F) -> Self
    where
        F: Fn(TaskContext, Vec<Value>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        let body: Body = Arc::new(move |cx, args| Box::pin(body(cx, args)));
        self.bodies.insert(name.to_owned(), body);
        let mut def = TaskDef::of::<Scripted>().named(name);
        def.options = options;
        self.defs.push(def);
        self
    }

    /// An async task with one parameter.
    pub(crate) fn one<F, R>(mut self, name: &str, body: F) -> Self
    where
        F: Fn(TaskContext, Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        let body: Body = Arc::new(move |cx, mut args| Box::pin(body(cx, args.pop().unwrap_or_default())));
        self.bodies.insert(name.to_owned(), body);
        self.defs.push(TaskDef::of::<One>().named(name));
        self
    }

    /// A blocking task.
    pub(crate) fn blocking<F>(mut self, name: &str, options: TaskOptions, body: F) -> Self
    where
        F: Fn(TaskContext, Vec<Value>) -> Result<Value, TaskError> + Send + Sync + 'static,
    {
        let body: Body = Arc::new(move |cx, args| {
            let result = body(cx, args);
            Box::pin(async move { result })
        });
        self.bodies.insert(name.to_owned(), body);
        let mut def = TaskDef::of::<Scripted>().named(name);
        def.options = options;
        def.kind = TaskKind::Blocking;
        self.defs.push(def);
        self
    }

    pub(crate) fn build(self) -> Rig {
        let broker = Arc::new(TracedBroker(Arc::new(MemoryBroker::new()), Arc::clone(&self.trace)));
        let backend = Arc::new(TracedBackend(Arc::new(MemoryBackend::new()), Arc::clone(&self.trace)));
        self.on(broker, backend)
    }

    /// The same on the broker and backend of another one: the next version of a program.
    pub(crate) fn on(self, broker: Arc<dyn Broker>, backend: Arc<dyn ResultBackend>) -> Rig {
        let memory = Memory { broker, backend, away: Arc::new(AtomicUsize::new(self.away)) };
        let (broker, backend) = (Arc::clone(&memory.broker), Arc::clone(&memory.backend));
        let mut app = App::builder()
            .settings(self.settings)
            .registry(taskq_core::task::Registry::new())
            .state(Bodies(self.bodies))
            .drivers(Arc::new(memory));
        for def in self.defs {
            app = app.task_def(def);
        }
        for add in self.middleware {
            app = add(app);
        }
        Rig { app: app.build().expect("an app"), broker, backend, trace: self.trace }
    }

    /// Builds it and starts a worker with four slots.
    pub(crate) async fn start(self) -> (Rig, WorkerHandle) {
        let rig = self.build();
        let worker = rig.worker(&WorkerOptions::new().concurrency(4)).await;
        (rig, worker)
    }
}

#[derive(Debug)]
struct Memory {
    broker: Arc<dyn Broker>,
    backend: Arc<dyn ResultBackend>,
    /// How often the broker is still away.
    away: Arc<AtomicUsize>,
}

impl Drivers for Memory {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async {
            let less = |away: usize| away.checked_sub(1);
            match self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                Ok(_) => Err(Error::new(ErrorKind::Connection, "nobody answers")),
                Err(_) => Ok(Arc::clone(&self.broker)),
            }
        })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async { Ok(Arc::clone(&self.backend)) })
    }
}

/// An app and what is behind it.
pub(crate) struct Rig {
    pub(crate) app: App,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) backend: Arc<dyn ResultBackend>,
    pub(crate) trace: Arc<Trace>,
}

impl Rig {
    /// A worker that consumes.
    pub(crate) async fn worker(&self, options: &WorkerOptions) -> WorkerHandle {
        let mut worker = Worker::new(&self.app, options).expect("a worker").start();
        worker.ready().await.expect("a worker that starts");
        worker
    }

    pub(crate) async fn send(&self, task: &str, args: Args) -> TaskId {
        self.app.send(task, args, Kwargs::new()).await.expect("sent").id().clone()
    }

    pub(crate) async fn send_signature(&self, signature: Signature) -> TaskId {
        self.app.send_signature(signature).await.expect("sent").id().clone()
    }

    /// The final meta of a task.
    pub(crate) async fn meta(&self, id: &TaskId) -> TaskMeta {
        self.backend.wait(id, Some(DEADLINE)).await.expect("a result in time")
    }

    /// The return value of a task.
    pub(crate) async fn value(&self, id: &TaskId) -> Value {
        let meta = self.meta(id).await;
        assert_eq!(meta.state, State::Success, "{meta:?}");
        value_of(&meta)
    }

    /// The exception a task ended with.
    pub(crate) async fn error(&self, id: &TaskId) -> StoredError {
        error_of(&self.meta(id).await)
    }

    /// What is stored now.
    pub(crate) async fn stored(&self, id: &TaskId) -> Option<TaskMeta> {
        self.backend.fetch(std::slice::from_ref(id)).await.expect("a backend").remove(0)
    }

    pub(crate) async fn stats(&self) -> QueueStats {
        let admin = self.broker.admin().expect("an admin");
        admin.stats(&["celery".to_owned()]).await.expect("stats").remove(0)
    }

    pub(crate) async fn dead(&self) -> Vec<DeadLetter> {
        self.broker.admin().expect("an admin").dead("celery", 0, 100).await.expect("dead letters")
    }

    /// Waits until nothing is in the queue in any state but dead.
    pub(crate) async fn settled(&self) {
        until("everything is settled", async || {
            let stats = self.stats().await;
            stats.ready + stats.delayed + stats.in_flight == 0
        })
        .await;
    }
}

pub(crate) fn value_of(meta: &TaskMeta) -> Value {
    match &meta.output {
        TaskOutput::Json(json) => taskq_core::codec::json::from_slice(json).expect("JSON"),
        TaskOutput::Value(value) => value.clone(),
        TaskOutput::Error(error) => panic!("an error: {error:?}"),
    }
}

pub(crate) fn error_of(meta: &TaskMeta) -> StoredError {
    match &meta.output {
        TaskOutput::Error(error) => error.clone(),
        other => panic!("no error: {other:?}"),
    }
}

/// Polls until it is so.
pub(crate) async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is().await {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
