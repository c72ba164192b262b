//! `celery.chord_unlock`: looks whether a header is over, where no backend counts its members.
//!
//! Kept true here: it never gives up silently: when it may not look again, the chord fails and says so.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    backend::{Child, StoredError},
    canvas::Signature,
    codec::Value,
    task::{RetryRequest, TaskContext, TaskError},
};

use super::{Arguments, Returned, wrong};
use crate::{
    completer::join::{self, Joined},
    effects::{
        fall::{Cause, Fallen},
        sending::{Origin, Sending},
    },
    node::Node,
};

pub(super) async fn run(node: &Arc<Node>, cx: &TaskContext, mut arguments: Arguments) -> Returned {
    arguments.require("group_id", 0)?;
    let body = arguments.require("callback", 1)?;
    let Value::List(members) = arguments.require("result", 4)? else {
        return Err(wrong("`result` is no list".to_owned()));
    };
    let members: Option<Vec<Child>> = members.iter().map(Child::from_value).collect();
    let members = members.ok_or_else(|| wrong("`result` is no list of results".to_owned()))?;
    let signature = Signature::from_value(body.clone())?;
    let mut ids = Vec::new();
    join::leaves(&members, &mut ids);
    let found = match node.backend.fetch(&ids).await {
        Ok(found) => found,
        Err(error) if error.is_retryable() => {
            return again(node, cx, &mut arguments, &body, &error.to_string()).await;
        }
        Err(error) => return fail(node, cx, &body, &error.to_string()).await,
    };
    if found.iter().any(|meta| meta.as_ref().is_none_or(|meta| !meta.state.is_ready())) {
        return again(node, cx, &mut arguments, &body, "its header is not over").await;
    }
    match join::found(&members, &ids, found) {
        Joined::Values(values) => cx.send_with_success(signature.prepend([Value::List(values)])),
        Joined::Failed { error, original } => failed(node, cx, &body, error, original).await?,
    }
    Ok(Value::Null)
}

/// Looks again later, as often as the message says.
async fn again(
    node: &Arc<Node>,
    cx: &TaskContext,
    arguments: &mut Arguments,
    body: &Value,
    why: &str,
) -> Returned {
    let max =
        arguments.take("max_retries", 3).and_then(|max| max.as_u64()).and_then(|max| u32::try_from(max).ok());
    if max.is_some_and(|max| cx.retries() >= max) {
        return fail(node, cx, body, &format!("chord_unlock could not be retried: {why}")).await;
    }
    let interval = arguments.take("interval", 2).and_then(|seconds| seconds.as_f64());
    let interval = interval
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(node.app.settings().result_chord_retry_interval);
    let asked: RetryRequest = cx.retry().countdown(interval);
    Err(TaskError::from(asked))
}

async fn fail(node: &Arc<Node>, cx: &TaskContext, body: &Value, why: &str) -> Returned {
    let error = StoredError::celery("ChordError", why);
    failed(node, cx, body, error.clone(), error).await?;
    Ok(Value::Null)
}

/// Fails the body and tells those who are to be told.
async fn failed(
    node: &Arc<Node>,
    cx: &TaskContext,
    body: &Value,
    error: StoredError,
    original: StoredError,
) -> Result<(), TaskError> {
    let origin = Origin::of_run(cx);
    let (error, original) = (Cause::error(error, node.now()), Cause::error(original, node.now()));
    let fallen = Fallen::body(body, &error, &original, &origin);
    node.backend.store(&fallen.store).await?;
    let mut sending = Sending::default();
    for errbacks in fallen.errbacks {
        sending.append(errbacks.tell(node).await);
    }
    if !sending.publish.is_empty() {
        node.broker.publish(&sending.publish).await?;
    }
    Ok(())
}
