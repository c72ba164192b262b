//! Which dead letters: by id, or by what they have in common.

use std::{sync::Arc, time::Duration};

use clap::Args;
use taskq_core::{
    Timestamp,
    broker::{BrokerAdmin, DeadKind, DeadLetter},
};

use crate::cli::{Exit, Failure, Session, time_arg};

/// Most dead letters read in one call.
const PAGE: usize = 500;

#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Only of these queues, with commas; default: all
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,
}

/// What letters may have in common.
#[derive(Args, Debug, Default)]
pub(crate) struct Filter {
    /// Only of this task; a `*` at the end stands for any rest
    #[arg(long, value_name = "TASK")]
    pub(super) task: Option<String>,
    /// Only with this reason: `unknown-task`, `poison`, …
    #[arg(long, value_name = "REASON", value_parser = kind)]
    pub(super) reason: Option<DeadKind>,
    /// Only what was put aside before so many seconds (`90`, `12h`, `7d`)
    #[arg(long, value_name = "AGE", value_parser = time_arg::duration)]
    pub(super) older_than: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Ids, as `list` prints them
    #[arg(
        required_unless_present_any = ["all", "task", "reason", "older_than"],
        conflicts_with_all = ["all", "task", "reason", "older_than"]
    )]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Only say how many it would be
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    of: Of,
}

fn kind(text: &str) -> Result<DeadKind, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|_| {
        "use undecodable, refused-content-type, unknown-task, bad-arguments, poison, retries-exhausted, rejected \
         or expired"
            .to_owned()
    })
}

impl Of {
    pub(super) async fn queues(
        &self,
        session: &Session,
        admin: &dyn BrokerAdmin,
    ) -> Result<Vec<String>, Failure> {
        if self.queues.is_empty() { session.all_queues(admin).await } else { Ok(self.queues.clone()) }
    }
}

impl Filter {
    pub(super) fn matches(&self, letter: &DeadLetter, now: Timestamp) -> bool {
        let task = self.task.as_deref().is_none_or(|wanted| {
            let task = letter.task().unwrap_or_default();
            match wanted.strip_suffix('*') {
                Some(start) => task.starts_with(start),
                None => task == wanted,
            }
        });
        let age = || Duration::try_from(now.duration_since(letter.at)).unwrap_or_default();
        task && self.reason.is_none_or(|kind| letter.reason.kind == kind)
            && self.older_than.is_none_or(|older| age() >= older)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.task.is_none() && self.reason.is_none() && self.older_than.is_none()
    }
}

impl Choice {
    /// The chosen ids by queue; an id that is nowhere is an error, before anything is changed.
    pub(super) async fn found(
        &self,
        session: &Session,
        admin: &Arc<dyn BrokerAdmin>,
    ) -> Result<Vec<(String, Vec<String>)>, Failure> {
        let now = Timestamp::now();
        let by_id = |letter: &DeadLetter| self.ids.contains(&letter.id);
        let chosen = |letter: &DeadLetter| {
            if self.ids.is_empty() { self.filter.matches(letter, now) } else { by_id(letter) }
        };
        let mut missing = self.ids.clone();
        let mut found = Vec::new();
        for queue in self.of.queues(session, &**admin).await? {
            let letters = all(session, admin, &queue).await?;
            let ids: Vec<String> = letters.into_iter().filter(chosen).map(|letter| letter.id).collect();
            missing.retain(|id| !ids.contains(id));
            if !ids.is_empty() {
                found.push((queue, ids));
            }
        }
        match missing.first() {
            None => Ok(found),
            Some(id) => Err(not_there(id).hint("nothing was changed; `dead list` prints their ids")),
        }
    }
}

/// The letter with this id.
pub(super) async fn one(
    session: &Session,
    admin: &Arc<dyn BrokerAdmin>,
    of: &Of,
    id: &str,
) -> Result<DeadLetter, Failure> {
    for queue in of.queues(session, &**admin).await? {
        let letters = all(session, admin, &queue).await?;
        if let Some(letter) = letters.into_iter().find(|letter| letter.id == id) {
            return Ok(letter);
        }
    }
    Err(not_there(id).hint("`dead list` prints their ids"))
}

fn not_there(id: &str) -> Failure {
    Failure::new(Exit::Failed, format!("no dead letter `{id}` is there"))
}

/// Every dead letter of a queue, page by page.
pub(super) async fn all(
    session: &Session,
    admin: &Arc<dyn BrokerAdmin>,
    queue: &str,
) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = Vec::new();
    loop {
        let page = session.within(admin.dead(queue, letters.len(), PAGE)).await?;
        let last = page.len() < PAGE;
        letters.extend(page);
        if last {
            return Ok(letters);
        }
    }
}
