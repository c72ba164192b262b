//! `schedule`: entries, their due times, and what became of them.

mod add;
mod backfill;
mod import;
mod show;

use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::json;
use taskq_core::{
    Timestamp,
    schedule::{Change, Entry, EntryState, ScheduleStore},
};

use super::{Exit, Failure, Session};

/// Look into the schedule, and change it while beats run
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// List entries with their next and last run
    List,
    /// Print the next due times of an entry, in its zone
    Next {
        /// Its name, as `list` prints it
        entry: String,
        /// How many
        #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
        count: usize,
    },
    /// Print all due times of the next day
    Calendar,
    /// Print what an entry sent, newest first
    History {
        /// Its name, as `list` prints it
        entry: String,
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    Add(Box<add::Add>),
    Import(import::Import),
    /// Let the due times of an entry pass until it is resumed
    Pause(Name),
    /// Let a paused entry go on
    Resume(Name),
    /// Run an entry once, now
    Run(Name),
    /// Remove an entry
    Delete(Name),
    Backfill(backfill::Backfill),
}

#[derive(Args, Debug)]
pub(crate) struct Name {
    /// Its name, as `list` prints it
    entry: String,
}

impl Schedule {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let store = session.within(session.app.schedules()).await?;
        match self {
            Self::List => show::list(session, &store).await,
            Self::Next { entry, count } => show::next(session, &store, entry, *count).await,
            Self::Calendar => show::calendar(session, &store).await,
            Self::History { entry, limit } => show::history(session, &store, entry, *limit).await,
            Self::Add(add) => add.run(session, &store).await,
            Self::Import(import) => Box::pin(import.run(session, &store)).await,
            Self::Pause(name) => name.change(session, &store, "paused", |n| Change::Pause(n, true)).await,
            Self::Resume(name) => name.change(session, &store, "resumed", |n| Change::Pause(n, false)).await,
            Self::Run(name) => {
                let now = Timestamp::now();
                name.change(session, &store, "asked to run", |n| Change::RunNow(n, now)).await
            }
            Self::Delete(name) => name.delete(session, &store).await,
            Self::Backfill(backfill) => backfill.run(session, &store).await,
        }
    }
}

impl Name {
    async fn change(
        &self,
        session: &Session,
        store: &Arc<dyn ScheduleStore>,
        done: &str,
        change: impl FnOnce(String) -> Change,
    ) -> Result<(), Failure> {
        find(session, store, &self.entry).await?;
        session.within(store.change(&[change(self.entry.clone())])).await?;
        session
            .out
            .print(|| json!({"entry": self.entry, "done": done}), |_| format!("`{}` is {done}", self.entry))
    }

    async fn delete(&self, session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
        if session.app.entries().iter().any(|entry| entry.name == self.entry) {
            return Err(Failure::new(
                Exit::Failed,
                format!("`{}` stands in the program or its settings: a beat would add it again", self.entry),
            )
            .hint("remove it there, or `schedule pause` it"));
        }
        self.change(session, store, "deleted", Change::Remove).await
    }
}

/// An entry and its state, by name. Entries of the program that no beat has stored yet are found, too.
async fn find(
    session: &Session,
    store: &Arc<dyn ScheduleStore>,
    name: &str,
) -> Result<(Entry, EntryState), Failure> {
    let entries = all(session, store).await?;
    let known: Vec<String> = entries.iter().map(|(entry, _)| entry.name.clone()).collect();
    entries.into_iter().find(|(entry, _)| entry.name == name).ok_or_else(|| {
        let near = known
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let failure = Failure::new(Exit::Failed, format!("there is no entry `{name}`"));
        match near {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("the schedule is empty: `schedule add` adds an entry"),
        }
    })
}

/// Every entry with its state, by name.
async fn all(session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<Vec<(Entry, EntryState)>, Failure> {
    let snapshot = session.within(store.snapshot()).await?;
    for (name, why) in &snapshot.unreadable {
        if !session.app.entries().iter().any(|entry| entry.name == *name) {
            session.out.note(&format!("`{name}` cannot be read: {why}"));
        }
    }
    Ok(snapshot.known(session.app.entries()))
}

/// The zone of entries without one.
fn zone(session: &Session) -> TimeZone {
    let settings = session.app.settings();
    let own = settings.timezone.clone();
    own.unwrap_or_else(|| if settings.enable_utc { TimeZone::UTC } else { TimeZone::system() })
}
