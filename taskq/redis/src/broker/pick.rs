//! Taking single messages out of a queue.
//!
//! Kept true here: a message is found by all its bytes, and is removed and put elsewhere in one step: one that a
//! worker took meanwhile is left to it.

use redis::Pipeline;
use taskq_core::broker::{BrokerError, PeekedMessage};

use super::{Shared, publish, wake::Written};
use crate::{script, wire};

/// Delayed messages that are looked through.
const DELAYED: isize = 100_000;

pub(super) async fn pick(
    shared: &Shared,
    queue: &str,
    messages: &[PeekedMessage],
    to: Option<&str>,
) -> Result<Vec<bool>, BrokerError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let delayed = match messages.iter().any(|message| message.not_before.is_some()) {
        true => delayed(shared, queue).await?,
        false => Vec::new(),
    };
    let mut pipeline = Pipeline::new();
    let mut written = Written::default();
    for message in messages {
        let step = message.message.as_ref().and_then(|message| message.properties.priority);
        let (text, moved) = match message.message.as_ref().zip(to) {
            // Python gives a message back to where it says that it was sent.
            Some((readable, to)) => (&message.original, wire::write(readable, "", to)?),
            None => (&message.original, message.original.clone()),
        };
        // The member of the delayed set; a message whose time has come meanwhile is in the list.
        let member = delayed.iter().find(|member| ends(member, text));
        let keys = &shared.keys;
        let (from, is_set, text) = match member {
            Some(member) => (keys.delayed(queue), true, &member[..]),
            None => (keys.list(queue, step), false, &text[..]),
        };
        let target = to.map(|to| if is_set { keys.delayed(to) } else { keys.list(to, step) });
        target.iter().for_each(|target| written.note(target));
        let moved = if is_set { publish::delayed(keys.step(step), &moved) } else { moved.to_vec() };
        let mut command = script::call(&script::PICK, 1 + usize::from(target.is_some()));
        command.arg(from).arg(target).arg(if is_set { "Z" } else { "L" }).arg(text).arg(moved);
        pipeline.add_command(command);
    }
    written.announce(&shared.keys, &mut pipeline);
    let done: Vec<u64> = script::pipe(&shared.link, "pick messages", &pipeline).await?;
    Ok(done.into_iter().map(|count| count > 0).collect())
}

async fn delayed(shared: &Shared, queue: &str) -> Result<Vec<Vec<u8>>, BrokerError> {
    let mut command = redis::cmd("ZRANGE");
    command.arg(shared.keys.delayed(queue)).arg(0).arg(DELAYED - 1);
    shared.link.run("look for delayed messages", &command).await
}

/// Whether a member of the delayed set holds this message.
fn ends(member: &[u8], text: &[u8]) -> bool {
    member.iter().position(|byte| *byte == b'|').is_some_and(|bar| &member[bar + 1..] == text)
}
