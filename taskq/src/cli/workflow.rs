//! `workflow`: show, cancel and retry everything that came of one first task.

use clap::{Args, Subcommand};
use serde_json::json;
use taskq_core::{backend::State, protocol::TaskId, result::AsyncResult};

use super::{
    Failure, Session,
    table::{Align, Table},
};

/// Show a workflow, cancel all of it, or run it again from the steps that failed
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Show what the first task and those after it have sent, and which steps can be retried
    Show(Of),
    /// Keep every task of it from running; those that run go on
    Cancel {
        #[command(flatten)]
        of: Of,
        /// End those that run, too
        #[arg(long)]
        terminate: bool,
    },
    /// Run it again from the steps that failed; what has succeeded is kept
    Retry(Of),
}

/// Which one.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Id of its first task (`root` in logs); of a group or chord that was sent by itself, the id of the group
    root: String,
}

impl Workflow {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Show(Of { root }) => show(session, root).await,
            Self::Cancel { of: Of { root }, terminate } => {
                let revoke = session.app.revoke_workflow(root.as_str());
                let revoke = if *terminate { revoke.terminate("SIGTERM") } else { revoke };
                session.within(revoke.into_future()).await?;
                session.out.print(|| json!({"cancelled": root}), |_| format!("workflow {root} is cancelled"))
            }
            Self::Retry(Of { root }) => {
                let ids = session.within(session.app.retry_workflow(root.as_str())).await?;
                session.out.print(|| json!(ids), |_| lines(root, &ids))
            }
        }
    }
}

fn lines(root: &str, ids: &[TaskId]) -> String {
    if ids.is_empty() {
        return format!("no failed step of workflow {root} is known: nothing was sent");
    }
    let ids: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
    format!("sent again: {}", ids.join(", "))
}

async fn show(session: &Session, root: &str) -> Result<(), Failure> {
    let result: AsyncResult<taskq_core::codec::Value> = AsyncResult::new(&session.app, root);
    let graph = session.within(result.graph()).await?;
    let failed = session.within(session.app.failed_steps(root)).await?;
    let mut rows: Vec<(String, String, String)> = Vec::with_capacity(graph.len());
    for (sender, tree, meta) in &graph {
        let state = meta.as_ref().map_or(&State::Pending, |meta| &meta.state);
        let sender = sender.map(|at| graph[at].1.id().to_owned()).unwrap_or_default();
        rows.push((tree.id().to_owned(), state.as_str().to_owned(), sender));
    }
    for step in failed.iter().filter(|step| !step.message.is_empty()) {
        match rows.iter_mut().find(|(id, ..)| *id == step.id) {
            Some((_, state, _)) => state.push_str(", can be retried"),
            None => rows.push((step.id.clone(), "FAILURE, can be retried".to_owned(), String::new())),
        }
    }
    session.out.print(
        || {
            let row = |(id, state, sender): &(String, String, String)| json!({"id": id, "state": state, "sent_by": sender});
            json!(rows.iter().map(row).collect::<Vec<_>>())
        },
        |style| {
            let mut table = Table::new([("ID", Align::Left), ("STATE", Align::Left), ("SENT BY", Align::Left)]);
            rows.iter().for_each(|(id, state, sender)| table.row([id, state, sender]));
            table.render(style)
        },
    )
}
