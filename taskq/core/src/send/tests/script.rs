//! A broker that does as it is told: fails, hangs, refuses; and records what it was given.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use tokio::sync::{Semaphore, watch};

use crate::{
    BoxFuture, Error,
    app::{App, Drivers},
    backend::{DisabledBackend, ResultBackend},
    broker::{
        Broker, BrokerError, BrokerErrorKind, Capabilities, ConsumeSpec, Consumer, Outgoing, PriorityOrder,
        Topology,
    },
    config::{Settings, Sources, Urls},
    protocol::{Param, ParamKind},
    send::Call,
    task::{Registry, Task, TaskContext, TaskError, TaskOptions},
};

/// What the next publish does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Fail(BrokerErrorKind),
}

#[derive(Debug)]
pub(super) struct Script {
    pub(super) delays: AtomicBool,
    pub(super) connections: AtomicUsize,
    steps: Mutex<VecDeque<Step>>,
    refused: Mutex<Option<String>>,
    batches: Mutex<Vec<Vec<Outgoing>>>,
    declared: Mutex<Vec<String>>,
    attempts: watch::Sender<usize>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    connecting: Mutex<Option<Arc<Semaphore>>>,
}

/// Holds every publish until it is opened, or for ever.
pub(super) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(super) fn open(self) {
        self.0.add_permits(Semaphore::MAX_PERMITS);
    }
}

impl Script {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            delays: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            steps: Mutex::default(),
            refused: Mutex::default(),
            batches: Mutex::default(),
            declared: Mutex::default(),
            attempts: watch::Sender::new(0),
            gate: Mutex::default(),
            connecting: Mutex::default(),
        })
    }

    pub(super) fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }

    pub(super) fn refuse_queue(&self, name: &str) {
        *self.refused.lock().unwrap() = Some(name.to_owned());
    }

    pub(super) fn hold(&self) -> Gate {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        Gate(gate)
    }

    pub(super) fn hold_connections(&self) -> Gate {
        let gate = Arc::new(Semaphore::new(0));
        *self.connecting.lock().unwrap() = Some(Arc::clone(&gate));
        Gate(gate)
    }

    /// Waits until so many publishes have begun.
    pub(super) async fn began(&self, count: usize) {
        self.attempts.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }

    /// Waits until so many messages are with the batcher.
    pub(super) async fn waiting(&self, app: &App, count: usize) {
        while app.publisher().unwrap().waiting() < count {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn attempts(&self) -> usize {
        *self.attempts.borrow()
    }

    pub(super) fn batches(&self) -> Vec<Vec<Outgoing>> {
        self.batches.lock().unwrap().clone()
    }

    pub(super) fn declared(&self) -> Vec<String> {
        self.declared.lock().unwrap().clone()
    }
}

#[derive(Clone, Debug)]
struct Handle(Arc<Script>);

impl Broker for Handle {
    fn capabilities(&self) -> Capabilities {
        let delays = self.0.delays.load(Ordering::Relaxed);
        Capabilities {
            native_delay: delays,
            producer_delay: delays,
            priorities: Some(PriorityOrder::HigherFirst),
            ..Capabilities::NONE
        }
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.0.declared.lock().unwrap().extend(topology.queues.iter().map(|queue| queue.name.clone()));
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            self.0.attempts.send_modify(|attempts| *attempts += 1);
            let gate = self.0.gate.lock().unwrap().clone();
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            let refused = self.0.refused.lock().unwrap().clone();
            if refused.is_some_and(|name| batch.iter().any(|out| out.routing_key == name)) {
                return Err(BrokerError::new(BrokerErrorKind::Unroutable, "no such queue"));
            }
            match self.0.steps.lock().unwrap().pop_front() {
                Some(Step::Fail(kind)) => Err(BrokerError::new(kind, "as told")),
                None => {
                    self.0.batches.lock().unwrap().push(batch.to_vec());
                    Ok(())
                }
            }
        })
    }

    fn consume(&self, _: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async { Err(BrokerError::new(BrokerErrorKind::Other, "nothing to consume")) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Drivers for Handle {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            let gate = self.0.connecting.lock().unwrap().clone();
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            Ok(Arc::new(self.clone()) as Arc<dyn Broker>)
        })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async { Ok(Arc::new(DisabledBackend) as Arc<dyn ResultBackend>) })
    }
}

pub(super) fn drivers(script: &Arc<Script>) -> Arc<dyn Drivers> {
    Arc::new(Handle(Arc::clone(script)))
}

pub(super) fn app(script: &Arc<Script>) -> App {
    app_with(script, Settings::default())
}

pub(super) fn app_with(script: &Arc<Script>, mut settings: Settings) -> App {
    settings.broker_url = Sources::none().set("broker_url", "script://u:secret@h").load().unwrap().broker_url;
    let mut registry = Registry::new();
    registry.add_task(Add).unwrap();
    App::builder().settings(settings).registry(registry).drivers(drivers(script)).build().unwrap()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Add;

impl Task for Add {
    type Args = (i64, i64);
    type Output = i64;
    const NAME: &'static str = "proj.add";
    const PARAMS: &'static [Param] =
        &[Param { name: "x", kind: ParamKind::Required }, Param { name: "y", kind: ParamKind::Required }];

    async fn call((x, y): (i64, i64), _: TaskContext) -> Result<i64, TaskError> {
        Ok(x + y)
    }
}

pub(super) fn add_call(x: i64, y: i64) -> Call<Add> {
    Call::new((x, y))
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Quick;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NoArgs();

impl Task for Quick {
    type Args = NoArgs;
    type Output = ();
    const NAME: &'static str = "proj.quick";
    const PARAMS: &'static [Param] = &[];
    const OPTIONS: TaskOptions = TaskOptions {
        queue: Some("quick"),
        priority: Some(8),
        time_limit: Some(std::time::Duration::from_secs(60)),
        soft_time_limit: Some(std::time::Duration::from_secs(45)),
        ..TaskOptions::DEFAULT
    };

    async fn call(_: NoArgs, _: TaskContext) -> Result<(), TaskError> {
        Ok(())
    }
}

pub(super) fn quick_call() -> Call<Quick> {
    Call::new(NoArgs())
}

/// A value that no format can hold.
pub(super) struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("not encodable"))
    }
}
