//! Failed steps of workflows, written down so that they can be run again (`taskq workflow retry`).
//!
//! Kept true here: it is written before the message is acknowledged. A failure of the backend here does not hold
//! the task up: its own result is stored with patience, and this is said in the log.

use bytes::Bytes;
use taskq_core::{
    backend::FailedStep,
    broker::Envelope,
    protocol::{Request, TaskId},
};
use tracing::warn;

use super::{
    fall::{Fallen, Part},
    retry,
};
use crate::node::Node;

/// Keeps the message of a task that failed, if it is a step of something.
pub(super) async fn step(node: &Node, request: &Request, fallen: &Fallen, own: Option<&Part>) {
    let (id, headers, embed) = (request.id(), &request.headers, &request.embed);
    let alone = headers.root_id.as_ref().is_none_or(|root| root == id)
        && headers.group.is_none()
        && embed.chain.as_ref().is_none_or(Vec::is_empty)
        && embed.callbacks.as_ref().is_none_or(Vec::is_empty);
    if alone {
        return;
    }
    let message = retry::anew(node, request)
        .and_then(|out| Envelope::encode(&out.message, &out.exchange, &out.routing_key));
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            warn!(%id, %error, "could not keep the failed step: its workflow cannot be retried");
            return;
        }
    };
    let root = headers.root_id.as_ref().unwrap_or(id);
    let workflow = name(root, id, headers.group.as_deref());
    keep(node, workflow, id.to_string(), message, fallen, own).await;
}

/// Keeps what failed with the header of a chord.
pub(crate) async fn chord(node: &Node, part: &Part, fallen: &Fallen) {
    let workflow = name(&part.origin.root, &part.origin.id, Some(&part.group));
    keep(node, workflow, part.group.clone(), Bytes::new(), fallen, None).await;
}

/// Members of a group that was sent by itself have no root but themselves.
fn name(root: &TaskId, id: &TaskId, group: Option<&str>) -> String {
    group.filter(|_| root == id).unwrap_or_else(|| root.as_str()).to_owned()
}

async fn keep(
    node: &Node,
    workflow: String,
    id: String,
    message: Bytes,
    fallen: &Fallen,
    own: Option<&Part>,
) {
    let Some(failed) = node.backend.failed_steps() else { return };
    let headers = own.into_iter().chain(&fallen.parts);
    let step = FailedStep {
        workflow,
        id,
        message,
        later: fallen.store.iter().map(|meta| meta.id.clone()).collect(),
        headers: headers.map(|part| (part.group.clone(), part.meta.id.clone())).collect(),
        failure: TaskId::new().to_string(),
        taken: None,
    };
    if let Err(error) = failed.keep(&step).await {
        warn!(id = step.id, %error, "could not keep the failed step: its workflow cannot be retried");
    }
}
