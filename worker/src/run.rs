//! The code of one task in this process: the middleware around it, its context, its limits, its panics.
//!
//! Kept true here: whatever it does, an [`Outcome`] comes of it.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

use futures_util::FutureExt;
use taskq_core::{
    BoxFuture,
    app::App,
    backend::ResultBackend,
    event::EventBus,
    middleware::{ExecuteEnd, ExecuteNext},
    protocol::Request,
    task::{ContextParts, Outcome, TaskContext, TaskDef, decide},
};
use tokio_util::sync::CancellationToken;

use crate::{builtin, limits, node::Node, panics, tasks::Limits};

/// Where tasks run, as they see it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) app: App,
    /// Node name: `celery@host`.
    pub(crate) name: Arc<str>,
    pub(crate) backend: Arc<dyn ResultBackend>,
    pub(crate) events: EventBus,
}

impl Place {
    /// The context of a run here.
    pub(crate) fn context(&self, request: Box<Request>, cancel: Option<CancellationToken>) -> TaskContext {
        TaskContext::new(ContextParts {
            request,
            hostname: Arc::clone(&self.name),
            states: self.app.states().clone(),
            backend: Arc::clone(&self.backend),
            cancel,
            is_eager: false,
            events: Some(self.events.clone()),
        })
    }
}

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) place: &'a Place,
    pub(crate) def: &'a TaskDef,
    /// The limits of a request.
    pub(crate) limits: &'a (dyn Fn(&Request) -> Limits + Send + Sync),
    /// Told when the task itself begins.
    pub(crate) begins: &'a (dyn Fn(&TaskContext) + Send + Sync),
    /// What a task of the worker's own needs.
    pub(crate) builtin: Option<&'a Arc<Node>>,
    /// Of the request that came: what follows the run, another attempt among it, is made from that.
    pub(crate) context: OnceLock<TaskContext>,
}

impl Run<'_> {
    /// Runs to the end. A middleware, or a destructor of the task's future, that panics is a failure.
    pub(crate) async fn outcome(&self, request: Box<Request>) -> Outcome {
        let run = AssertUnwindSafe(self.within_middleware(request)).catch_unwind();
        run.await.unwrap_or_else(|payload| Outcome::Failure(panics::failure(&*payload)))
    }

    async fn within_middleware(&self, mut request: Box<Request>) -> Outcome {
        let stack = self.place.app.middleware();
        if stack.is_empty() {
            return self.task(request).await;
        }
        // Before the chain, so that a middleware that does not go on leaves a context all the same.
        let _ = self.context.set(self.place.context(request.clone(), None));
        self.place.app.scope(ExecuteNext::new(stack, self).run(&mut request)).await
    }

    /// The task itself, within its limits.
    async fn task(&self, request: Box<Request>) -> Outcome {
        let cx = match self.context.get() {
            Some(came) => came.with_request(*request),
            None => self.context.get_or_init(|| self.place.context(request, None)).clone(),
        };
        (self.begins)(&cx);
        let app = &self.place.app;
        let run = self.def.run(cx.clone());
        let run: BoxFuture<'_, _> = match self.builtin {
            Some(node) => Box::pin(builtin::scope(Arc::clone(node), run)),
            None => run,
        };
        let run = AssertUnwindSafe(app.scope(cx.clone().scope(run))).catch_unwind();
        let run = async { run.await.unwrap_or_else(|payload| Err(panics::failure(&*payload).into())) };
        let result = match (self.limits)(cx.request()) {
            limits if limits.is_none() => run.await,
            limits => Box::pin(limits::within(self.def.kind, limits, &cx, run)).await,
        };
        match result {
            Ok(value) => Outcome::Success(value),
            Err(error) => {
                let (now, rng) = (app.clock().now(), &mut fastrand::Rng::new());
                decide(Err(error), &self.def.options, cx.request(), now, rng)
            }
        }
    }
}

impl ExecuteEnd for Run<'_> {
    fn execute<'a>(&'a self, request: &'a mut Request) -> BoxFuture<'a, Outcome> {
        let request = Box::new(request.clone());
        Box::pin(self.task(request))
    }
}
