//! Settling: the whole batch in one pipeline, each settlement in one atomic step.
//!
//! Kept true here: a plain acknowledgement is one `LREM` from the owner's own list, which is its own fence:
//! when the lease was lost the message is no longer in it. Everything else is one script call.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Pipeline, Value};
use taskq_core::{
    BoxFuture, Timestamp,
    broker::{BrokerError, Delivery, DeliveryTag, Outgoing, Settle, Settled, Settlement, Settler},
};
use tokio::sync::{Notify, mpsc};

use super::{
    Shared, dead,
    held::{Begun, Held, Holding},
    publish::{self, Write},
    wake::Written,
};
use crate::{script, wire};

/// Deliveries that wait to be given back. When it is full their lease lapses instead.
pub(super) const RETURNS: usize = 4_096;

/// A delivery that nobody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Return {
    tag: DeliveryTag,
    /// Nobody has seen it: it does not count.
    unseen: bool,
}

/// Settles what one consumer holds.
#[derive(Debug)]
pub(super) struct RedisSettler {
    shared: Arc<Shared>,
    held: Arc<Held>,
    returns: mpsc::Sender<Return>,
    /// Wakes the fetch that waits: it does not know of a delay that is sooner than what it waits for.
    wake: Arc<Notify>,
}

impl RedisSettler {
    pub(super) fn new(
        shared: Arc<Shared>,
        held: Arc<Held>,
        returns: mpsc::Sender<Return>,
        wake: Arc<Notify>,
    ) -> Self {
        Self { shared, held, returns, wake }
    }

    /// Gives back what was taken and never handed out. It does not count as delivered.
    pub(super) fn give_back_unseen(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            let (tag, ..) = delivery.accept();
            self.give_back(Return { tag, unseen: true });
        }
    }

    fn give_back(&self, returned: Return) {
        if self.returns.try_send(returned).is_err() {
            tracing::debug!(?returned, "could not give back at once; the lease will lapse");
        }
    }
}

