//! Running a failed workflow again from the steps that failed.
//!
//! Kept true here: what has succeeded is kept and not run again; what failed with a step waits for it again, under
//! the same ids. Of several who retry, one sends a step. A step is forgotten as failed only after its message was
//! published, and only that failure: one that came meanwhile stays.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    Error, ErrorKind,
    app::App,
    backend::{FailedStep, FailedSteps, State},
    broker::{Envelope, Outgoing},
    protocol::TaskId,
};

/// After this, whoever took a step and did not say that it was sent is gone.
const TAKEN_FOR: Duration = Duration::from_secs(60);

impl App {
    /// The steps of a workflow that failed on a taskq worker, and the chords that failed with them (these have no
    /// message).
    ///
    /// # Errors
    /// When the result backend keeps none or cannot be read.
    pub async fn failed_steps(&self, root: impl Into<TaskId>) -> Result<Vec<FailedStep>, Error> {
        Ok(self.failed_store().await?.of(root.into().as_str()).await?)
    }

    async fn failed_store(&self) -> Result<Arc<dyn FailedSteps>, Error> {
        self.backend().await?.failed_steps().ok_or_else(|| {
            let problem =
                "this result backend keeps no failed steps: set `result_backend` to Redis or SQLite";
            Error::new(ErrorKind::Config, problem)
        })
    }

    /// Runs a failed workflow again from the steps that failed, with the arguments they had; answers their ids.
    /// Steps that have succeeded keep their results, chords the members they have counted. `root`: the id of its
    /// first task, or of the group for a group or chord that was sent by itself.
    ///
    /// Nothing is sent when nothing failed, or somebody else does it. Failures on Python workers are not known.
    ///
    /// # Errors
    /// When the result backend keeps no failed steps, or it or the broker did not confirm; then it can be called
    /// again (at the latest after a minute).
    pub async fn retry_workflow(&self, root: impl Into<TaskId>) -> Result<Vec<TaskId>, Error> {
        self.retry_steps(root.into(), |_| true).await
    }

    /// The same from one of the steps that failed on: that step runs again, and what follows it. Others that failed
    /// stay as they are.
    ///
    /// # Errors
    /// As [`retry_workflow`](Self::retry_workflow).
    pub async fn retry_workflow_from(
        &self,
        root: impl Into<TaskId>,
        step: impl Into<TaskId>,
    ) -> Result<Vec<TaskId>, Error> {
        let step = step.into();
        self.retry_steps(root.into(), |failed| failed.id == step.as_str()).await
    }

    async fn retry_steps(
        &self,
        root: TaskId,
        wanted: impl Fn(&FailedStep) -> bool,
    ) -> Result<Vec<TaskId>, Error> {
        let failed = self.failed_store().await?;
        let mut found = failed.of(root.as_str()).await?;
        // Chords have no message: they failed with one of their members.
        found.retain(|step| step.message.is_empty() || wanted(step));
        if found.iter().all(|step| step.message.is_empty()) {
            return Ok(Vec::new());
        }
        let steps = take(&*failed, found, self.clock().now()).await?;
        let sent = self.send_again(&steps).await;
        // What was not sent can be taken by the next at once. What failed again meanwhile is another failure.
        let kept = |step: &FailedStep| sent.is_err().then(|| FailedStep { taken: None, ..step.clone() });
        let changes: Vec<_> = steps.iter().map(|step| (step.clone(), kept(step))).collect();
        let forgotten = failed.replace(&changes).await;
        let ids = sent?;
        forgotten?;
        Ok(ids)
    }

    async fn send_again(&self, steps: &[FailedStep]) -> Result<Vec<TaskId>, Error> {
        let (mut ids, mut outgoing) = (Vec::new(), Vec::new());
        let messages = steps.iter().filter(|step| !step.message.is_empty());
        let own: Vec<TaskId> = messages.clone().map(|step| TaskId::from(step.id.as_str())).collect();
        let stored = self.backend().await?.fetch(&own).await?;
        for (step, stored) in messages.zip(stored) {
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
            self.forget_failures(steps, &ids).await?;
            self.broker().await?.publish(&outgoing).await?;
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

/// Makes of these steps those ours that are nobody's.
async fn take(
    failed: &dyn FailedSteps,
    steps: Vec<FailedStep>,
    now: Timestamp,
) -> Result<Vec<FailedStep>, Error> {
    let now = now.as_second();
    let lapsed = now.saturating_sub_unsigned(TAKEN_FOR.as_secs());
    let free = steps.into_iter().filter(|step| step.taken.is_none_or(|taken| taken <= lapsed));
    let changes: Vec<_> =
        free.map(|step| (step.clone(), Some(FailedStep { taken: Some(now), ..step }))).collect();
    let ours = failed.replace(&changes).await?;
    Ok(changes.into_iter().zip(ours).filter_map(|((_, taken), ours)| taken.filter(|_| ours)).collect())
}
