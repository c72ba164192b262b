//! Runs one job: last checks, early acknowledgement, the task itself, and what it came to.
//!
//! Kept true here: whatever a task does (return, fail, panic, overrun its limits, lose its lease), exactly one
//! [`Completion`] comes of it; nothing is stored or settled here.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Instant,
};

use futures_util::FutureExt;
use taskq_core::{
    BoxFuture,
    backend::{State, TaskMeta, TaskOutput},
    codec::{Map, Value},
    middleware::{ExecuteEnd, ExecuteNext},
    protocol::Request,
    task::{ContextParts, Outcome, TaskContext, decide},
};
use tokio::sync::oneshot;
use tracing::warn;

use crate::{
    builtin,
    completer::Completions,
    effects::{self, Completion, Ran},
    emit, gate,
    held::{Held, Why},
    job::Job,
    limits,
    node::Node,
    panics,
    tasks::Known,
};

/// What runs jobs for every pool.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) node: Arc<Node>,
    pub(crate) done: Completions,
}

/// Whether the arguments fit. A type of the task's own that panics while it is read is left to the run.
fn fits(known: &Known, request: &Request) -> bool {
    std::panic::catch_unwind(AssertUnwindSafe(|| known.def.fits(request))).unwrap_or(false)
}

/// How a run ended: by itself, or dropped from outside.
enum Ended {
    Outcome(Outcome),
    Dropped(Why),
}

impl Executor {
    /// Runs a job to its completion, which goes to the completer.
    pub(crate) async fn run(&self, job: Job) {
        let held = Arc::clone(&job.held);
        held.set_running();
        let completion = self.complete(job).await;
        self.node.busy.done();
        // Somebody else may have ended the delivery: its lease was lost, or it was given back at a cold stop.
        if let Some(completion) = completion
            && held.claim()
        {
            self.done.send(completion).await;
        }
    }

    async fn complete(&self, job: Job) -> Option<Completion> {
        let Job { known, request, held } = job;
        if let Some(end) = gate::before_run(&self.node, &known, &request, &held) {
            return Some(end);
        }
        if let Some(meta) = self.success(&known, &request).await {
            return Some(Completion::duplicate(&self.node, held.tag, &known, &request, &meta).await);
        }
        // Arguments that do not fit are kept as a dead letter: the message must still be there then.
        let acked = !known.policy.acks_late && fits(&known, &request);
        if acked && !self.ack_early(&held).await {
            return None;
        }
        emit::started(&self.node, &known, &held.id);
        if known.policy.track_started && known.stores_result(&request) {
            self.store_started(&request).await;
        }
        let started = Instant::now();
        let run = Run { node: &self.node, known: &known, held: &held, context: OnceLock::new() };
        let ended = run.to_end(*request).await;
        let runtime = started.elapsed();
        let cx = run.context.into_inner()?;
        let ran = Ran { known, cx, tag: held.tag, acked, runtime };
        match ended {
            Ended::Outcome(outcome) => Some(effects::of(&self.node, &ran, outcome).await),
            Ended::Dropped(Why::Terminated) => {
                Some(effects::of(&self.node, &ran, Outcome::Revoked { reason: "terminated" }).await)
            }
            Ended::Dropped(Why::GivenBack) => Some(effects::given_back(&self.node, &ran).await),
            Ended::Dropped(Why::LeaseLost) => {
                warn!(task = %ran.known.name, id = %held.id, "run cancelled: its lease was lost");
                None
            }
        }
    }

    /// What the task has returned, if this is the second delivery of one that has succeeded, and the settings
    /// ask for that look.
    async fn success(&self, known: &Known, request: &Request) -> Option<TaskMeta> {
        if !self.node.tuning.skip_duplicates || !request.delivery.redelivered || !known.policy.acks_late {
            return None;
        }
        match self.node.backend.fetch(std::slice::from_ref(request.id())).await {
            Ok(mut found) => found.pop().flatten().filter(|meta| meta.state == State::Success),
            Err(error) => {
                warn!(id = %request.id(), %error, "could not look whether the task has succeeded; it runs");
                None
            }
        }
    }

