//! What follows a success: callbacks, then the next step of the chain, whatever kind of canvas they are.

use bytes::Bytes;
use taskq_core::{
    Error, ErrorKind,
    canvas::Signature,
    codec::{Value, json},
    protocol::Request,
    task::TaskContext,
};

use super::{
    Ran,
    sending::{Origin, Sending},
};
use crate::node::Node;

/// Whether anything may follow its success.
pub(super) fn is_followed(ran: &Ran) -> bool {
    let embed = &ran.cx.request().embed;
    embed.callbacks.is_some() || embed.chain.is_some() || embed.chord.is_some() || ran.cx.has_following()
}

/// What the task asked to be sent, then callbacks, then the next step of the chain, each of these with the
/// result as its first argument.
///
/// # Errors
/// When one is no signature, or cannot be written; nothing is sent then.
pub(super) async fn after_success(
    node: &Node,
    request: &Request,
    origin: &Origin,
    value: &Bytes,
) -> Result<Sending, Error> {
    let callbacks = request.embed.callbacks.as_deref().unwrap_or_default();
    let chain = request.embed.chain.as_deref().unwrap_or_default();
    let mut sending = Sending::default();
    for asked in origin.cx.iter().flat_map(TaskContext::take_following) {
        sending.add(node, asked, origin).await?;
    }
    if callbacks.is_empty() && chain.is_empty() {
        return Ok(sending);
    }
    let value: Value = json::from_slice(value)
        .map_err(|error| Error::with_source(ErrorKind::Encode, "could not pass the result on", error))?;
    let callbacks = callbacks.iter().cloned().map(Signature::from_value).collect::<Result<Vec<_>, _>>()?;
    for callback in as_sent(callbacks) {
        sending.add(node, callback.prepend([value.clone()]), origin).await?;
    }
    if let Some((next, rest)) = chain.split_last() {
        let mut next = Signature::from_value(next.clone())?.prepend([value]);
        next.options.flow_mut().chain = Some(rest.to_vec());
        sending.add(node, next, origin).await?;
    }
    Ok(sending)
}

/// Celery sends a single callback by itself, of several first the groups and then all others as one group.
fn as_sent(callbacks: Vec<Signature>) -> Vec<Signature> {
    if callbacks.len() < 2 {
        return callbacks;
    }
    let is_group = |callback: &Signature| callback.subtask_type.as_deref() == Some("group");
    let (mut sent, others): (Vec<_>, Vec<_>) = callbacks.into_iter().partition(is_group);
    if !others.is_empty() {
        sent.push(Signature::group(others));
    }
    sent
}
