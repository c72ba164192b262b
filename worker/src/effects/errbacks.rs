//! Who is told of a failure: errbacks.
//!
//! As in Celery there are two kinds. One whose task is registered here and takes more than one argument is
//! called by this worker, in a child if it has some, with the request that failed, the exception and the
//! traceback; it sends nothing and stores nothing. All others are sent as tasks, with the id that failed as their argument.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    canvas::Signature,
    codec::{Map, Value},
    protocol::{ParamKind, Request, TaskId},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    fall::Cause,
    sending::{Origin, Sending},
};
use crate::{inline, node::Node, pool::process::Crew, tasks::Known};

/// How long an errback that is called here may take; it holds up settlements.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same when every child is busy with something else, which may take as long as it likes.
const BUSY: Duration = Duration::from_secs(1);

/// The errbacks of one task that failed.
#[derive(Debug)]
pub(crate) struct Errbacks {
    errbacks: Vec<Value>,
    cause: Cause,
    origin: Origin,
    request: Failed,
}

/// The request that failed.
#[derive(Debug)]
enum Failed {
    Request(Box<Request>),
    Signature(Value),
}

impl Errbacks {
    /// Of a task; `None` when it has no errbacks.
    pub(crate) fn of_request(request: &Request, cause: &Cause, origin: &Origin) -> Option<Self> {
        let errbacks = request.embed.errbacks.clone().filter(|errbacks| !errbacks.is_empty())?;
        let request = Failed::Request(Box::new(request.clone()));
        Some(Self { errbacks, cause: cause.clone(), origin: origin.clone(), request })
    }

    /// Of a signature that never ran.
    pub(crate) fn of_signature(
        signature: &Value,
        errbacks: Vec<Value>,
        cause: &Cause,
        origin: Origin,
    ) -> Self {
        Self { errbacks, cause: cause.clone(), origin, request: Failed::Signature(signature.clone()) }
    }

    /// Whether one of them is called here.
    pub(crate) fn any_here(&self, node: &Node) -> bool {
        let is_here = |errback: Signature| here(node, &errback).is_some();
        self.errbacks.iter().cloned().filter_map(|errback| Signature::from_value(errback).ok()).any(is_here)
    }

    /// Calls those that are called here, and answers what the others are sent as. One that cannot be sent is
    /// logged: the failure itself must get through.
    pub(crate) async fn tell(self, node: &Arc<Node>) -> Sending {
        let mut sent = Vec::with_capacity(self.errbacks.len());
        for errback in &self.errbacks {
            match Signature::from_value(errback.clone()) {
                Ok(errback) => match here(node, &errback) {
                    Some(known) => self.call(node, known, errback).await,
                    None => sent.push(errback),
                },
                Err(error) => error!(id = %self.origin.id, %error, "an errback is no signature"),
            }
        }
        let mut sending = Sending::default();
        if sent.is_empty() {
            return sending;
        }
        let id = [Value::Str(self.origin.id.to_string())];
        let together = Signature::group(sent.iter().cloned()).prepend(id.clone());
        if let Err(error) = sending.add(node, together, &self.origin).await {
            warn!(id = %self.origin.id, %error, "could not send the errbacks together; each alone");
            for errback in sent {
                if let Err(error) = sending.add(node, errback.prepend(id.clone()), &self.origin).await {
                    error!(id = %self.origin.id, %error, "could not send an errback");
                }
            }
        }
        sending.children.clear();
        sending
    }

    async fn call(&self, node: &Arc<Node>, known: &Arc<Known>, errback: Signature) {
        let traceback = self.cause.traceback.clone().map_or(Value::Null, Value::Str);
        let args = [self.request.shown(&self.origin), self.cause.error.to_value(), traceback];
        let errback = errback.prepend(args);
        let own = errback.options.task_id.unwrap_or_else(TaskId::new);
        let (node, known, cancel) = (Arc::clone(node), Arc::clone(known), CancellationToken::new());
        let (id, task) = (&self.origin.id, &*errback.task);
        let patience = if node.crew.as_ref().is_some_and(Crew::is_busy) { BUSY } else { PATIENCE };
        let (given, trace) = ((errback.args, errback.kwargs), self.origin.trace().clone());
        let run = tokio::spawn(async move { inline::run(node, known, own, given, &trace, cancel).await });
        match tokio::time::timeout(patience, run).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(error))) => error!(%id, task, %error, "an errback failed"),
            Ok(Err(error)) => error!(%id, task, %error, "an errback was lost"),
            Err(_) => error!(%id, task, "an errback takes longer than {patience:?}; it goes on by itself"),
        }
    }
}

/// The task of an errback that is called here: it takes more than what an errback that is sent would get.
fn here<'a>(node: &'a Node, errback: &Signature) -> Option<&'a Arc<Known>> {
    let known = node.tasks.get(&errback.task)?;
    let params = known.def.params;
    let rest = params.iter().any(|param| param.kind == ParamKind::Rest);
    let positional = |kind| matches!(kind, ParamKind::Required | ParamKind::Optional);
    let given = if errback.immutable { 0 } else { errback.args.len() };
    let open =
        params.iter().filter(|param| positional(param.kind) && !errback.kwargs.contains_key(param.name));
    (rest || open.count().saturating_sub(given) > 1).then_some(known)
}

impl Failed {
    /// The request as an errback sees it.
    fn shown(&self, origin: &Origin) -> Value {
        let mut map = Map::default();
        let mut put = |key: &str, value: Value| _ = map.insert(key.to_owned(), value);
        put("id", origin.id.as_str().into());
        put("root_id", origin.root.as_str().into());
        match self {
            Self::Request(request) => {
                let headers = &request.headers;
                let (args, kwargs) = request.arguments.to_values().unwrap_or_default();
                put("task", headers.task.as_str().into());
                put("args", Value::List(args));
                put("kwargs", Value::Map(kwargs));
                put("parent_id", headers.parent_id.as_ref().map(ToString::to_string).into());
                put("group", headers.group.clone().into());
                put("group_index", headers.group_index.map_or(Value::Null, Value::Int));
                put("retries", headers.retries.into());
                put("errbacks", request.embed.errbacks.clone().map_or(Value::Null, Value::List));
                put("callbacks", request.embed.callbacks.clone().map_or(Value::Null, Value::List));
                put("chain", request.embed.chain.clone().map_or(Value::Null, Value::List));
                put("stamps", Value::Map(headers.stamps.clone()));
                put("origin", headers.origin.clone().into());
            }
            Self::Signature(signature) => {
                let part = |key: &str| signature.get(key).cloned().unwrap_or_default();
                put("task", part("task"));
                put("args", part("args"));
                put("kwargs", part("kwargs"));
                put("parent_id", Value::Null);
                put("group", Value::Null);
                put("retries", Value::Int(0));
                put("errbacks", part("options").get("link_error").cloned().unwrap_or_default());
            }
        }
        Value::Map(map)
    }
}
