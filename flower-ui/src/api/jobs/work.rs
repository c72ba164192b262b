//! What a job does, one step after the other.
//!
//! Kept true here: a step is done or says why not; a letter that somebody took meanwhile is not replayed twice.

use serde_json::{Value as Json, json};
use taskq_core::{Timestamp, broker::Outgoing, codec::Value, result::AsyncResult};

use crate::{
    api::{
        body::Body,
        dead::{Letter, mark},
        problem::Problem,
        queues::admin,
        schedules,
        tasks::again,
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// What may be done to many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Retry,
    Revoke,
    Terminate,
    Forget,
}

/// The steps of a job.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// The same to tasks.
    Tasks(Action, Vec<String>),
    /// Letters, back to their queues or to another one.
    Replay { letters: Vec<Letter>, to: Option<String> },
    /// Due times of a schedule that have passed.
    Backfill { entry: String, due: Vec<Timestamp> },
}

impl Work {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Tasks(_, ids) => ids.len(),
            Self::Replay { letters, .. } => letters.len(),
            Self::Backfill { due, .. } => due.len(),
        }
    }

    /// For the audit log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Tasks(Action::Retry, _) => "job.retry",
            Self::Tasks(Action::Revoke, _) => "job.revoke",
            Self::Tasks(Action::Terminate, _) => "job.terminate",
            Self::Tasks(Action::Forget, _) => "job.forget",
            Self::Replay { .. } => "job.replay",
            Self::Backfill { .. } => "job.backfill",
        }
    }

    pub(super) fn permission(&self) -> Permission {
        match self {
            Self::Tasks(action, _) => action.permission(),
            Self::Replay { .. } => Permission::DeadReplay,
            Self::Backfill { .. } => Permission::ScheduleRun,
        }
    }

    /// The task that a step brings about, where it is known before.
    pub(super) fn task(&self, step: usize) -> Option<&str> {
        match self {
            Self::Replay { letters, .. } => letters.get(step)?.task_id.as_deref(),
            _ => None,
        }
    }

    /// What a step is called when it fails.
    pub(super) fn name(&self, step: usize) -> String {
        match self {
            Self::Tasks(_, ids) => ids.get(step).cloned(),
            Self::Replay { letters, .. } => letters.get(step).map(|letter| letter.id.clone()),
            Self::Backfill { due, .. } => due.get(step).map(ToString::to_string),
        }
        .unwrap_or_default()
    }

    /// Whether somebody's permission reaches a step.
    async fn require(&self, shared: &Shared, caller: &Caller, step: usize) -> Result<(), Problem> {
        let permission = self.permission();
        match self {
            Self::Tasks(_, ids) => caller.require_on_task(shared, permission, &ids[step]).await?,
            Self::Replay { letters, to } => {
                let letter = &letters[step];
                for queue in [Some(&letter.queue), to.as_ref()].into_iter().flatten() {
                    caller.require_on(permission, Target::task(letter.name.as_deref(), Some(queue)))?;
                }
            }
            Self::Backfill { .. } => caller.require(permission)?,
        }
        Ok(())
    }

    /// Does one step.
    pub(super) async fn step(&self, shared: &Shared, caller: &Caller, step: usize) -> Result<(), Problem> {
        self.require(shared, caller, step).await?;
        match self {
            Self::Tasks(action, ids) => task(shared, caller, *action, &ids[step]).await,
            Self::Replay { letters, to } => replay(shared, caller, &letters[step], to.as_deref()).await,
            Self::Backfill { entry, due } => schedules::send(shared, entry, due[step]).await,
        }
    }

    pub(super) fn shown(&self) -> Json {
        match self {
            Self::Tasks(..) => json!({"tasks": self.len()}),
            Self::Replay { to, .. } => json!({"letters": self.len(), "to": to}),
            Self::Backfill { entry, due } => json!({
                "entry": entry, "runs": due.len(),
                "from": due.first().map(ToString::to_string), "to": due.last().map(ToString::to_string),
            }),
        }
    }
}

impl Action {
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "retry" => Self::Retry,
            "revoke" => Self::Revoke,
            "terminate" => Self::Terminate,
            "forget" => Self::Forget,
            _ => return None,
        })
    }

    fn permission(self) -> Permission {
        match self {
            Self::Retry => Permission::TaskRetry,
            Self::Revoke => Permission::TaskRevoke,
            Self::Terminate => Permission::TaskTerminate,
            Self::Forget => Permission::TaskDelete,
        }
    }
}

async fn task(shared: &Shared, caller: &Caller, action: Action, id: &str) -> Result<(), Problem> {
    let result = AsyncResult::<Value>::new(&shared.app, id);
    let told = match action {
        Action::Retry => return again(shared, caller, id, &Body::default()).await.map(drop),
        Action::Revoke => result.revoke().await,
        Action::Terminate => result.revoke().terminate("SIGTERM").await,
        Action::Forget => result.forget().await,
    };
    told.map_err(|error| Problem::unavailable("it could not be told", &error))
}

async fn replay(shared: &Shared, caller: &Caller, letter: &Letter, to: Option<&str>) -> Result<(), Problem> {
    let failed =
        |error: &dyn std::error::Error| Problem::unavailable("the dead letter cannot be replayed", error);
    let gone = || Problem::missing("somebody replayed or deleted it meanwhile");
    let admin = admin(shared).await?;
    let ids = std::slice::from_ref(&letter.id);
    match to.filter(|to| *to != letter.queue) {
        None => {
            let count = admin.replay(&letter.queue, ids).await.map_err(|error| failed(&error))?;
            if count == 0 {
                return Err(gone());
            }
        }
        Some(to) => {
            let found = crate::api::dead::find(shared, &letter.queue, &letter.id).await?.ok_or_else(gone)?;
            let message = found.message.ok_or_else(|| {
                Problem::conflict("the message cannot be read, and so goes back only to its own queue")
            })?;
            let broker = shared.app.broker().await.map_err(|error| failed(&error))?;
            // Stored there before it is removed here: an error in between may double, never lose.
            broker.publish(&[Outgoing::to_queue(to, message)]).await.map_err(|error| failed(&error))?;
            admin.forget_dead(&letter.queue, ids).await.map_err(|error| failed(&error))?;
        }
    }
    mark(shared, caller, letter, "replayed", letter.task_id.as_deref()).await;
    Ok(())
}
