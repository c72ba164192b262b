//! Tasks run in the caller's process, without a broker: `apply` and the setting `task_always_eager`.
//!
//! Kept true here: the task sees the same request, middleware and retries as in a worker; retries come at
//! once, without their delay.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{App, block_on};
use crate::{
    BoxFuture, Error, ErrorKind,
    backend::{
        Child, DisabledBackend, RemoteFailure, ResultBackend, State, StoredError, TaskMeta, TaskOutput,
    },
    canvas::Signature,
    codec::{Value, json},
    middleware::{ExecuteEnd, ExecuteNext},
    protocol::{Arguments, DeliveryInfo, Request},
    result::AsyncResult,
    send::{Draft, Invocation, SendOptions},
    task::{
        ContextParts, Failure, FailureKind, Outcome, RetryRequest, Task, TaskContext, TaskDef, TaskError,
        TaskKind, TaskOptions, decide,
    },
};

impl App {
    /// `.delay()` with `task_always_eager`.
    pub(crate) async fn run_eagerly<T: Task>(
        &self,
        arguments: (Bytes, Bytes),
        options: SendOptions,
        own: &TaskOptions,
    ) -> Result<AsyncResult<T::Output>, Error> {
        let result = self.apply_eagerly::<T>(arguments, options, own).await?;
        self.propagate(&result)?;
        Ok(result)
    }

    /// `.apply()`.
    pub(crate) async fn apply_eagerly<T: Task>(
        &self,
        arguments: (Bytes, Bytes),
        options: SendOptions,
        own: &TaskOptions,
    ) -> Result<AsyncResult<T::Output>, Error> {
        let mut def = TaskDef::of::<T>();
        def.options = *own;
        let (args, kwargs) = arguments;
        let call = Invocation { task: T::NAME, args, kwargs, own: Some(own), routed: None };
        let meta = self.eager(&def, Draft::new(self, call, options)?).await?;
        Ok(AsyncResult::eager(self, meta))
    }

    /// A task by name, with `task_always_eager`.
    pub(crate) async fn run_named_eagerly(
        &self,
        task: &str,
        args: Bytes,
        kwargs: Bytes,
        options: SendOptions,
    ) -> Result<AsyncResult<Value>, Error> {
        let def = self.registry().get(task).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Registration,
                format!("could not run `{task}` eagerly: it is not registered here"),
            )
        })?;
        let call = Invocation { task, args, kwargs, own: Some(&def.options), routed: None };
        let result = AsyncResult::eager(self, self.eager(&def, Draft::new(self, call, options)?).await?);
        self.propagate(&result)?;
        Ok(result)
    }

    fn propagate<T>(&self, result: &AsyncResult<T>) -> Result<(), Error> {
        match result.eager_failure() {
            Some(failure) if self.settings().task_eager_propagates => {
                Err(Error::with_source(ErrorKind::Other, "the eager task failed", failure))
            }
            _ => Ok(()),
        }
    }

    async fn eager(&self, def: &TaskDef, draft: Draft) -> Result<TaskMeta, Error> {
        let store = def.options.store_eager_result.unwrap_or(self.settings().task_store_eager_result);
        let backend: Option<Arc<dyn ResultBackend>> = if store { Some(self.backend().await?) } else { None };
        self.run_here(def, request(draft), backend).await
    }

    /// Runs a request in this process until its task has ended, retries at once, and stores the result if there
    /// is a backend.
    pub(crate) async fn run_here(
        &self,
        def: &TaskDef,
        mut request: Request,
        backend: Option<Arc<dyn ResultBackend>>,
    ) -> Result<TaskMeta, Error> {
        let progress: Arc<dyn ResultBackend> = backend.clone().unwrap_or_else(|| Arc::new(DisabledBackend));
        loop {
            let run = Run { app: self, def, backend: Arc::clone(&progress), children: Mutex::default() };
            let mut attempt = request.clone();
            let outcome = ExecuteNext::new(self.middleware(), &run).run(&mut attempt).await;
            let (state, output, traceback) = match outcome {
                Outcome::Retry { request: asked, .. } => {
                    again(&mut request, *asked);
                    continue;
                }
                Outcome::Success(value) => (State::Success, TaskOutput::Json(value), None),
                Outcome::Failure(failure) => {
                    (State::Failure, TaskOutput::Error(failure.error), failure.traceback)
                }
                Outcome::Ignore => (State::Ignored, TaskOutput::NULL, None),
                Outcome::Replace(signature) => return self.run_replacement(&request, *signature).await,
                Outcome::Reject { reason, .. } => {
                    (State::Failure, TaskOutput::Error(StoredError::celery("Reject", reason)), None)
                }
                Outcome::Revoked { reason } => {
                    (State::Revoked, TaskOutput::Error(StoredError::celery("TaskRevokedError", reason)), None)
                }
            };
            let mut meta = TaskMeta::new(request.id().clone(), state, output);
            meta.traceback = traceback;
            meta.date_done = Some(self.clock().now());
            meta.parent_id.clone_from(&request.headers.parent_id);
            meta.group_id.clone_from(&request.headers.group);
            meta.children = Some(run.children.into_inner().unwrap_or_else(PoisonError::into_inner));
            let ignored = request.headers.ignore_result.or(def.options.ignore_result);
            if let Some(backend) = &backend
                && !ignored.unwrap_or(self.settings().task_ignore_result)
                && meta.state != State::Ignored
            {
                backend.store(std::slice::from_ref(&meta)).await?;
            }
            self.send_links(&request, &meta).await?;
            return Ok(meta);
        }
    }
}

