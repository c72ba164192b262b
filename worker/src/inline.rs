//! Runs a registered task inside this worker without a message of its own: errbacks, and the items of
//! `celery.map`.

use std::sync::Arc;

use bytes::Bytes;
use taskq_core::{
    codec::{Map, Serializer, Value},
    protocol::{
        Arguments, DeliveryInfo, Embed, Headers, Properties, Protocol, Request, TaskId, TraceContext,
    },
    task::{ContextParts, TaskContext, TaskError, TaskKind},
};
use tokio_util::sync::CancellationToken;

use crate::{builtin, node::Node, tasks::Known};

/// Runs it as if it were called: nothing is sent, stored or settled. A panic is an error.
pub(crate) async fn run(
    node: Arc<Node>,
    known: Arc<Known>,
    id: TaskId,
    (args, kwargs): (Vec<Value>, Map),
    trace: &TraceContext,
    cancel: CancellationToken,
) -> Result<Bytes, TaskError> {
    let cx = TaskContext::new(ContextParts {
        request: request(&known, id, Arguments::Values { args, kwargs }, trace),
        hostname: Arc::clone(&node.name),
        states: node.app.states().clone(),
        backend: Arc::clone(&node.backend),
        cancel,
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

fn request(known: &Known, id: TaskId, arguments: Arguments, trace: &TraceContext) -> Request {
    let mut headers = Headers::new(&*known.name, id);
    trace.put(&mut headers);
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
