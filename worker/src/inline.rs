//! Runs a registered task without a message of its own: errbacks, and the items of `celery.map`.
//!
//! Kept true here: what the program wrote runs where its tasks run, in a child if the worker has some, so that it
//! hurts nobody else there either; giving up the wait gives up the run.

use std::sync::Arc;

use bytes::Bytes;
use taskq_core::{
    broker::DeliveryTag,
    codec::{Map, Serializer, Value},
    protocol::{
        Arguments, DeliveryInfo, Embed, Headers, Properties, Protocol, Request, TaskId, TraceContext,
    },
    task::{ContextParts, Failure, FailureKind, Outcome, TaskContext, TaskError, TaskKind},
};
use tokio_util::sync::CancellationToken;

use crate::{
    builtin,
    held::Held,
    node::Node,
    pool::process::{self, Crew, Ended},
    tasks::Known,
};

/// Runs it as if it were called: nothing is sent, stored or settled. A panic is an error.
pub(crate) async fn run(
    node: Arc<Node>,
    known: Arc<Known>,
    id: TaskId,
    (args, kwargs): (Vec<Value>, Map),
    trace: &TraceContext,
    cancel: CancellationToken,
) -> Result<Bytes, TaskError> {
    let request = request(&known, id, Arguments::Values { args, kwargs }, trace);
    if let (Some(crew), false) = (&node.crew, known.is_builtin) {
        return in_child(&node, crew, &known, request, cancel).await;
    }
    let cx = TaskContext::new(ContextParts {
        request: Box::new(request),
        hostname: Arc::clone(&node.name),
        states: node.app.states().clone(),
        backend: Arc::clone(&node.backend),
        cancel: Some(cancel),
        events: Some(node.events.clone()),
        is_eager: false,
    });
    let (app, scope) = (node.app.clone(), Arc::clone(&node));
    let ran = match known.def.kind {
        TaskKind::Async => {
            let run =
                async move { builtin::scope(scope, app.scope(cx.clone().scope(known.def.run(cx)))).await };
            tokio::spawn(run).await
        }
        TaskKind::Blocking => {
            let runtime = tokio::runtime::Handle::current();
            let run = move || runtime.block_on(app.scope(cx.clone().scope(known.def.run(cx))));
            tokio::task::spawn_blocking(run).await
        }
    };
    ran.unwrap_or_else(|error| Err(error.into()))
}

/// In a child, which is killed when the wait is given up.
async fn in_child(
    node: &Arc<Node>,
    crew: &Crew,
    known: &Known,
    request: Request,
    cancel: CancellationToken,
) -> Result<Bytes, TaskError> {
    let lost = |text: String| -> Result<Bytes, TaskError> {
        let lost = Failure::new("WorkerLostError", text).in_module("billiard.exceptions");
        Err(lost.of_kind(FailureKind::WorkerLost).into())
    };
    // Nobody else knows of this delivery: it is never cancelled by its number.
    let held = Held::new(DeliveryTag { id: 0, epoch: 0 }, request.id().clone());
    let cx = node.place.context(Box::new(request), Some(cancel));
    let Some(hand) = crew.take().await else { return lost("the worker stops".to_owned()) };
    match process::run(node, crew, hand, known, &held, &cx).await {
        Ended::Outcome { outcome, .. } => match outcome {
            Outcome::Success(value) => Ok(value),
            Outcome::Failure(failure) => Err(failure.into()),
            Outcome::Retry { request, .. } => Err(TaskError::Retry(request)),
            Outcome::Ignore => Err(TaskError::Ignore),
            Outcome::Replace(signature) => Err(TaskError::Replace(signature)),
            Outcome::Reject { requeue, reason } => Err(TaskError::Reject { requeue, reason }),
            Outcome::Revoked { reason } => lost(reason.to_owned()),
        },
        Ended::Lost(text) => lost(text),
        Ended::Dropped(why) => lost(format!("{why:?}")),
    }
}

fn request(known: &Known, id: TaskId, arguments: Arguments, trace: &TraceContext) -> Request {
    let mut headers = Headers::new(&*known.name, id);
    trace.put(&mut headers);
    // What it runs for has limits; its own are for its messages.
    headers.timelimit = (Some(0.0), Some(0.0));
    Request {
        headers,
        properties: Properties::default(),
        delivery: DeliveryInfo::default(),
        arguments,
        embed: Embed::default(),
        protocol: Protocol::V2,
        content_type: Serializer::Json.content_type().to_owned(),
        eta: None,
        expires: None,
    }
}
