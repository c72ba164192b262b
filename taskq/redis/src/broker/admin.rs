//! Looking into queues: lengths, the next messages, dead letters.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use redis::Pipeline;
use taskq_core::{
    BoxFuture, Timestamp,
    broker::{BrokerAdmin, BrokerError, DeadLetter, Finding, Payload, PeekedMessage, Queue, QueueStats},
};

use super::{Shared, checkup, dead, pick, topology};
use crate::{script, wire};

/// Messages removed in one step of a purge.
const PURGE: isize = 10_000;
/// Dead letters read in one step.
const DEAD: isize = 500;

pub(super) struct RedisAdmin(pub(super) Arc<Shared>);

impl fmt::Debug for RedisAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAdmin({:?})", self.0)
    }
}

fn peeked(original: Vec<u8>, queue: &str, not_before: Option<Timestamp>) -> PeekedMessage {
    let original = Bytes::from(original);
    let message = match wire::read(&original, queue).payload {
        Payload::Message(message) => Some(message),
        Payload::Undecodable(_) => None,
    };
    PeekedMessage { original, message, not_before }
}

impl RedisAdmin {
    async fn in_flight(&self, queues: &[String]) -> Result<Vec<u64>, BrokerError> {
        let keys = &self.0.keys;
        let mut pipeline = Pipeline::new();
        pipeline.cmd("ZRANGE").arg(keys.owners()).arg(0).arg(-1);
        pipeline.cmd("SMEMBERS").arg(keys.leaving());
        let (mut owners, leaving): (Vec<String>, Vec<String>) = self.0.link.pipe("count", &pipeline).await?;
        owners.extend(leaving);
        if owners.is_empty() {
            return Ok(vec![0; queues.len()]);
        }
        let mut pipeline = Pipeline::new();
        for queue in queues {
            for owner in &owners {
                pipeline.cmd("HLEN").arg(keys.in_flight(owner, queue));
            }
        }
        let lengths: Vec<u64> = self.0.link.pipe("count", &pipeline).await?;
        Ok(lengths.chunks(owners.len()).map(|lengths| lengths.iter().sum()).collect())
    }

    /// Every dead letter of a queue, with the text it is stored as.
    async fn find_dead(
        &self,
        queue: &str,
        ids: &[String],
    ) -> Result<Vec<(Vec<u8>, dead::Stored)>, BrokerError> {
        let list = self.0.keys.dead(queue);
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            let mut command = redis::cmd("LRANGE");
            command.arg(&list).arg(at).arg(at + DEAD - 1);
            let texts: Vec<Vec<u8>> = self.0.link.run("read dead letters", &command).await?;
            if texts.is_empty() {
                return Ok(found);
            }
            at += DEAD;
            for text in texts {
                if let Some(stored) = dead::Stored::parse(&text)
                    && ids.contains(&stored.id)
                {
                    found.push((text, stored));
                }
            }
        }
    }
}

impl BrokerAdmin for RedisAdmin {
    fn checkup<'a>(&'a self, _: &'a [String], _: u32) -> BoxFuture<'a, Result<Vec<Finding>, BrokerError>> {
        Box::pin(checkup::look(&self.0))
    }

