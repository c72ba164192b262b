//! Giving back what dead owners held. Every consumer does it; each step can be repeated by another.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{Cmd, Pipeline, Value};
use taskq_core::{
    broker::{BrokerError, Payload},
    crash::{self, Point},
};
use tokio::time::sleep;

use super::Shared;
use crate::{keys, script, wire};

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(4);
/// Messages moved in one round trip.
const STEP: usize = 200;

/// Looks for owners whose lease has lapsed, until it is aborted. The first look is at once: a consumer may be gone
/// again before the second, as that of `taskq migrate` is.
pub(super) async fn run(shared: Arc<Shared>, lease: Duration) {
    let look = (lease / 3).clamp(Duration::from_millis(20), LOOK);
    loop {
        match lapsed(&shared).await {
            Ok(0) => {}
            Ok(messages) => tracing::warn!(messages, "gave back what a dead worker held"),
            Err(error) => tracing::debug!(%error, "could not look for dead workers"),
        }
        sleep(look).await;
    }
}

/// Gives back everything of every lapsed owner; answers how much.
async fn lapsed(shared: &Shared) -> Result<usize, BrokerError> {
    let mut command = script::call(&script::EXPIRED, 2);
    command.arg(shared.keys.owners()).arg(shared.keys.leaving());
    let owners: Vec<String> = script::run(&shared.link, "look for dead workers", &command).await?;
    if !owners.is_empty() {
        crash::reached(Point::LapseSeen);
    }
    let mut moved = 0;
    for owner in owners {
        let held_queues = shared.keys.held_queues(&owner);
        let mut command = redis::cmd("SMEMBERS");
        command.arg(&held_queues);
        let queues: Vec<String> = shared.link.run("look for dead workers", &command).await?;
        let mut stuck = 0;
        for queue in &queues {
            let (given_back, left) = give_back(shared, &owner, queue).await?;
            moved += given_back;
            stuck += left;
        }
        if stuck > 0 {
            // It stays known, so this is tried again; others need not wait for it.
            tracing::warn!(owner, messages = stuck, "could not give back all that a dead worker held");
            continue;
        }
        crash::reached(Point::LapseReturned);
        let mut pipeline = Pipeline::new();
        pipeline.cmd("DEL").arg(held_queues).ignore();
        pipeline.cmd("SREM").arg(shared.keys.leaving()).arg(&owner).ignore();
        shared.link.pipe::<()>("forget a dead worker", &pipeline).await?;
    }
    Ok(moved)
}

/// The newest is moved first, each to the front, so that the oldest comes out first. Nothing is added meanwhile: who
/// is leaving takes nothing. Answers how many were moved, and how many could not be.
async fn give_back(shared: &Shared, owner: &str, queue: &str) -> Result<(usize, usize), BrokerError> {
    const WHAT: &str = "read what a dead worker held";
    let key = shared.keys.in_flight(owner, queue);
    let mut command = redis::cmd("HKEYS");
    command.arg(&key);
    let mut numbers: Vec<Vec<u8>> = shared.link.run(WHAT, &command).await?;
    // As numbers, though nobody has to read them: the longer, the greater.
    numbers.sort_unstable_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
    let (mut moved, mut stuck) = (0, 0);
    for numbers in numbers.chunks(STEP) {
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg(numbers);
        let messages: Vec<Option<Vec<u8>>> = shared.link.run(WHAT, &command).await?;
        let mut pipeline = Pipeline::with_capacity(numbers.len());
        for (number, message) in numbers.iter().zip(messages) {
            // Else another was quicker.
            if let Some(message) = message.map(Bytes::from) {
                pipeline.add_command(requeue(shared, owner, queue, (&key, number), &message));
            }
        }
        if pipeline.is_empty() {
            continue;
        }
        for answer in script::each(&shared.link, "give back what a dead worker held", &pipeline).await? {
            match answer {
                // Nothing was moved: another was quicker, or a Python worker has restored it.
                Value::Int(given_back) => moved += usize::try_from(given_back).unwrap_or(0),
                _ => stuck += 1,
            }
        }
    }
    Ok((moved, stuck))
}

fn requeue(shared: &Shared, owner: &str, queue: &str, (key, number): (&str, &[u8]), message: &Bytes) -> Cmd {
    let keys = &shared.keys;
    let envelope = wire::read(message, queue);
    let priority = match &envelope.payload {
        Payload::Message(message) => message.properties.priority,
        Payload::Undecodable(_) => None,
    };
    let mirrors = keys::mirrors(owner);
    let [counts, _] = keys.deliveries();
    let mut command = script::call(&script::SETTLE, if mirrors { 5 } else { 3 });
    command.arg(key);
    if mirrors {
        command.arg(keys.unacked()).arg(keys.unacked_index());
    }
    command.arg(keys.list(queue, priority)).arg(counts).arg(number);
    if mirrors {
        command.arg("U").arg("").arg("").arg("V").arg("").arg("");
    }
    command.arg("R").arg("").arg(&wire::redelivered(message)[..]);
    command.arg("I").arg(super::take::counted_as(message, &envelope)).arg("");
    command
}