impl App {
    /// Sends the callbacks of a success with its value, or the errbacks of a failure with its id: eagerly, too,
    /// if that is the setting. Boxed, because an eager callback may have callbacks of its own.
    fn send_links<'a>(
        &'a self,
        request: &'a Request,
        meta: &'a TaskMeta,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (links, argument) = match (&meta.state, &meta.output) {
                (State::Success, TaskOutput::Json(value)) if request.embed.callbacks.is_some() => {
                    let value = json::from_slice(value).map_err(|error| {
                        Error::with_source(
                            ErrorKind::Encode,
                            "could not hand the result to a callback",
                            error,
                        )
                    })?;
                    (&request.embed.callbacks, value)
                }
                (State::Failure, _) => (&request.embed.errbacks, Value::Str(request.id().to_string())),
                _ => return Ok(()),
            };
            for link in links.iter().flatten() {
                let mut signature = Signature::from_value(link.clone())?.prepend([argument.clone()]);
                let flow = signature.options.flow_mut();
                flow.parent_id = Some(request.id().clone());
                flow.root_id.clone_from(&request.headers.root_id);
                self.send_signature(signature).await?;
            }
            Ok(())
        })
    }
}

fn request(draft: Draft) -> Request {
    let message = draft.message;
    Request {
        delivery: DeliveryInfo {
            queue: draft.route.destination().into(),
            exchange: draft.route.exchange.clone(),
            routing_key: draft.route.routing_key.clone(),
            priority: message.properties.priority,
            redelivered: false,
        },
        headers: message.headers,
        properties: message.properties,
        arguments: Arguments::Raw { args: message.args, kwargs: message.kwargs },
        embed: message.embed,
        protocol: draft.protocol,
        content_type: draft.serializer.content_type().to_owned(),
        eta: draft.eta,
        expires: None,
    }
}

/// The request of the next attempt.
fn again(request: &mut Request, asked: RetryRequest) {
    request.headers.retries += 1;
    if let Arguments::Raw { args, kwargs } = &mut request.arguments {
        *args = asked.args.unwrap_or_else(|| args.clone());
        *kwargs = asked.kwargs.unwrap_or_else(|| kwargs.clone());
    }
    request.headers.extra.extend(asked.headers);
}

/// The end of the execute chain in this process.
struct Run<'r> {
    app: &'r App,
    def: &'r TaskDef,
    backend: Arc<dyn ResultBackend>,
    /// What the attempt sent.
    children: Mutex<Vec<Child>>,
}

impl ExecuteEnd for Run<'_> {
    fn execute<'a>(&'a self, request: &'a mut Request) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let cx = TaskContext::new(ContextParts {
                request: Box::new(request.clone()),
                hostname: self.app.origin().into(),
                states: self.app.states().clone(),
                backend: Arc::clone(&self.backend),
                cancel: None,
                is_eager: true,
                events: None,
            });
            let task = self.app.clone().scoped(cx.clone().scope(self.def.run(cx.clone())));
            let result = match (self.def.kind, self.app.connections().io()) {
                (TaskKind::Async, _) => task.await,
                (TaskKind::Blocking, Ok(io)) => {
                    io.spawn_blocking(|| block_on(task)).await.unwrap_or_else(|error| {
                        Err(TaskError::Failure(
                            Failure::new("RuntimeError", error.to_string()).of_kind(FailureKind::Panic),
                        ))
                    })
                }
                (TaskKind::Blocking, Err(error)) => Err(error.into()),
            };
            *self.children.lock().unwrap_or_else(PoisonError::into_inner) = cx.children();
            decide(result, &self.def.options, request, self.app.clock().now(), &mut fastrand::Rng::new())
        })
    }
}

impl App {
    /// As [`scope`](Self::scope), owning the app.
    async fn scoped<F: Future>(self, future: F) -> F::Output {
        self.scope(future).await
    }
}

/// What a caller gets who asked for the failure of an eager task to be an error.
pub(crate) fn failure_of(meta: &TaskMeta) -> Option<RemoteFailure> {
    match &meta.output {
        TaskOutput::Error(error) => Some(RemoteFailure {
            id: meta.id.clone(),
            state: meta.state.clone(),
            error: error.clone(),
            traceback: meta.traceback.clone(),
        }),
        _ => None,
    }
}