    fn remove_queue<'a>(&'a self, queue: &'a Queue) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(topology::remove(&self.0, queue))
    }

    fn make_due<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let set = self.0.keys.delayed(queue);
            // Every due time becomes 0.
            let mut command = redis::cmd("ZUNIONSTORE");
            command.arg(&set).arg(1).arg(&set).arg("WEIGHTS").arg(0);
            self.0.link.run("make delayed messages due", &command).await
        })
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<String>, BrokerError>> {
        Box::pin(async move {
            let mut command = redis::cmd("SMEMBERS");
            command.arg(self.0.keys.queues());
            let mut queues: Vec<String> = self.0.link.run("list queues", &command).await?;
            queues.sort();
            Ok(queues)
        })
    }

    fn stats<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, Result<Vec<QueueStats>, BrokerError>> {
        Box::pin(async move {
            let keys = &self.0.keys;
            let steps = keys.step_count();
            let mut pipeline = Pipeline::new();
            for queue in queues {
                for list in keys.lists(queue) {
                    pipeline.cmd("LLEN").arg(list);
                }
                pipeline.cmd("ZCARD").arg(keys.delayed(queue));
                pipeline.cmd("LLEN").arg(keys.dead(queue));
            }
            let counts: Vec<u64> = if queues.is_empty() {
                Vec::new()
            } else {
                self.0.link.pipe("count messages", &pipeline).await?
            };
            let in_flight = self.in_flight(queues).await?;
            Ok(queues
                .iter()
                .zip(counts.chunks(steps + 2))
                .zip(in_flight)
                .map(|((queue, counts), in_flight)| QueueStats {
                    queue: queue.clone(),
                    ready: counts[..steps].iter().sum(),
                    delayed: counts[steps],
                    in_flight,
                    dead: counts[steps + 1],
                    ..QueueStats::default()
                })
                .collect())
        })
    }

    fn peek<'a>(
        &'a self,
        queue: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PeekedMessage>, BrokerError>> {
        Box::pin(async move {
            let keys = &self.0.keys;
            let limit_signed = isize::try_from(limit).unwrap_or(isize::MAX);
            let mut found = Vec::new();
            if limit == 0 {
                return Ok(found);
            }
            for list in keys.lists(queue) {
                let mut command = redis::cmd("LRANGE");
                command.arg(list).arg(-limit_signed).arg(-1);
                let messages: Vec<Vec<u8>> = self.0.link.run("peek", &command).await?;
                found.extend(messages.into_iter().rev().map(|message| peeked(message, queue, None)));
            }
            let mut command = redis::cmd("ZRANGE");
            command.arg(keys.delayed(queue)).arg(0).arg(limit_signed - 1).arg("WITHSCORES");
            let delayed: Vec<(Vec<u8>, f64)> = self.0.link.run("peek", &command).await?;
            for (member, due) in delayed {
                let message = member.iter().position(|byte| *byte == b'|').map_or(0, |bar| bar + 1);
                #[allow(clippy::cast_possible_truncation)] // whole milliseconds
                let due = Timestamp::from_millisecond(due as i64).ok();
                found.push(peeked(member[message..].to_vec(), queue, due));
            }
            found.truncate(limit);
            Ok(found)
        })
    }

    fn purge<'a>(
        &'a self,
        queue: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let mut removed = 0;
            for list in self.0.keys.lists(queue) {
                loop {
                    let mut pipeline = Pipeline::new();
                    pipeline.atomic();
                    pipeline.cmd("LLEN").arg(&list);
                    pipeline.cmd("LTRIM").arg(&list).arg(PURGE).arg(-1).ignore();
                    let (before,): (u64,) = self.0.link.pipe("purge", &pipeline).await?;
                    removed += before.min(PURGE.unsigned_abs() as u64);
                    progress(removed);
                    if before <= PURGE.unsigned_abs() as u64 {
                        break;
                    }
                }
            }
            loop {
                let mut command = redis::cmd("ZREMRANGEBYRANK");
                command.arg(self.0.keys.delayed(queue)).arg(0).arg(PURGE - 1);
                let gone: u64 = self.0.link.run("purge", &command).await?;
                if gone == 0 {
                    return Ok(removed);
                }
                removed += gone;
                progress(removed);
            }
        })
    }

    fn pick<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [PeekedMessage],
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<bool>, BrokerError>> {
        Box::pin(pick::pick(&self.0, queue, messages, to))
    }

    fn dead<'a>(
        &'a self,
        queue: &'a str,
        offset: usize,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, BrokerError>> {
        Box::pin(async move {
            if limit == 0 {
                return Ok(Vec::new());
            }
            let mut command = redis::cmd("LRANGE");
            command.arg(self.0.keys.dead(queue)).arg(offset).arg(offset.saturating_add(limit) - 1);
            let texts: Vec<Vec<u8>> = self.0.link.run("read dead letters", &command).await?;
            Ok(texts
                .iter()
                .filter_map(|text| dead::Stored::parse(text))
                .map(dead::Stored::into_letter)
                .collect())
        })
    }

    fn replay<'a>(&'a self, queue: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let letters = self.find_dead(queue, ids).await?;
            if letters.is_empty() {
                return Ok(0);
            }
            let mut pipeline = Pipeline::new();
            // The oldest first, so that they come out in their order.
            for (text, stored) in letters.iter().rev() {
                let mut command = script::call(&script::PICK, 2);
                command.arg(self.0.keys.dead(queue)).arg(self.0.keys.list(queue, stored.priority));
                command.arg("L").arg(text).arg(&stored.original()[..]);
                pipeline.add_command(command);
            }
            let done: Vec<u64> = script::pipe(&self.0.link, "replay dead letters", &pipeline).await?;
            Ok(done.iter().sum())
        })
    }

    fn forget_dead<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let letters = self.find_dead(queue, ids).await?;
            if letters.is_empty() {
                return Ok(0);
            }
            let mut pipeline = Pipeline::new();
            for (text, _) in &letters {
                pipeline.cmd("LREM").arg(self.0.keys.dead(queue)).arg(1).arg(text);
            }
            let done: Vec<u64> = self.0.link.pipe("forget dead letters", &pipeline).await?;
            Ok(done.iter().sum())
        })
    }
}
