//! Sending the due times of a range that has passed.

use std::sync::Arc;

use clap::Args;
use jiff::SignedDuration;
use serde_json::json;
use taskq_core::{
    Timestamp,
    broker::{Queue, Topology},
    schedule::{Claim, ScheduleStore, Tick, TickKind},
};

use super::{
    super::{Failure, Session, time_arg},
    find, zone,
};

/// Ticks claimed in one round trip.
const BATCH: usize = 100;

/// Send an entry for every due time of a range that has passed, each once
#[derive(Args, Debug)]
pub(crate) struct Backfill {
    /// Its name, as `list` prints it
    entry: String,
    /// The first moment, such as `2030-01-01T00:00:00Z`
    from: String,
    /// The last one
    to: String,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
}

impl Backfill {
    pub(super) async fn run(&self, session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
        let (entry, _) = find(session, store, &self.entry).await?;
        let from = time_arg::instant(&self.from).map_err(Failure::usage)?;
        let to = time_arg::instant(&self.to).map_err(Failure::usage)?.min(Timestamp::now());
        let zone = zone(session);
        let mut due = Vec::new();
        let mut at = from.checked_sub(SignedDuration::from_micros(1)).unwrap_or(from);
        while let Some(next) =
            entry.next_due(at, &zone).map(|next| next.timestamp()).filter(|next| *next <= to)
        {
            due.push(next);
            at = next;
        }
        let mut sent = 0;
        if !self.dry_run {
            for batch in due.chunks(BATCH) {
                sent += send(session, store, &entry, batch).await?;
            }
        }
        session.out.print(
            || json!({"entry": self.entry, "due": due.len(), "sent": sent}),
            |_| match self.dry_run {
                true => format!("`{}` was due {} times", self.entry, due.len()),
                false => format!("{sent} of {} sent, the others had been sent before", due.len()),
            },
        )
    }
}

async fn send(
    session: &Session,
    store: &Arc<dyn ScheduleStore>,
    entry: &taskq_core::schedule::Entry,
    due: &[Timestamp],
) -> Result<usize, Failure> {
    let broker = session.broker().await?;
    let mut ticks = Vec::with_capacity(due.len());
    for due in due {
        let draft = session.app.draft(entry.call_at(*due))?;
        if let Some(queue) = draft.queue() {
            let queues = vec![Queue::clone(queue)];
            session.within(broker.declare(&Topology { queues })).await?;
        }
        let Some(message) = session.app.prepare(draft).await? else { continue };
        ticks.push(Tick {
            entry: entry.name.clone(),
            kind: TickKind::Backfill,
            due: *due,
            after: None,
            at: Timestamp::now(),
            task: entry.task_id(*due),
            message: Some(Box::new(message)),
        });
    }
    let claims = session.within(store.claim(0, &ticks)).await?;
    let won: Vec<&Tick> =
        ticks.iter().zip(claims).filter(|(_, claim)| *claim == Claim::Won).map(|(tick, _)| tick).collect();
    if !store.publishes() {
        let messages: Vec<_> = won.iter().filter_map(|tick| tick.message.as_deref().cloned()).collect();
        session.within(broker.publish(&messages)).await?;
    }
    Ok(won.len())
}
