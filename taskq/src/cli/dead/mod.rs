//! `dead`: messages that were put aside, and what to do with them.

mod choice;
mod edit;
mod show;

use clap::Subcommand;
use serde_json::json;
use taskq_core::Timestamp;

use self::{
    choice::{Choice, Filter, Of},
    edit::Edit,
};
use super::{Failure, Session};

/// List, show, edit, replay or purge messages that were put aside
#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// List dead letters, newest first
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        filter: Filter,
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
    /// Send one back to its queue with other arguments
    Edit(Edit),
    /// Put dead letters back to their queue, unchanged
    Replay(Choice),
    /// Remove dead letters for good
    #[command(visible_alias = "forget")]
    Purge {
        #[command(flatten)]
        choice: Choice,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

impl Dead {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let admin = session.admin().await?;
        match self {
            Self::List { of, filter, limit } => {
                let now = Timestamp::now();
                let mut letters = Vec::new();
                for queue in of.queues(session, &*admin).await? {
                    let mut page = if filter.is_empty() {
                        session.within(admin.dead(&queue, 0, *limit)).await?
                    } else {
                        choice::all(session, &admin, &queue).await?
                    };
                    page.retain(|letter| filter.matches(letter, now));
                    page.truncate(*limit);
                    letters.append(&mut page);
                }
                letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
                show::list(session, &letters)
            }
            Self::Show { id, of } => {
                let letter = choice::one(session, &admin, of, id).await?;
                session.out.print(|| show::document(&letter, true), |style| show::show(&letter, style))
            }
            Self::Edit(edit) => edit.run(session, &admin).await,
            Self::Replay(choice) => {
                let found = choice.found(session, &admin).await?;
                if choice.dry_run {
                    return preview(session, &found, "would be replayed");
                }
                let mut moved = 0;
                for (queue, ids) in found {
                    moved += session.within(admin.replay(&queue, &ids)).await?;
                }
                session.out.print(|| json!({"replayed": moved}), |_| format!("{moved} replayed"))
            }
            Self::Purge { choice, force } => {
                let found = choice.found(session, &admin).await?;
                if choice.dry_run {
                    return preview(session, &found, "would be removed");
                }
                let count = count(&found);
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

fn count(found: &[(String, Vec<String>)]) -> usize {
    found.iter().map(|(_, ids)| ids.len()).sum()
}

/// How many of each queue were chosen; nothing is changed.
fn preview(session: &Session, found: &[(String, Vec<String>)], what: &str) -> Result<(), Failure> {
    session.out.print(
        || {
            let queues: serde_json::Map<_, _> =
                found.iter().map(|(queue, ids)| (queue.clone(), ids.len().into())).collect();
            json!({"matching": count(found), "queues": queues})
        },
        |_| {
            let of = |(queue, ids): &(String, Vec<String>)| format!("{} of `{queue}`", ids.len());
            let queues: Vec<_> = found.iter().map(of).collect();
            match queues.is_empty() {
                true => format!("0 {what}"),
                false => format!("{} {what}: {}", count(found), queues.join(", ")),
            }
        },
    )
}