    /// Acknowledges before the run. False: the delivery is no longer ours.
    async fn ack_early(&self, held: &Held) -> bool {
        let _blocked = self.node.busy.block();
        let (tell, told) = oneshot::channel();
        held.set_acking();
        self.done.send(Completion::early_ack(held.tag, tell)).await;
        told.await.unwrap_or(false)
    }

    async fn store_started(&self, request: &Request) {
        let mut meta = Map::default();
        meta.insert("pid".into(), Value::Int(i64::from(std::process::id())));
        meta.insert("hostname".into(), Value::Str(self.node.name.as_ref().into()));
        let meta = TaskMeta::new(request.id().clone(), State::Started, TaskOutput::Value(Value::Map(meta)));
        if let Err(error) = self.node.backend.store(std::slice::from_ref(&meta)).await {
            warn!(id = %request.id(), %error, "could not store STARTED; the task runs all the same");
        }
    }
}

/// One run.
struct Run<'a> {
    node: &'a Arc<Node>,
    known: &'a Known,
    held: &'a Held,
    context: OnceLock<TaskContext>,
}

impl Run<'_> {
    async fn to_end(&self, mut request: Request) -> Ended {
        if self.node.app.middleware().is_empty() {
            return self.unless_dropped(self.task(request)).await;
        }
        let stack = self.node.app.middleware();
        // Before the chain, so that a middleware that does not go on leaves a context all the same.
        let _ = self.context.set(self.new_context(request.clone()));
        self.unless_dropped(ExecuteNext::new(stack, self).run(&mut request)).await
    }

    /// Runs until the end, or until the run is to be dropped. A middleware, or a destructor of the task's
    /// future, that panics must not take the executor along.
    async fn unless_dropped(&self, run: impl Future<Output = Outcome>) -> Ended {
        let run = async {
            tokio::select! {
                biased; // most runs are over at the first look
                outcome = run => Ended::Outcome(outcome),
                why = self.held.cancelled() => Ended::Dropped(why),
            }
        };
        AssertUnwindSafe(run)
            .catch_unwind()
            .await
            .unwrap_or_else(|payload| Ended::Outcome(Outcome::Failure(panics::failure(&*payload))))
    }

    fn new_context(&self, request: Request) -> TaskContext {
        TaskContext::new(ContextParts {
            request,
            hostname: Arc::clone(&self.node.name),
            states: self.node.app.states().clone(),
            backend: Arc::clone(&self.node.backend),
            cancel: self.held.told.clone(),
            is_eager: false,
            events: Some(self.node.events.clone()),
        })
    }

    /// The task itself, within its limits.
    async fn task(&self, request: Request) -> Outcome {
        let cx = self.new_context(request);
        let cx = self.context.get_or_init(|| cx).clone();
        self.held.set_run(cx.clone(), self.node.now().as_microsecond() as f64 / 1e6);
        let app = &self.node.app;
        let run = self.known.def.run(cx.clone());
        let run: BoxFuture<'_, _> =
            if self.known.is_builtin { Box::pin(builtin::scope(Arc::clone(self.node), run)) } else { run };
        let run = AssertUnwindSafe(app.scope(cx.clone().scope(run))).catch_unwind();
        let run = async { run.await.unwrap_or_else(|payload| Err(panics::failure(&*payload).into())) };
        let result = match self.known.limits(cx.request()) {
            limits if limits.is_none() => run.await,
            limits => limits::within(self.known.def.kind, limits, &cx, &self.held.told, run).await,
        };
        match result {
            Ok(value) => Outcome::Success(value),
            Err(error) => {
                let (now, rng) = (self.node.now(), &mut fastrand::Rng::new());
                decide(Err(error), &self.known.def.options, cx.request(), now, rng)
            }
        }
    }
}

impl ExecuteEnd for Run<'_> {
    fn execute<'a>(&'a self, request: &'a mut Request) -> BoxFuture<'a, Outcome> {
        let request = request.clone();
        Box::pin(self.task(request))
    }
}
