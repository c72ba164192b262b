//! The way out of answers: one task, so that a thousand questions at once are answered in a few round trips.
//!
//! Kept true here: an answer that cannot be delivered is dropped and counted; the others still go out.

use std::sync::Arc;

use taskq_core::{
    broker::Outgoing,
    codec::Value,
    control::{Reply, ReplyTo},
};
use tokio::sync::mpsc;
use tracing::debug;

use crate::node::Node;

/// Answers that may wait to be sent. When it is full, commands wait.
pub(super) const BOUND: usize = 256;

/// What a command came to, and who wants to know.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) value: Value,
    pub(super) ticket: Option<String>,
    pub(super) to: ReplyTo,
}

/// Sends answers for as long as there may be some.
pub(super) async fn send(node: Arc<Node>, mut waiting: mpsc::Receiver<Answer>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BOUND).await > 0 {
        let replies: Vec<Outgoing> = batch.drain(..).filter_map(|answer| reply(&node, answer)).collect();
        if replies.len() > 1 && node.broker.publish(&replies).await.is_ok() {
            continue;
        }
        // One of them may go nowhere: whoever asked has left. It must not take the others along.
        for reply in &replies {
            if let Err(error) = node.broker.publish(std::slice::from_ref(reply)).await {
                node.counters.lost_answers.inc();
                debug!(%error, "an answer was not delivered");
            }
        }
    }
}

fn reply(node: &Node, answer: Answer) -> Option<Outgoing> {
    let reply = Reply {
        node: node.name.as_ref().to_owned(),
        value: answer.value,
        ticket: answer.ticket,
        clock: node.app.tick(),
    };
    match reply.to(&answer.to) {
        Ok(out) => Some(out),
        Err(error) => {
            node.counters.lost_answers.inc();
            debug!(%error, "an answer cannot be written");
            None
        }
    }
}
