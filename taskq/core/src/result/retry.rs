//! Running a failed workflow again from the steps that failed.
//!
//! Kept true here: what has succeeded is kept and not run again; what failed with a step waits for it again, under
//! the same ids. A step is forgotten as failed only after its message was published.

use std::collections::{HashMap, HashSet};

use crate::{
    Error, ErrorKind,
    app::App,
    backend::{FailedStep, State},
    broker::{Envelope, Outgoing},
    protocol::TaskId,
};

impl App {
    /// The steps of a workflow that failed on a taskq worker, and the chords that failed with them (these have no
    /// message).
    ///
    /// # Errors
    /// When the result backend keeps none or cannot be read.
    pub async fn failed_steps(&self, root: impl Into<TaskId>) -> Result<Vec<FailedStep>, Error> {
        let backend = self.backend().await?;
        let Some(failed) = backend.failed_steps() else {
            let problem =
                "this result backend keeps no failed steps: set `result_backend` to Redis or SQLite";
            return Err(Error::new(ErrorKind::Config, problem));
        };
        Ok(failed.of(root.into().as_str()).await?)
    }

    /// Runs a failed workflow again from the steps that failed, with the arguments they had; answers their ids.
    /// Steps that have succeeded keep their results, chords the members they have counted. `root`: the id of its
    /// first task, or of the group for a group or chord that was sent by itself.
    ///
    /// Nothing is sent when nothing failed, or somebody has done it before. Failures on Python workers are not known.
    ///
    /// # Errors
    /// When the result backend keeps no failed steps, or it or the broker did not confirm; then it can be called
    /// again.
    pub async fn retry_workflow(&self, root: impl Into<TaskId>) -> Result<Vec<TaskId>, Error> {
        let backend = self.backend().await?;
        let steps = self.failed_steps(root).await?;
        let (mut ids, mut outgoing) = (Vec::new(), Vec::new());
        let messages = steps.iter().filter(|step| !step.message.is_empty());
        let own: Vec<TaskId> = messages.clone().map(|step| TaskId::from(step.id.as_str())).collect();
        for (step, stored) in messages.zip(backend.fetch(&own).await?) {
            // Delivered again after all, and gone well.
            if stored.is_some_and(|meta| meta.state == State::Success) {
                continue;
            }
            let envelope = Envelope::decode(&step.message).map_err(|why| {
                Error::new(ErrorKind::Decode, format!("the failed step `{}` cannot be read: {why}", step.id))
            })?;
            ids.push(TaskId::from(step.id.as_str()));
            outgoing.push(Outgoing {
                message: envelope.message,
                exchange: envelope.exchange,
                routing_key: envelope.routing_key,
                not_before: None,
            });
        }
        if !ids.is_empty() {
            self.forget_failures(&steps, &ids).await?;
            self.broker().await?.publish(&outgoing).await?;
        }
        if let Some(failed) = backend.failed_steps() {
            failed.remove(&steps).await?;
        }
        Ok(ids)
    }

    /// So that whoever waits, waits again, and the headers are complete only with what runs now.
    async fn forget_failures(&self, steps: &[FailedStep], ids: &[TaskId]) -> Result<(), Error> {
        let backend = self.backend().await?;
        let mut stale: HashSet<TaskId> = ids.iter().cloned().collect();
        let mut headers: HashMap<&str, Vec<TaskId>> = HashMap::new();
        for step in steps {
            stale.extend(step.later.iter().cloned());
            for (group, member) in &step.headers {
                headers.entry(group).or_default().push(member.clone());
            }
        }
        if let Some(chords) = backend.chords() {
            for (group, members) in headers {
                chords.reopen(group, &members).await?;
            }
        }
        let stale: Vec<TaskId> = stale.into_iter().collect();
        Ok(backend.forget(&stale).await?)
    }
}
