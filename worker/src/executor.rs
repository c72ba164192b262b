//! Runs one job: last checks, early acknowledgement, the task itself, and what it came to.
//!
//! Kept true here: whatever a task does (return, fail, panic, overrun its limits, lose its lease), exactly one
//! [`Completion`] comes of it; nothing is stored or settled here.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

use taskq_core::{
    backend::{State, TaskMeta, TaskOutput},
    codec::{Map, Value},
    crash::{self, Point},
    protocol::Request,
    task::{FailureKind, Outcome, TaskContext},
};
// Tokio's clock: on one that is paused nothing depends on how fast this machine is.
use tokio::{sync::oneshot, time::Instant};
use tracing::warn;

use crate::{
    completer::Completions,
    copies,
    effects::{self, Completion, Deaths, Ran},
    emit, gate,
    held::{Held, Why},
    job::Job,
    measure,
    node::Node,
    pool::process::{self, Alone, Crew, Ended, Hand},
    run::Run,
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

impl Executor {
    /// Runs a job to its completion, which goes to the completer.
    pub(crate) async fn run(&self, job: Job) {
        let held = Arc::clone(&job.held);
        held.set_running();
        let waiting = self.node.held.waiting_bytes();
        self.node.held.runs(&held);
        if self.node.prefetch.is_tight(waiting) {
            self.node.held.wake();
        }
        let began = Instant::now();
        let completion = self.complete(job).await;
        self.node.prefetch.ran(began.elapsed());
        self.node.busy.done();
        // Somebody else may have ended the delivery: its lease was lost, or it was given back at a cold stop.
        if let Some(completion) = completion
            && held.claim()
        {
            self.done.send(completion).await;
        }
    }

    async fn complete(&self, job: Job) -> Option<Completion> {
        let Job { known, request, held, .. } = job;
        let end = match copies::claim(&request) {
            None => gate::before_run(&self.node, &known, &request, &held),
            Some(copy) => Box::pin(copies::taken(&self.node, &known, &request, &held, &copy)).await,
        };
        if end.is_some() {
            return end;
        }
        // What is rare is on the heap: in here it would be memory that every run moves.
        if let Some(meta) = self.success(&known, &request).await {
            let end = Completion::duplicate(&self.node, held.tag, &known, &request, &meta);
            return Some(Box::pin(end).await);
        }
        let alone = match held.deliveries {
            1 => None,
            _ => Box::pin(Alone::hire(&self.node, &known, &held)).await,
        };
        let hand = match alone.as_ref().map(Alone::crew).or(self.node.crew.as_ref()) {
            Some(crew) if !known.is_builtin => match self.hand(crew, &held).await {
                Some(hand) => Some((crew, hand)),
                // It is to end early, or the worker is gone and its lease with it.
                None => return gate::before_run(&self.node, &known, &request, &held),
            },
            _ => None,
        };
        // Arguments that do not fit are kept as a dead letter: the message must still be there then.
        let acked = !known.policy.acks_late && fits(&known, &request);
        if acked {
            if !Box::pin(self.ack_early(&held)).await {
                if let Some((crew, hand)) = hand {
                    crew.put(hand);
                }
                return None;
            }
            crash::reached(Point::EarlyAcked);
        }
        if let Some((_, hand)) = &hand {
            held.set_pid(hand.pid);
        }
        emit::started(&self.node, &known, &request);
        if self.node.watched {
            measure::started(&request, self.node.now());
        }
        if known.policy.track_started && known.stores_result(&request) {
            Box::pin(self.store_started(&request, &held)).await;
        }
        crash::reached(Point::Beginning);
        let started = Instant::now();
        let (cx, ended) = match hand {
            Some((crew, hand)) => {
                let cx = self.node.place.context(request, None);
                held.set_run(cx.clone(), self.since());
                let ended = Box::pin(process::run(&self.node, crew, hand, &known, &held, &cx)).await;
                (cx, ended)
            }
            None => match self.here(&known, &held, request).await? {
                // An item of a map has killed its child.
                (cx, Ended::Outcome { outcome: Outcome::Failure(failure), .. })
                    if known.is_builtin && failure.kind == FailureKind::WorkerLost =>
                {
                    let text = failure.error.exc_message.first().and_then(Value::as_str);
                    (cx, Ended::Lost(text.unwrap_or_default().to_owned()))
                }
                ended => ended,
            },
        };
        crash::reached(Point::Ended);
        let ran = Ran {
            known,
            cx,
            tag: held.tag,
            acked,
            runtime: started.elapsed(),
            expected: matches!(ended, Ended::Outcome { expected: true, .. }),
            signal: held.signal_given(),
        };
        let died = matches!(ended, Ended::Lost(_));
        let completion = match ended {
            Ended::Outcome { outcome, .. } => Some(effects::of(&self.node, &ran, outcome).await),
            Ended::Lost(text) => {
                let deaths = Deaths { count: held.deliveries, alone: alone.is_some() };
                Some(Box::pin(effects::worker_lost(&self.node, &ran, deaths, text)).await)
            }
            Ended::Dropped(Why::Terminated) => {
                Some(effects::of(&self.node, &ran, Outcome::Revoked { reason: "terminated" }).await)
            }
            Ended::Dropped(Why::GivenBack) => Some(Box::pin(effects::given_back(&self.node, &ran)).await),
            Ended::Dropped(Why::LeaseLost) => {
                warn!(task = %ran.known.name, id = %held.id, "run cancelled: its lease was lost");
                None
            }
        };
        if let Some(alone) = alone {
            Box::pin(alone.end(&self.node, died)).await;
        }
        completion
    }

    /// A child for a run that is still to be.
    async fn hand(&self, crew: &Crew, held: &Held) -> Option<Hand> {
        tokio::select! {
            biased;
            hand = crew.take() => hand,
            _ = held.cancelled() => None,
        }
    }

    /// Runs it in this process, until the end, or until the run is to be dropped.
    async fn here(&self, known: &Known, held: &Held, request: Box<Request>) -> Option<(TaskContext, Ended)> {
        let run = Run {
            place: &self.node.place,
            def: &known.def,
            limits: &|request| known.limits(request),
            begins: &|cx| held.set_run(cx.clone(), self.since()),
            builtin: known.is_builtin.then_some(&self.node),
            context: OnceLock::new(),
        };
        let ended = tokio::select! {
            biased; // most runs are over at the first look
            outcome = run.outcome(request) => Ended::Outcome { outcome, expected: false },
            why = held.cancelled() => Ended::Dropped(why),
        };
        Some((run.context.into_inner()?, ended))
    }

    /// Now, in seconds since 1970.
    fn since(&self) -> f64 {
        self.node.now().as_microsecond() as f64 / 1e6
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

    async fn store_started(&self, request: &Request, held: &Held) {
        let mut meta = Map::default();
        meta.insert("pid".into(), Value::Int(i64::from(held.pid())));
        meta.insert("hostname".into(), Value::Str(self.node.name.as_ref().into()));
        let meta = TaskMeta::new(request.id().clone(), State::Started, TaskOutput::Value(Value::Map(meta)));
        if let Err(error) = self.node.backend.store(std::slice::from_ref(&meta)).await {
            warn!(id = %request.id(), %error, "could not store STARTED; the task runs all the same");
        }
    }
}
