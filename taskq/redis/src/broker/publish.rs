//! Publishing: the whole batch in one pipeline.

use bytes::Bytes;
use redis::Pipeline;
use taskq_core::{
    Timestamp,
    broker::{BrokerError, ExchangeKind, Outgoing},
};

use super::{Shared, broadcast, topology, wake::Written};
use crate::wire;

/// One write that publishing is made of.
pub(crate) enum Write {
    /// To the back of a list.
    Push { list: String, message: Bytes },
    /// Into the set of delayed messages.
    Delay { set: String, due: i64, member: Vec<u8> },
    /// To whoever listens.
    Fanout { channel: String, message: Bytes },
}

/// What publishing a message comes to.
pub(crate) async fn writes(shared: &Shared, out: &Outgoing) -> Result<Vec<Write>, BrokerError> {
    let envelope = wire::write(&out.message, &out.exchange, &out.routing_key)?;
    let queues = topology::route(shared, &out.exchange, &out.routing_key).await?;
    let priority = out.message.properties.priority;
    let write = |queue: String| match out.not_before {
        Some(at) => Write::Delay {
            set: shared.keys.delayed(&queue),
            due: due(at),
            member: delayed(shared.keys.step(priority), &envelope),
        },
        None => Write::Push { list: shared.keys.list(&queue, priority), message: envelope.clone() },
    };
    let mut writes: Vec<Write> = queues.into_iter().map(write).collect();
    if shared.bindings.kind(&out.exchange) == Some(ExchangeKind::Fanout) {
        let channel = broadcast::channel(shared, &out.exchange, &out.routing_key);
        writes.push(Write::Fanout { channel, message: envelope });
    }
    Ok(writes)
}

/// The score of a message that is not to be delivered before `at`: the first millisecond that is not too early.
pub(super) fn due(at: Timestamp) -> i64 {
    let millis = at.as_millisecond();
    if Timestamp::from_millisecond(millis).is_ok_and(|floor| floor < at) { millis + 1 } else { millis }
}

/// A member of the delayed set: the priority step, something unique, a bar, the envelope. Two messages that are
/// alike stay two, and those that are due at the same time keep their order.
pub(super) fn delayed(step: u8, envelope: &[u8]) -> Vec<u8> {
    let mut member = format!("{step}.{}|", uuid::Uuid::now_v7().simple()).into_bytes();
    member.extend_from_slice(envelope);
    member
}

/// Messages pushed by one command: the server handles nothing else meanwhile.
const PUSHED: usize = 256;

/// Messages on their way to one list. One command for many is several times cheaper for the server than one for each;
/// they arrive in their order.
#[derive(Default)]
struct Pushes(Vec<(String, Vec<Bytes>)>);

impl Pushes {
    fn add(&mut self, list: String, message: Bytes) {
        // From the end: there may be more than one run to a list.
        match self.0.iter_mut().rev().find(|(name, _)| *name == list) {
            Some((_, messages)) if messages.len() < PUSHED => messages.push(message),
            _ => self.0.push((list, vec![message])),
        }
    }

    fn write(self, pipeline: &mut Pipeline) {
        for (list, messages) in self.0 {
            let push = pipeline.cmd("LPUSH").arg(list);
            messages.iter().fold(push, |push, message| push.arg(&message[..])).ignore();
        }
    }
}

pub(super) async fn publish(shared: &Shared, batch: &[Outgoing]) -> Result<(), BrokerError> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut pipeline = Pipeline::new();
    let (mut pushes, mut written) = (Pushes::default(), Written::default());
    for out in batch {
        for write in writes(shared, out).await? {
            match write {
                Write::Push { list, message } => {
                    written.note(&list);
                    pushes.add(list, message);
                }
                Write::Delay { set, due, member } => {
                    written.note(&set);
                    pipeline.cmd("ZADD").arg(set).arg(due).arg(member).ignore();
                }
                Write::Fanout { channel, message } => {
                    pipeline.cmd("PUBLISH").arg(channel).arg(&message[..]).ignore();
                }
            }
        }
    }
    pushes.write(&mut pipeline);
    written.announce(&shared.keys, &mut pipeline);
    shared.link.pipe("publish", &pipeline).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker sends what comes too early back to wait once more.
    #[test]
    fn a_delayed_message_is_not_handed_out_a_part_of_a_millisecond_early() {
        let at = |micros| Timestamp::from_microsecond(micros).expect("a time");
        assert_eq!([due(at(5_000)), due(at(5_001)), due(at(5_999))], [5, 6, 6]);
        assert_eq!([due(at(-5_001)), due(at(-5_000))], [-5, -5]);
    }
}
