//! Tasks to run, a backend in a map, and a broker that accepts everything.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    BoxFuture, Error,
    app::{App, AppBuilder, Drivers},
    backend::{BackendError, DisabledBackend, ResultBackend, TaskMeta, WaitError},
    broker::{Broker, BrokerError, BrokerErrorKind, Capabilities, ConsumeSpec, Consumer, Outgoing, Topology},
    codec::Accept,
    config::{Settings, Urls},
    protocol::{DeliveryInfo, Headers, Param, ParamKind, Properties, Protocol, Request, TaskId, TaskMessage},
    send::Call,
    task::{ContextParts, Failure, Registry, States, Task, TaskContext, TaskError, TaskKind},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Store(Arc<Mutex<HashMap<String, TaskMeta>>>);

impl Store {
    pub(super) fn put(&self, meta: TaskMeta) {
        self.0.lock().unwrap().insert(meta.id.to_string(), meta);
    }

    pub(super) fn get(&self, id: &str) -> Option<TaskMeta> {
        self.0.lock().unwrap().get(id).cloned()
    }
}

impl ResultBackend for Store {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        batch.iter().for_each(|meta| self.put(meta.clone()));
        Box::pin(async { Ok(()) })
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        let found = ids.iter().map(|id| self.get(id.as_str())).collect();
        Box::pin(async { Ok(found) })
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        Box::pin(async move {
            match self.get(id.as_str()).filter(|meta| meta.state.is_ready()) {
                Some(meta) => Ok(meta),
                None => Err(WaitError::Timeout { id: id.clone(), after: timeout.unwrap_or_default() }),
            }
        })
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.lock().unwrap().retain(|id, _| !ids.iter().any(|forgotten| forgotten.as_str() == id));
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Sink;

impl Broker for Sink {
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn declare<'a>(&'a self, _: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, _: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }

    fn consume(&self, _: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async { Err(BrokerError::new(BrokerErrorKind::Other, "nothing to consume")) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Doubles(Store);

impl Drivers for Doubles {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async { Ok(Arc::new(Sink) as Arc<dyn Broker>) })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        let store = self.0.clone();
        Box::pin(async { Ok(Arc::new(store) as Arc<dyn ResultBackend>) })
    }
}

pub(super) fn app() -> (App, Store) {
    app_with(|_| {})
}

pub(super) fn app_with(change: impl FnOnce(&mut Settings)) -> (App, Store) {
    build(App::builder(), change)
}

pub(super) fn build(builder: AppBuilder, change: impl FnOnce(&mut Settings)) -> (App, Store) {
    try_build(builder, change).unwrap()
}

pub(super) fn try_build(
    builder: AppBuilder,
    change: impl FnOnce(&mut Settings),
) -> Result<(App, Store), Error> {
    let mut settings = Settings::default();
    change(&mut settings);
    let store = Store::default();
    let app = builder
        .settings(settings)
        .registry(Registry::new())
        .task(Add)
        .task(Flaky)
        .task(Fails)
        .task(Sleepy)
        .drivers(Arc::new(Doubles(store.clone())))
        .build()?;
    Ok((app, store))
}

/// The context of a running task, in a worker.
pub(super) fn context(app: &App, id: &str) -> TaskContext {
    let mut headers = Headers::new("proj.parent", id.into());
    headers.root_id = Some("root".into());
    let message = TaskMessage {
        headers,
        properties: Properties { priority: Some(7), ..Properties::default() },
        args: "[]".into(),
        kwargs: "{}".into(),
        embed: Default::default(),
    };
    let message = message.encode(Protocol::V2, Default::default(), None).unwrap();
    let delivery = DeliveryInfo { priority: Some(7), ..DeliveryInfo::default() };
    let accept = Accept::from_names(["json"]).unwrap();
    let request = Request::decode(message, delivery, &accept, &jiff::tz::TimeZone::UTC, 1024).unwrap();
    TaskContext::new(ContextParts {
        request: Box::new(request),
        hostname: app.origin().into(),
        states: States::default(),
        backend: Arc::new(DisabledBackend),
        cancel: None,
        is_eager: false,
        events: None,
    })
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Add;

#[derive(Debug, Deserialize)]
pub(super) struct AddArgs {
    x: i64,
    y: i64,
}

impl Serialize for AddArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.x, self.y).serialize(serializer)
    }
}

impl Task for Add {
    type Args = AddArgs;
    type Output = i64;
    const NAME: &'static str = "proj.add";
    const PARAMS: &'static [Param] =
        &[Param { name: "x", kind: ParamKind::Required }, Param { name: "y", kind: ParamKind::Required }];

    async fn call(args: AddArgs, _: TaskContext) -> Result<i64, TaskError> {
        Ok(args.x + args.y)
    }
}

pub(super) fn add(x: i64, y: i64) -> Call<Add> {
    Call::new(AddArgs { x, y })
}

/// Retries until it has been retried so often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flaky;

impl Task for Flaky {
    type Args = (u32,);
    type Output = u32;
    const NAME: &'static str = "proj.flaky";
    const PARAMS: &'static [Param] = &[Param { name: "times", kind: ParamKind::Required }];

    async fn call((times,): (u32,), cx: TaskContext) -> Result<u32, TaskError> {
        if cx.retries() < times { Err(cx.retry().into()) } else { Ok(cx.retries()) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fails;

impl Task for Fails {
    type Args = (String,);
    type Output = ();
    const NAME: &'static str = "proj.fails";
    const PARAMS: &'static [Param] = &[Param { name: "why", kind: ParamKind::Required }];

    async fn call((why,): (String,), _: TaskContext) -> Result<(), TaskError> {
        Err(Failure::new("ValueError", why).into())
    }
}

/// Blocks, and says on which thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleepy;

impl Task for Sleepy {
    type Args = ();
    type Output = String;
    const NAME: &'static str = "proj.sleepy";
    const PARAMS: &'static [Param] = &[];
    const KIND: TaskKind = TaskKind::Blocking;

    fn encode(_: &()) -> Result<(bytes::Bytes, bytes::Bytes), crate::codec::CodecError> {
        Ok(("[]".into(), "{}".into()))
    }

    async fn call(_: (), _: TaskContext) -> Result<String, TaskError> {
        Ok(format!("{:?}", std::thread::current().id()))
    }
}
