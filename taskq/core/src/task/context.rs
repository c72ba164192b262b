//! What a running task can ask and tell: its request, its state, its progress.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{RetryRequest, States, TaskError, cancel::Cancel};
use crate::{
    Error, ErrorKind,
    app::App,
    backend::{Child, ResultBackend, State, TaskMeta, TaskOutput},
    canvas::Signature,
    codec::{Map, Value, to_value},
    event::EventBus,
    protocol::{Request, TaskId, TraceContext},
    result::ResultTree,
};

tokio::task_local! {
    static CURRENT: TaskContext;
}

/// The context of a run (`self` and `self.request` of a bound Celery task). Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskContext(Arc<Inner>);

/// What a context is made of.
#[derive(Debug)]
pub struct ContextParts {
    /// The decoded message. Large, so it stays in one place from its reading to its end.
    pub request: Box<Request>,
    /// Node name of the worker.
    pub hostname: Arc<str>,
    /// State for `#[state]` parameters.
    pub states: States,
    /// Where progress goes.
    pub backend: Arc<dyn ResultBackend>,
    /// Cancelled when the run should end: revoked, lease lost, soft limit, shutdown. `None`: one of its own, which
    /// [`TaskContext::cancel`] cancels.
    pub cancel: Option<CancellationToken>,
    /// Runs in the caller's process, without a broker.
    pub is_eager: bool,
    /// Where the task's own events go; `None`: nowhere.
    pub events: Option<EventBus>,
}

#[derive(Debug)]
struct Inner {
    parts: ContextParts,
    run: Arc<Run>,
}

/// What is told during a run.
#[derive(Debug)]
struct Run {
    children: Mutex<Vec<Child>>,
    following: Mutex<Vec<Signature>>,
    trace: Mutex<TraceContext>,
    cancel: Cancel,
    /// The task has looked at its cancellation token.
    watches: AtomicBool,
}

impl TaskContext {
    /// A context; made by workers and eager calls.
    pub fn new(mut parts: ContextParts) -> Self {
        let run = Run {
            children: Mutex::default(),
            following: Mutex::default(),
            trace: Mutex::new(TraceContext::of(&parts.request.headers)),
            cancel: Cancel::by(parts.cancel.take()),
            watches: AtomicBool::new(false),
        };
        Self(Arc::new(Inner { parts, run: Arc::new(run) }))
    }

    /// The same run with another request: what middleware has made of the one that came.
    pub fn with_request(&self, request: Request) -> Self {
        self.set_trace(TraceContext::of(&request.headers));
        let ContextParts { request: _, hostname, states, backend, cancel: _, is_eager, events } =
            &self.0.parts;
        let parts = ContextParts {
            request: Box::new(request),
            hostname: Arc::clone(hostname),
            states: states.clone(),
            backend: Arc::clone(backend),
            cancel: None, // that of the run
            is_eager: *is_eager,
            events: events.clone(),
        };
        Self(Arc::new(Inner { parts, run: Arc::clone(&self.0.run) }))
    }

    /// The context of the task that runs here, if one does.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` as the body of this context's task: [`current`](Self::current) answers in it.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// The request: ids, retries, headers, delivery info, limits.
    pub fn request(&self) -> &Request {
        &self.0.parts.request
    }

    /// The task's id.
    pub fn id(&self) -> &TaskId {
        self.request().id()
    }

    /// Retries so far: 0 in the first run.
    pub fn retries(&self) -> u32 {
        self.request().headers.retries
    }

    /// Node name of the worker (`celery@host`).
    pub fn hostname(&self) -> &str {
        &self.0.parts.hostname
    }

    /// Whether the task runs in the caller's process.
    pub fn is_eager(&self) -> bool {
        self.0.parts.is_eager
    }

