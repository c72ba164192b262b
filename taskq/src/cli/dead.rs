//! `dead`: messages that were put aside, and what to do with them.

use std::{borrow::Cow, sync::Arc};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};
use taskq_core::broker::{BrokerAdmin, DeadLetter};

use super::{
    Exit, Failure, Session,
    style::Style,
    table::{Align, Table},
};

/// Most dead letters read in one call.
const PAGE: usize = 500;

/// List, show, replay or forget messages that were put aside
#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// List dead letters, newest first
    List {
        #[command(flatten)]
        of: Of,
        /// At most so many of each queue
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show one dead letter with its message
    Show {
        /// Its id, as `list` prints it
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Put dead letters back to their queue, unchanged
    Replay(Choice),
    /// Remove dead letters for good
    Forget {
        #[command(flatten)]
        choice: Choice,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Only of these queues, with commas; default: all
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Ids, as `list` prints them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    of: Of,
}

impl Dead {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let admin = session.admin().await?;
        match self {
            Self::List { of, limit } => {
                let mut letters = Vec::new();
                for queue in of.queues(session, &*admin).await? {
                    letters.extend(session.within(admin.dead(&queue, 0, *limit)).await?);
                }
                letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
                list(session, &letters)
            }
            Self::Show { id, of } => {
                for queue in of.queues(session, &*admin).await? {
                    let letters = all(session, &admin, &queue).await?;
                    if let Some(letter) = letters.iter().find(|letter| letter.id == *id) {
                        return session.out.print(|| document(letter, true), |style| show(letter, style));
                    }
                }
                Err(Failure::new(Exit::Failed, format!("no dead letter `{id}` is there"))
                    .hint("`dead list` prints their ids"))
            }
            Self::Replay(choice) => {
                let mut moved = 0;
                for (queue, ids) in choice.found(session, &admin).await? {
                    moved += session.within(admin.replay(&queue, &ids)).await?;
                }
                session.out.print(|| json!({"replayed": moved}), |_| format!("{moved} replayed"))
            }
            Self::Forget { choice, force } => {
                let found = choice.found(session, &admin).await?;
                let count: usize = found.iter().map(|(_, ids)| ids.len()).sum();
                if count > 0 && !force {
                    match session.out.confirm(&format!("Remove {count} dead letters for good?")) {
                        Some(true) => {}
                        Some(false) => {
                            session.out.note("nothing was removed");
                            return Ok(());
                        }
                        None => {
                            return Err(
                                Failure::usage("nobody can be asked").hint("`-f` removes without asking")
                            );
                        }
                    }
                }
                let mut removed = 0;
                for (queue, ids) in found {
                    removed += session.within(admin.forget_dead(&queue, &ids)).await?;
                }
                session.out.print(|| json!({"forgotten": removed}), |_| format!("{removed} forgotten"))
            }
        }
    }
}

impl Of {
    async fn queues(&self, session: &Session, admin: &dyn BrokerAdmin) -> Result<Vec<String>, Failure> {
        if self.queues.is_empty() { session.all_queues(admin).await } else { Ok(self.queues.clone()) }
    }
}

impl Choice {
    /// The chosen ids by queue; an id that is nowhere is an error, before anything is changed.
    async fn found(
        &self,
        session: &Session,
        admin: &Arc<dyn BrokerAdmin>,
    ) -> Result<Vec<(String, Vec<String>)>, Failure> {
        let mut missing = self.ids.clone();
        let mut found = Vec::new();
        for queue in self.of.queues(session, &**admin).await? {
            let ids: Vec<String> = all(session, admin, &queue)
                .await?
                .into_iter()
                .map(|letter| letter.id)
                .filter(|id| self.all || self.ids.contains(id))
                .collect();
            missing.retain(|id| !ids.contains(id));
            if !ids.is_empty() {
                found.push((queue, ids));
            }
        }
        match missing.first() {
            None => Ok(found),
            Some(id) => Err(Failure::new(Exit::Failed, format!("no dead letter `{id}` is there"))
                .hint("nothing was changed; `dead list` prints their ids")),
        }
    }
}

/// Every dead letter of a queue, page by page.
async fn all(
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

fn list(session: &Session, letters: &[DeadLetter]) -> Result<(), Failure> {
    if letters.is_empty() && !session.out.is_json() {
        session.out.note("no dead letters");
        return Ok(());
    }
    session.out.print(
        || letters.iter().map(|letter| document(letter, false)).collect::<Vec<_>>(),
        |style| {
            let mut table = Table::new([
                ("id", Align::Left),
                ("queue", Align::Left),
                ("at", Align::Left),
                ("task", Align::Left),
                ("reason", Align::Left),
            ]);
            for letter in letters {
                table.row([
                    letter.id.clone(),
                    letter.queue.clone(),
                    format!("{:.0}", letter.at),
                    task(letter).unwrap_or_default(),
                    letter.reason.to_string(),
                ]);
            }
            table.render(style)
        },
    )
}

/// The task's name, if the headers can be read.
fn task(letter: &DeadLetter) -> Option<String> {
    headers(letter)?.get("task")?.as_str().map(str::to_owned)
}

fn headers(letter: &DeadLetter) -> Option<Value> {
    serde_json::from_slice(&letter.message.as_ref()?.headers.0).ok()
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    queue: &'a str,
    at: String,
    task: Option<String>,
    reason: &'static str,
    detail: &'a str,
    deliveries: u32,
    #[serde(flatten)]
    message: Option<MessageDocument<'a>>,
}

#[derive(Serialize)]
struct MessageDocument<'a> {
    headers: Option<Value>,
    body: Option<Cow<'a, str>>,
    original: Cow<'a, str>,
}

fn document(letter: &DeadLetter, whole: bool) -> Document<'_> {
    let message = || MessageDocument {
        headers: headers(letter),
        body: letter.message.as_ref().map(|message| String::from_utf8_lossy(&message.body)),
        original: String::from_utf8_lossy(&letter.original),
    };
    Document {
        id: &letter.id,
        queue: &letter.queue,
        at: letter.at.to_string(),
        task: task(letter),
        reason: letter.reason.kind.as_str(),
        detail: &letter.reason.detail,
        deliveries: letter.deliveries,
        message: whole.then(message),
    }
}

fn show(letter: &DeadLetter, style: Style) -> String {
    let mut lines = vec![
        format!("{}  {}", style.dim("id        "), letter.id),
        format!("{}  {}", style.dim("queue     "), letter.queue),
        format!("{}  {}", style.dim("at        "), letter.at),
        format!("{}  {}", style.dim("reason    "), letter.reason),
        format!("{}  {}", style.dim("deliveries"), letter.deliveries),
    ];
    match (headers(letter), &letter.message) {
        (Some(headers), Some(message)) => {
            lines.push(format!("{}\n{headers:#}", style.dim("headers")));
            lines.push(format!("{}\n{}", style.dim("body"), String::from_utf8_lossy(&message.body)));
        }
        _ => lines.push(format!("{}\n{}", style.dim("original"), String::from_utf8_lossy(&letter.original))),
    }
    lines.join("\n")
}
