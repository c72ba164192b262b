//! `purge`: removes what waits.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use taskq_core::broker::BrokerAdmin;

use super::{Failure, Session};
use crate::progress;

/// Remove all waiting messages of queues; there is no undo
#[derive(Args, Debug)]
#[command(visible_alias = "discard")]
pub(crate) struct Purge {
    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Only these queues, with commas; default: the ones this program consumes
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,

    /// Not these queues
    #[arg(short = 'X', long, value_name = "QUEUES", value_delimiter = ',')]
    exclude_queues: Vec<String>,
}

impl Purge {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let removed = match self.remove(session).await? {
            removed if removed.is_empty() => return Ok(()),
            removed => removed,
        };
        session.out.print(
            || {
                removed
                    .iter()
                    .map(|(queue, count)| json!({"queue": queue, "removed": count}))
                    .collect::<Vec<_>>()
            },
            |_| {
                let lines: Vec<_> =
                    removed.iter().map(|(queue, count)| format!("{queue}: {count} removed")).collect();
                lines.join("\n")
            },
        )
    }

    /// Asks, removes, and answers how many of each queue; nothing when the answer was no.
    async fn remove(&self, session: &Session) -> Result<Vec<(String, u64)>, Failure> {
        let admin = session.admin().await?;
        let mut queues = if self.queues.is_empty() { session.own_queues() } else { self.queues.clone() };
        queues.retain(|queue| !self.exclude_queues.contains(queue));
        let stats = session.within(admin.stats(&queues)).await?;
        let waiting: u64 = stats.iter().map(|queue| queue.ready + queue.delayed).sum();
        if waiting > 0 && !self.force && !confirmed(session, waiting, &queues)? {
            session.out.note("nothing was removed");
            return Ok(Vec::new());
        }
        let mut removed = Vec::new();
        for (queue, stats) in queues.into_iter().zip(&stats) {
            let count = empty(session, &admin, &queue, stats.ready + stats.delayed).await?;
            removed.push((queue, count));
        }
        Ok(removed)
    }
}

fn confirmed(session: &Session, waiting: u64, queues: &[String]) -> Result<bool, Failure> {
    let messages = if waiting == 1 { "message" } else { "messages" };
    let names: Vec<_> = queues.iter().map(|queue| format!("`{queue}`")).collect();
    let question = format!("Remove {waiting} waiting {messages} of {}? There is no undo.", names.join(", "));
    session.out.confirm(&question).ok_or_else(|| {
        Failure::usage(format!("{waiting} {messages} would be removed, and nobody can be asked"))
            .hint("`-f` removes them without asking")
    })
}

/// `worker --purge`: empties what the worker is about to consume.
pub(super) async fn of_worker(
    session: &Session,
    queues: &[String],
    exclude: &[String],
) -> Result<(), Failure> {
    let purge = Purge { force: true, queues: queues.to_vec(), exclude_queues: exclude.to_vec() };
    let removed: u64 = purge.remove(session).await?.iter().map(|(_, count)| count).sum();
    tracing::info!(removed, "queues purged");
    Ok(())
}

async fn empty(
    session: &Session,
    admin: &Arc<dyn BrokerAdmin>,
    queue: &str,
    waiting: u64,
) -> Result<u64, Failure> {
    let bar = progress::bar(session.out.draws_progress(), queue, waiting);
    // No deadline: a long queue takes its time, and the bar shows it.
    let removed = admin.purge(queue, &|removed| bar.set_position(removed)).await;
    bar.finish_and_clear();
    Ok(removed?)
}