    /// Shared state by type; the value behind a `#[state]` parameter.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.parts.states.get()
    }

    /// Shared state by type, shared; the value of a `#[state] x: Arc<T>` parameter.
    pub fn shared_state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.parts.states.get_shared()
    }

    /// Asks for another attempt: `return Err(cx.retry().countdown(3.seconds()).into())`. Celery: `self.retry()`.
    pub fn retry(&self) -> RetryRequest {
        RetryRequest::default()
    }

    /// Ends this run and goes on in another signature under the same id, with the links of this task:
    /// `return Err(cx.replace(sum.s(list)))`. A group gives the list of its results. Celery:
    /// `raise self.replace(…)`.
    ///
    /// An empty chain, or a signature that is in a chord already, fails the task.
    pub fn replace(&self, signature: impl Into<Signature>) -> TaskError {
        TaskError::Replace(Box::new(signature.into()))
    }

    /// Sends one more member to the header of the chord this task is in; its body waits for it, too. Celery:
    /// `self.add_to_chord(…)`.
    ///
    /// # Errors
    /// When this task is in no chord, the result backend does not count members, or it could not be sent.
    pub async fn add_to_chord(&self, signature: impl Into<Signature>) -> Result<ResultTree, Error> {
        let request = self.request();
        let (Some(group), Some(body)) = (&request.headers.group, &request.embed.chord) else {
            return Err(Error::new(ErrorKind::Unsupported, "this task is not in the header of a chord"));
        };
        let Some(chords) = self.0.parts.backend.chords() else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "could not add to the chord: the result backend does not count members",
            ));
        };
        let mut signature = signature.into();
        signature.options.check()?;
        let flow = signature.options.flow_mut();
        flow.group_id = Some(group.clone());
        flow.group_index = request.headers.group_index;
        flow.chord = Some(body.clone());
        flow.root_id.clone_from(&request.headers.root_id);
        // First the count: a member that is not expected would complete the header without this task.
        chords.grow(group, 1).await?;
        App::current()?.send_canvas(signature).await
    }

    /// Sends a signature of any kind when this run has succeeded, together with its acknowledgement: a worker
    /// that dies neither loses nor repeats it, and a run that fails sends nothing. Signatures with immediate
    /// effect are sent with `.delay()` and its kin.
    pub fn send_with_success(&self, signature: impl Into<Signature>) {
        self.0.run.following.lock().unwrap_or_else(PoisonError::into_inner).push(signature.into());
    }

    /// Whether anything is to be sent when the run has succeeded. For workers.
    pub fn has_following(&self) -> bool {
        !self.0.run.following.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What is to be sent when the run has succeeded. For workers.
    pub fn take_following(&self) -> Vec<Signature> {
        std::mem::take(&mut *self.0.run.following.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stores a state of the task's own, such as `PROGRESS`, with data for whoever watches.
    /// Celery: `self.update_state(state=…, meta=…)`.
    ///
    /// # Errors
    /// When the data cannot be encoded or the backend cannot be reached.
    pub async fn update_state(&self, state: &str, meta: impl Serialize + Send) -> Result<(), Error> {
        let value: Value = to_value(&meta).map_err(|error| {
            Error::with_source(ErrorKind::Encode, format!("could not encode the meta of `{state}`"), error)
        })?;
        let mut stored = TaskMeta::new(self.id().clone(), State::from(state), TaskOutput::Value(value));
        stored.children = Some(self.children());
        stored.group_id.clone_from(&self.request().headers.group);
        stored.parent_id.clone_from(&self.request().headers.parent_id);
        self.0.parts.backend.store(std::slice::from_ref(&stored)).await?;
        Ok(())
    }

    /// Tells an event of the task's own, such as `task-progress`, to whoever watches; it travels with the task's
    /// id. Never waits; lost when nobody listens or too much is told. Celery: `self.send_event(kind, **fields)`.
    ///
    /// # Errors
    /// When the fields cannot be encoded or are no map.
    pub fn send_event(&self, kind: &str, fields: impl Serialize) -> Result<(), Error> {
        let wrong = |why: String| {
            Error::new(ErrorKind::Encode, format!("could not encode the fields of the event `{kind}`: {why}"))
        };
        let told = match to_value(&fields).map_err(|error| wrong(error.to_string()))? {
            Value::Map(told) => told,
            Value::Null => Map::default(),
            _ => return Err(wrong("they are no map".to_owned())),
        };
        let Some(events) = &self.0.parts.events else { return Ok(()) };
        let mut fields: Map = [("uuid".to_owned(), Value::from(self.id().as_str()))].into_iter().collect();
        fields.extend(told);
        // Receivers look at what stands before the first dash.
        let kind = if kind.contains('-') { kind.to_owned() } else { format!("task-{kind}") };
        events.tell(kind, fields);
        Ok(())
    }

    /// Cancelled when the run should end early: the task was revoked, the worker stops at once, or the lease
    /// was lost. Async tasks are dropped at their next await anyway; blocking ones should look here.
    ///
    /// A task that has asked for its token ends a run beyond its soft time limit in its own way; others are
    /// dropped.
    pub fn cancellation(&self) -> &CancellationToken {
        self.0.run.watches.store(true, Ordering::Relaxed);
        self.0.run.cancel.token()
    }

    /// Whether the run should end early. Celery: `is_aborted()`.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation().is_cancelled()
    }

    /// Tells the run to end early: its token is cancelled. For workers.
    pub fn cancel(&self) {
        self.0.run.cancel.cancel();
    }

    /// Whether the task has looked at its cancellation so far. For workers.
    pub fn watches_cancellation(&self) -> bool {
        self.0.run.watches.load(Ordering::Relaxed)
    }

    /// The trace that this run is part of: what it sends carries it on.
    pub fn trace(&self) -> TraceContext {
        self.0.run.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets it, if it is not the one that came with the message. For workers.
    pub fn set_trace(&self, trace: TraceContext) {
        *self.0.run.trace.lock().unwrap_or_else(PoisonError::into_inner) = trace;
    }

    /// Records a task sent from this one (Celery: `add_trail`).
    pub fn add_child(&self, child: Child) {
        self.0.run.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }

    /// What this task has sent so far.
    pub fn children(&self) -> Vec<Child> {
        self.0.run.children.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
