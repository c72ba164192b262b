//! `result`: what became of a task.

use std::time::Duration;

use clap::Args;
use taskq_core::{
    backend::{ResultBackend, WaitError},
    protocol::TaskId,
};

use super::{Exit, Failure, Session, meta, time_arg};
use crate::progress;

/// Print the result of a task
#[derive(Args, Debug)]
pub(crate) struct ResultOf {
    /// Id of the task
    id: String,

    /// Wait for the result, at most so many seconds if given (`--wait=10`)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = time_arg::duration)]
    wait: Option<Option<Duration>>,

    /// Print the text of the error as the worker stored it
    #[arg(long)]
    traceback: bool,

    /// Celery's option; not needed
    #[arg(short = 't', long, value_name = "NAME", hide = true)]
    task: Option<String>,
}

impl ResultOf {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let id = TaskId::from(self.id.as_str());
        let backend = session.backend().await?;
        match self.wait {
            Some(limit) => wait(session, &*backend, &id, limit, self.traceback).await,
            None => {
                let found = session.within(backend.fetch(std::slice::from_ref(&id))).await?;
                meta::print(session.out, &id, found.into_iter().flatten().next(), self.traceback)
            }
        }
    }
}

/// Waits for the end of a task and prints it.
pub(super) async fn wait(
    session: &Session,
    backend: &dyn ResultBackend,
    id: &TaskId,
    limit: Option<Duration>,
    traceback: bool,
) -> Result<(), Failure> {
    let spinner = progress::spinner(session.out.draws_progress(), format!("waiting for {id}"));
    let ended = backend.wait(id, limit).await;
    spinner.finish_and_clear();
    match ended {
        Ok(found) => meta::print(session.out, id, Some(found), traceback),
        Err(WaitError::Failed(_) | WaitError::Revoked { .. }) => {
            let found = session.within(backend.fetch(std::slice::from_ref(id))).await?;
            meta::print(session.out, id, found.into_iter().flatten().next(), traceback)
        }
        Err(error @ WaitError::Timeout { .. }) => Err(Failure::new(Exit::NotReady, error.to_string())
            .hint("it may still run: is a worker there that consumes its queue?")),
        Err(error) => Err(taskq_core::Error::from(error).into()),
    }
}
