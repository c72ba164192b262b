//! A run in a child, from the worker's side: the message goes there, an end comes back.

use taskq_core::{
    broker::Envelope,
    protocol::Request,
    task::{Failure, Outcome, TaskContext, TaskError, decide},
};

use super::{
    Crew, Hand,
    hand::{End, shown},
    wire::Delivered,
};
use crate::{
    effects,
    held::{Held, Why},
    limits,
    node::Node,
    tasks::Known,
};

/// How a run ended.
pub(crate) enum Ended {
    /// By itself. `expected`: what the child knows of its failure.
    Outcome { outcome: Outcome, expected: bool },
    /// It was to end early.
    Dropped(Why),
    /// Its child died.
    Lost(String),
}

/// Runs a task in a child. The child goes back, or is replaced.
pub(crate) async fn run(
    node: &Node,
    crew: &Crew,
    mut hand: Hand,
    known: &Known,
    held: &Held,
    cx: &TaskContext,
) -> Ended {
    let request = cx.request();
    let limits = known.limits(request);
    let envelope = match envelope(node, request) {
        Ok(envelope) => envelope,
        Err(error) => {
            crew.put(hand);
            let failure =
                Failure::new("EncodeError", format!("could not write the task for a child: {error}"))
                    .in_module("kombu.exceptions");
            return Ended::Outcome { outcome: Outcome::Failure(failure), expected: false };
        }
    };
    let job = crew.next_job();
    let delivered = Delivered::new(&node.name, &request.delivery, limits.soft);
    match hand.run(delivered, &envelope, limits.hard, held, &node.events).await {
        Ok(End::Done(done, value)) => {
            hand.memory = done.memory.unwrap_or_default();
            crew.put(hand);
            let expected = done.expected;
            Ended::Outcome { outcome: done.outcome(value, cx), expected }
        }
        Ok(End::Died(status)) => {
            Ended::Lost(format!("Worker exited prematurely: {} Job: {job}.", shown(status)))
        }
        Ok(End::HardLimit) => {
            hand.end(nix::sys::signal::Signal::SIGKILL).await;
            let error: TaskError = limits::hard_limit(limits.hard, "its process was killed");
            let (now, rng) = (node.now(), &mut fastrand::Rng::new());
            let outcome = decide(Err(error), &known.def.options, request, now, rng);
            Ended::Outcome { outcome, expected: false }
        }
        Ok(End::Dropped(why)) => {
            hand.end(held.signal()).await;
            Ended::Dropped(why)
        }
        Err(error) => {
            crew.put(hand);
            let failure = Failure::new("RuntimeError", format!("could not give a child its task: {error}"));
            Ended::Outcome { outcome: Outcome::Failure(failure), expected: false }
        }
    }
}

fn envelope(node: &Node, request: &Request) -> Result<bytes::Bytes, taskq_core::codec::CodecError> {
    let message = effects::same_message(node, request)?;
    Envelope::encode(&message, &request.delivery.exchange, &request.delivery.routing_key)
}
