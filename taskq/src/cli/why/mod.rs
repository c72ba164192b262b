//! `why`: where a task is, and why it does not run.
//!
//! Kept true here: everything that is said was seen (a result, a message, the answer of a worker); nothing is
//! changed by looking. Between one look and the next a task may move on, so a second look may say more.

mod queues;
mod reasons;
mod workers;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use taskq_core::{
    backend::TaskMeta,
    broker::{Revocation, remembered_in},
    protocol::TaskId,
};

use self::{queues::Seen, workers::Said};
use super::{Exit, Failure, Session};

/// Say where a task is, and why it does not run
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 the task was found, 1 nobody knows of it, 69 the broker cannot be reached."
)]
pub(crate) struct Why {
    /// The task's id
    id: String,

    /// Only these queues, with commas; default: all that the broker and the settings know
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,

    /// How long to wait for the workers' answers
    #[arg(short = 't', long, value_name = "SECONDS", default_value_t = 1.0)]
    timeout: f64,
}

/// Why a task is where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reason {
    /// For programs: `no-consumer`.
    kind: &'static str,
    /// For people: one line.
    what: String,
}

/// All that was seen.
#[derive(Debug)]
struct Evidence {
    meta: Option<TaskMeta>,
    revoked: bool,
    seen: Seen,
    said: Said,
}

impl Why {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let patience = std::time::Duration::try_from_secs_f64(self.timeout)
            .map_err(|_| Failure::usage(format!("`--timeout {}` is no time", self.timeout)))?;
        let id = TaskId::from(self.id.as_str());
        let broker = session.broker().await?;
        // First the workers: what they hold moves on.
        let said = workers::ask(session, &self.id, patience).await?;
        let seen = queues::look(session, &*broker, &self.queues, &self.id).await?;
        let (meta, backend) = match session.backend().await {
            Ok(backend) => match session.within(backend.fetch(std::slice::from_ref(&id))).await {
                Ok(mut found) => (found.pop().flatten(), Some(backend)),
                Err(_) => (None, None),
            },
            Err(_) => (None, None),
        };
        if backend.is_none() {
            session.out.note("the result backend does not answer: whether the task has ended is not known");
        }
        let kept = remembered_in(&*broker, backend.as_deref());
        let revoked = match kept {
            Some(kept) => session.within(kept.since(0)).await?.0.contains(&Revocation::Task(id)),
            None => false,
        };
        let evidence = Evidence { meta, revoked, seen, said };
        let reasons = reasons::of(&evidence);
        let name = evidence.name();
        session.out.print(
            || {
                json!({
                    "id": self.id,
                    "task": name,
                    "state": evidence.meta.as_ref().map(|meta| meta.state.as_str()),
                    "reasons": reasons,
                })
            },
            |style| {
                let mut lines = vec![match &name {
                    Some(name) => format!("{} ({name})", self.id),
                    None => self.id.clone(),
                }];
                lines.extend(
                    reasons
                        .iter()
                        .map(|Reason { kind, what }| format!("  {what} {}", style.dim(&format!("[{kind}]")))),
                );
                lines.join("\n")
            },
        )?;
        match reasons.iter().any(|reason| reason.kind != reasons::UNKNOWN) {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, format!("nobody knows of task `{}`", self.id))),
        }
    }
}

impl Evidence {
    /// The task's name, from whoever knows it.
    fn name(&self) -> Option<String> {
        let extended = self.meta.as_ref().and_then(|meta| meta.extended.as_ref());
        let of_message = self.seen.waiting.iter().find_map(|found| found.task.clone());
        of_message
            .or_else(|| self.said.holders.first().map(|holder| holder.task.clone()))
            .or_else(|| self.seen.dead.iter().find_map(|letter| letter.task.clone()))
            .or_else(|| extended.map(|extended| extended.name.clone()))
    }
}