/// The script call for one settlement, action by action.
struct Actions {
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Actions {
    fn new(holding: &Holding) -> Self {
        Self { keys: vec![holding.place.list.clone()], args: vec![holding.original.to_vec()] }
    }

    fn add(&mut self, what: &str, key: String, field: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.keys.push(key);
        self.args.extend([what.as_bytes().to_vec(), field.into(), value.into()]);
    }

    fn command(self) -> Cmd {
        let mut command = script::call(&script::SETTLE, self.keys.len());
        command.arg(self.keys).arg(self.args);
        command
    }
}

const LREM: &str = "LREM";

/// The command that ends a delivery.
async fn command(
    shared: &Shared,
    holding: &Holding,
    how: &Settle,
    follow_ups: &[Outgoing],
    written: &mut Written,
) -> Result<Cmd, BrokerError> {
    let keys = &shared.keys;
    let first = holding.deliveries <= 1;
    if *how == Settle::Ack && follow_ups.is_empty() && first && holding.mirror.is_none() {
        let (list, original) = (&holding.place.list, &holding.original);
        let mut command = Cmd::with_capacity(4, list.len() + original.len() + LREM.len() + 2);
        command.arg(LREM).arg(list).arg(-1).arg(&original[..]);
        return Ok(command);
    }
    let mut actions = Actions::new(holding);
    if let Some(mirror) = &holding.mirror {
        actions.add("U", keys.unacked().to_owned(), mirror.as_str(), "");
        actions.add("V", keys.unacked_index().to_owned(), "", "");
    }
    for out in follow_ups {
        for write in publish::writes(shared, out).await? {
            match write {
                Write::Push { list, message } => {
                    written.note(&list);
                    actions.add("L", list, "", message.to_vec());
                }
                Write::Delay { set, due, member } => {
                    written.note(&set);
                    actions.add("Z", set, due.to_string(), member);
                }
                Write::Fanout { channel, message } => actions.add("P", channel, "", message.to_vec()),
            }
        }
    }
    match how {
        Settle::Ack if first => {}
        Settle::Ack => forget_count(shared, holding, &mut actions),
        Settle::Requeue { not_before: None } => {
            let [counts, _] = keys.deliveries();
            actions.add("I", counts, holding.counted_as(), "");
            back_to_front(shared, holding, &mut actions, written);
        }
        // Given back unstarted.
        Settle::Requeue { not_before: Some(due) } if *due <= Timestamp::now() => {
            back_to_front(shared, holding, &mut actions, written);
        }
        Settle::Requeue { not_before: Some(due) } => {
            let message = wire::redelivered(&holding.original);
            let member = publish::delayed(keys.step(holding.priority), &message);
            let set = keys.delayed(&holding.place.queue);
            written.note(&set);
            actions.add("Z", set, publish::due(*due).to_string(), member);
        }
        Settle::DeadLetter { reason } => {
            let original = wire::original(&holding.original);
            let letter =
                dead::write(&holding.place.queue, &original, holding.priority, holding.deliveries, reason)?;
            actions.add("L", keys.dead(&holding.place.queue), "", letter);
            actions.add("S", keys.queues(), "", holding.place.queue.as_bytes());
            forget_count(shared, holding, &mut actions);
        }
    }
    Ok(actions.command())
}

fn forget_count(shared: &Shared, holding: &Holding, actions: &mut Actions) {
    let counted_as = holding.counted_as();
    for counts in shared.keys.deliveries() {
        actions.add("D", counts, counted_as.as_str(), "");
    }
}

fn back_to_front(shared: &Shared, holding: &Holding, actions: &mut Actions, written: &mut Written) {
    let list = shared.keys.list(&holding.place.queue, holding.priority);
    written.note(&list);
    actions.add("R", list, "", wire::redelivered(&holding.original).to_vec());
}

/// Gives back what was dropped, until the last settler is gone.
pub(super) async fn give_back(shared: Arc<Shared>, held: Arc<Held>, mut returns: mpsc::Receiver<Return>) {
    let mut returned = Vec::new();
    while returns.recv_many(&mut returned, 256).await > 0 {
        // The youngest first: each goes to the front, so the oldest ends up there.
        returned.sort_unstable_by(|a, b| b.cmp(a));
        let requeue = |Return { tag, unseen }| {
            Settlement::new(tag, Settle::Requeue { not_before: unseen.then_some(Timestamp::UNIX_EPOCH) })
        };
        let batch: Vec<Settlement> = returned.drain(..).map(requeue).collect();
        if let Err(error) = settle(&shared, &held, &batch).await {
            tracing::warn!(%error, deliveries = batch.len(), "could not give back; the lease will lapse");
        }
    }
}

/// One that fails does not undo the others: they stand, and are answered again when the batch is repeated.
async fn settle(shared: &Shared, held: &Held, batch: &[Settlement]) -> Result<Settled, BrokerError> {
    let mut settled = Settled::default();
    let mut failed = None;
    let mut pipeline = Pipeline::with_capacity(batch.len());
    let mut sent = Vec::with_capacity(batch.len());
    let mut written = Written::default();
    let begun = held.begin(batch.iter().map(|settlement| settlement.tag));
    for (settlement, begun) in batch.iter().zip(begun) {
        let tag = settlement.tag;
        let holding = match begun {
            Begun::Holding(holding) => holding,
            Begun::Ended { lost: false } => continue,
            Begun::Ended { lost: true } | Begun::Lost => {
                settled.lost.push(tag);
                continue;
            }
        };
        match command(shared, &holding, &settlement.how, &settlement.publish, &mut written).await {
            Ok(command) => {
                pipeline.add_command(command);
                sent.push((tag, holding.tried));
            }
            Err(error) => {
                held.retry(tag, false);
                failed.get_or_insert(error);
            }
        }
    }
    if !sent.is_empty() {
        written.announce(&shared.keys, &mut pipeline);
        let answers = match script::each(&shared.link, "settle", &pipeline).await {
            Ok(answers) => answers,
            Err(error) => {
                sent.into_iter().for_each(|(tag, _)| held.retry(tag, true));
                return Err(error);
            }
        };
        let mut done = Vec::with_capacity(sent.len());
        for ((tag, tried), answer) in sent.into_iter().zip(answers) {
            match answer {
                Value::ServerError(error) => {
                    held.retry(tag, false);
                    failed.get_or_insert_with(|| shared.link.refused("settle", error));
                }
                // Gone, although the lease is ours: the attempt whose answer was lost has settled it.
                answer => done.push((tag, answer == Value::Int(0) && !tried)),
            }
        }
        settled.lost.extend(done.iter().filter(|(_, lost)| *lost).map(|(tag, _)| *tag));
        if failed.is_some() {
            done.iter().for_each(|(tag, lost)| held.end_of_some(*tag, *lost));
        }
    }
    match failed {
        Some(error) => Err(error),
        None => {
            held.end(batch.iter().map(|settlement| settlement.tag));
            Ok(settled)
        }
    }
}

/// Whether it makes a message wait for its time.
fn delays(settlement: &Settlement) -> bool {
    matches!(settlement.how, Settle::Requeue { not_before: Some(_) })
        || settlement.publish.iter().any(|out| out.not_before.is_some())
}

impl Settler for RedisSettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            let settled = settle(&self.shared, &self.held, batch).await?;
            if batch.iter().any(delays) {
                self.wake.notify_one();
            }
            Ok(settled)
        })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            let (owner, holds) = self.held.owner();
            if holds {
                let mirrored = self.held.mirrored();
                let mut command = script::call(&script::EXTEND, 2);
                command.arg(self.shared.keys.owners()).arg(self.shared.keys.unacked_index()).arg(&owner);
                command.arg(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
                for (_, name) in &mirrored {
                    command.arg(name);
                }
                let answer: Vec<usize> = script::run(&self.shared.link, "renew the lease", &command).await?;
                match answer.split_first() {
                    Some((1, gone)) => {
                        let tags = gone.iter().filter_map(|gone| mirrored.get(*gone));
                        tags.for_each(|(tag, _)| self.held.gone(*tag));
                    }
                    _ => self.held.lose(&owner),
                }
            }
            let lost = tags.iter().copied().filter(|tag| !self.held.has(*tag)).collect();
            Ok(Settled { lost })
        })
    }

    fn give_back(&self, tag: DeliveryTag) {
        self.give_back(Return { tag, unseen: false });
    }
}
