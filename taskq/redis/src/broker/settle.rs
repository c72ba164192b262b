//! Settling: the whole batch in one pipeline, each settlement in one atomic step.
//!
//! Kept true here: a message is settled where it is held, in the owner's own hash, which is its own fence: when the
//! lease was lost the message is no longer in it. Plain acknowledgements are one script call for each hash, everything
//! else is one for each message.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use redis::{Cmd, FromRedisValue, ParsingError, Pipeline, Value};
use taskq_core::{
    BoxFuture, Timestamp,
    broker::{BrokerError, Delivery, DeliveryTag, Outgoing, Settle, Settled, Settlement, Settler},
};
use tokio::sync::{Notify, mpsc};

use super::{
    Shared, dead,
    held::{Acks, Held, Holding, Tried},
    publish::{self, Write},
    wake::Written,
};
use crate::{error, script, wire};

/// Deliveries that wait to be given back. When it is full their lease lapses instead.
pub(super) const RETURNS: usize = 4_096;

const WHAT: &str = "settle";

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
    fn new(holding: &Holding, number: u64) -> Self {
        Self { keys: vec![holding.place.key.clone()], args: vec![number.to_string().into_bytes()] }
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

/// The command for plain acknowledgements.
fn acknowledgement(shared: &Shared, held: &Held, acks: &mut Acks) -> Cmd {
    /// More than a number has after a billion tasks.
    const DIGITS: usize = 10;
    // Tags follow numbers.
    acks.tags.sort_unstable_by_key(|tried| tried.tag.id);
    let (owners, place) = (shared.keys.owners(), &acks.place);
    let bytes = owners.len() + place.key.len() + place.owner.len() + DIGITS * acks.tags.len();
    let mut command = script::call_sized(&script::ACK, 2, 3 + acks.tags.len(), bytes);
    command.arg(&place.key).arg(owners).arg(if acks.unsure { "" } else { &place.owner });
    for tried in &acks.tags {
        command.arg(held.number(tried.tag));
    }
    command
}

/// The command that ends a delivery with all that goes with it.
async fn command(
    shared: &Shared,
    holding: &Holding,
    number: u64,
    how: &Settle,
    follow_ups: &[Outgoing],
    written: &mut Written,
) -> Result<Cmd, BrokerError> {
    let keys = &shared.keys;
    let first = holding.deliveries <= 1;
    let mut actions = Actions::new(holding, number);
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
        if let Err(error) = settle(&shared, &held, &batch, None).await {
            tracing::warn!(%error, deliveries = batch.len(), "could not give back; the lease will lapse");
        }
    }
}

/// Which of those that one command settles were no longer held.
struct Gone(Vec<usize>);

impl FromRedisValue for Gone {
    fn from_redis_value(answer: Value) -> Result<Self, ParsingError> {
        match answer {
            Value::Int(0) => Ok(Self(vec![0])),
            Value::Int(_) => Ok(Self(Vec::new())),
            several => Vec::from_redis_value(several).map(Self),
        }
    }
}

/// One that fails does not undo the others: they stand, and are answered again when the batch is repeated. `waits`:
/// whoever waits for messages on the same connection.
async fn settle(
    shared: &Shared,
    held: &Held,
    batch: &[Settlement],
    waits: Option<&Notify>,
) -> Result<Settled, BrokerError> {
    let begun = held.begin(batch);
    let mut settled = Settled { lost: begun.lost };
    let mut failed = None;
    let mut pipeline = Pipeline::with_capacity(begun.acks.len() + begun.others.len());
    // What each command settles.
    let mut sent: Vec<Vec<Tried>> = Vec::with_capacity(begun.acks.len() + begun.others.len());
    let mut written = Written::default();
    for mut acks in begun.acks {
        pipeline.add_command(acknowledgement(shared, held, &mut acks));
        sent.push(acks.tags);
    }
    for (at, holding) in begun.others {
        let Settlement { tag, how, publish, .. } = &batch[at];
        match command(shared, &holding, held.number(*tag), how, publish, &mut written).await {
            Ok(command) => {
                pipeline.add_command(command);
                sent.push(vec![Tried { tag: *tag, before: holding.tried }]);
            }
            Err(error) => {
                held.retry(*tag, false);
                failed.get_or_insert(error);
            }
        }
    }
    if !sent.is_empty() {
        let follows = !written.is_empty();
        written.announce(&shared.keys, &mut pipeline);
        // What follows is most likely for this worker: a take that is sent right behind finds it there, without a word
        // from the server in between.
        let wake = async {
            if let Some(waits) = waits.filter(|_| follows) {
                waits.notify_one();
            }
        };
        let (answers, ()) = join(script::each(&shared.link, WHAT, &pipeline), wake).await;
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                sent.iter().flatten().for_each(|tried| held.retry(tried.tag, true));
                return Err(error);
            }
        };
        let mut done = Vec::with_capacity(sent.len());
        for (tags, answer) in sent.into_iter().zip(answers) {
            let (error, unsure) = match answer {
                Value::ServerError(error) => (shared.link.refused(WHAT, error), false),
                answer => match Gone::from_redis_value(answer) {
                    Ok(Gone(gone)) => {
                        // Gone although the lease is ours: the attempt whose answer was lost has settled it.
                        let lost = gone.iter().filter_map(|at| tags.get(*at)).filter(|tried| !tried.before);
                        settled.lost.extend(lost.map(|tried| tried.tag));
                        done.push(tags);
                        continue;
                    }
                    Err(error) => (error::broker(WHAT, shared.link.shown(), error.into()), true),
                },
            };
            tags.iter().for_each(|tried| held.retry(tried.tag, unsure));
            failed.get_or_insert(error);
        }
        if failed.is_some() {
            for tried in done.iter().flatten() {
                held.end_of_some(tried.tag, settled.lost.contains(&tried.tag));
            }
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
            let settled = settle(&self.shared, &self.held, batch, Some(&self.wake)).await?;
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
