//! `migrate`: moves the messages of queues from one broker to another.
//!
//! Kept true here: a message is removed from the source only after the destination has it. Whenever this is
//! killed, the next run goes on: what was published and not yet removed is told by the journal and not published
//! again. Between a publish and its line in the journal lies one batch: of that, what is still waiting at the
//! destination is found there; the rest may be doubled, and nothing is ever lost.

mod journal;
mod moving;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use taskq_core::{
    app::App,
    broker::{Broker, BrokerAdmin},
    config::Urls,
    task::Registry,
};

use self::{journal::Journal, moving::Moving};
use super::{Exit, Failure, Session};
use crate::progress;

/// Move messages from one broker to another; a second run goes on where it ended
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Migrate {
    /// Where the messages are: a URL
    source: String,

    /// Where they are to go: a URL
    destination: String,

    /// Only these queues, with commas; default: all that the source knows
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,

    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,

    /// Only tell how many there are
    #[arg(long)]
    dry_run: bool,

    /// Where it is written down what was moved, until all is; default: in the working folder
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

const MORE: &str = "\
Delayed messages keep their time. Not moved: what workers are running, dead letters (replay them first), results,
schedules, and on RabbitMQ what waits for its time (it moves once it is due: run this again). Stop the workers of the
source first, or they go on taking.";

/// What became of a queue.
#[derive(Clone, Debug, Default, Serialize)]
struct Total {
    queue: String,
    /// Published at the destination and removed from the source.
    moved: u64,
    /// Removed from the source only: an earlier run had published them.
    already_there: u64,
    /// Put aside at the source: no message.
    unreadable: u64,
    /// Still at the source: waiting, or with workers.
    left: u64,
}

impl Migrate {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (source, destination) = (app(session, &self.source)?, app(session, &self.destination)?);
        if source.settings().broker_url == destination.settings().broker_url {
            return Err(Failure::usage("source and destination are the same"));
        }
        let (from, to) =
            (session.within(source.broker()).await?, session.within(destination.broker()).await?);
        let Some(admin) = from.admin() else {
            return Err(Failure::new(
                Exit::Failed,
                format!("`{}` lists no queues", source.settings().broker_url),
            ));
        };
        let queues = match self.queues.is_empty() {
            true => session.within(admin.queues()).await?,
            false => self.queues.clone(),
        };
        let mut totals: Vec<Total> =
            queues.iter().map(|queue| Total { queue: queue.clone(), ..Total::default() }).collect();
        let ended = match self.dry_run {
            true => Ok(None),
            false => self.move_all(session, &source, &*from, &*to, &*admin, &mut totals).await.map(Some),
        };
        let left = session.within(admin.stats(&queues)).await?;
        for (total, stats) in totals.iter_mut().zip(&left) {
            total.left = stats.ready + stats.delayed + stats.in_flight;
        }
        let complete = totals.iter().all(|total| total.left == 0);
        session.out.print(
            || serde_json::json!({"queues": totals, "complete": complete}),
            |_| totals.iter().map(line).collect::<Vec<_>>().join("\n"),
        )?;
        let journal = ended?;
        if complete {
            // Nobody asks it any more.
            return journal.map_or(Ok(()), Journal::remove);
        }
        let held: u64 = left.iter().map(|row| row.in_flight).sum();
        if held > 0 && journal.is_some() {
            session.out.note(&format!(
                "{held} messages are with workers, or with a run that was ended and come back when its lease lapses: \
                 run this again"
            ));
        }
        Ok(())
    }

    async fn move_all(
        &self,
        session: &Session,
        source: &App,
        from: &dyn Broker,
        to: &dyn Broker,
        admin: &dyn BrokerAdmin,
        totals: &mut [Total],
    ) -> Result<Journal, Failure> {
        let path = self.journal.clone().unwrap_or_else(|| journal::path(&self.source, &self.destination));
        let mut journal = Journal::open(&path)?;
        if journal.len() > 0 {
            session.out.note(&format!("going on: {} messages were moved before", journal.len()));
        }
        let names: Vec<String> = totals.iter().map(|total| total.queue.clone()).collect();
        let waiting: u64 =
            session.within(admin.stats(&names)).await?.iter().map(|row| row.ready + row.delayed).sum();
        let bar = progress::bar(session.out.draws_progress(), "moved", waiting);
        let mut room = self.limit.unwrap_or(u64::MAX);
        let mut moved = Ok(());
        for total in totals {
            let moving = Moving { session, source, from, to, admin, journal: &mut journal, bar: &bar };
            moved = moving.queue(total, &mut room).await;
            if moved.is_err() || room == 0 {
                break;
            }
        }
        bar.finish_and_clear();
        moved.map(|()| journal)
    }
}

/// The program on another broker.
fn app(session: &Session, url: &str) -> Result<App, Failure> {
    let mut settings = session.app.settings().clone();
    settings.broker_url =
        Urls::parse(url).map_err(|error| Failure::usage(format!("`{url}` is no broker URL: {error}")))?;
    (settings.broker_read_url, settings.broker_write_url) = (None, None);
    Ok(App::builder().settings(settings).registry(Registry::new()).build()?)
}

fn line(total: &Total) -> String {
    let Total { queue, moved, already_there, unreadable, left } = total;
    let mut line = format!("{queue}: {moved} moved");
    for (count, what) in [
        (already_there, "were there already"),
        (unreadable, "put aside, no messages"),
        (left, "left at the source"),
    ] {
        if *count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line
}
