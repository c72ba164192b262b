//! Revoking tasks, whole workflows, and what carries a stamp: a control command that every worker hears.

use std::future::IntoFuture;

use crate::{
    BoxFuture, Error,
    app::App,
    broker::{Revocation, remembered_in},
    codec::{Map, Value},
    protocol::TaskId,
};

/// A revocation that is not sent yet.
#[must_use = "a revocation is sent when it is awaited"]
#[derive(Clone, Debug)]
pub struct Revoke {
    app: App,
    what: What,
    terminate: bool,
    signal: String,
}

/// What is revoked.
#[derive(Clone, Debug)]
enum What {
    Tasks(Vec<TaskId>),
    /// Every task of these workflows, by the id of their first task.
    Workflows(Vec<TaskId>),
    /// Every task with one of these stamps.
    Stamped(Map),
}

impl What {
    fn revocations(&self) -> Vec<Revocation> {
        match self {
            Self::Tasks(ids) => ids.iter().cloned().map(Revocation::Task).collect(),
            Self::Workflows(roots) => roots.iter().map(Revocation::workflow).map(Revocation::Mark).collect(),
            Self::Stamped(stamps) => {
                let marks = stamps.iter().flat_map(|(name, value)| Revocation::stamp(name, value));
                marks.map(Revocation::Mark).collect()
            }
        }
    }
}

impl Revoke {
    /// Revokes these tasks.
    pub fn new(app: &App, ids: Vec<TaskId>) -> Self {
        Self::of(app, What::Tasks(ids))
    }

    fn of(app: &App, what: What) -> Self {
        Self { app: app.clone(), what, terminate: false, signal: "SIGTERM".to_owned() }
    }

    /// Ends it, too, if it is running.
    pub fn terminate(mut self, signal: impl Into<String>) -> Self {
        self.terminate = true;
        self.signal = signal.into();
        self
    }

    async fn send(self) -> Result<(), Error> {
        // Before it is told: a worker that starts in between reads it.
        let broker = self.app.read_broker().await?;
        let backend = match broker.capabilities().shared {
            true => None,
            false => Some(self.app.backend().await?),
        };
        if let Some(revocations) = remembered_in(&*broker, backend.as_deref()) {
            revocations.remember(&self.what.revocations()).await?;
        }
        let ids = |ids: &[TaskId]| match ids {
            [one] => Value::from(one.as_str()),
            many => many.iter().map(TaskId::as_str).collect(),
        };
        let (method, name, what) = match &self.what {
            What::Tasks(tasks) => ("revoke", "task_id", ids(tasks)),
            What::Workflows(roots) => ("revoke_workflow", "root_id", ids(roots)),
            What::Stamped(stamps) => ("revoke_by_stamped_headers", "headers", Value::Map(stamps.clone())),
        };
        let ask = self.app.control().ask(method).arg(name, what);
        ask.arg("terminate", self.terminate).arg("signal", self.signal).tell().await
    }
}

impl App {
    /// Cancels a workflow by the id of its first task: no worker starts any more of its tasks, and whoever waits
    /// for one of them is told. `.terminate("SIGTERM")` ends those that run. Chords of the workflow fail.
    /// Python workers do not know this command.
    pub fn revoke_workflow(&self, root: impl Into<TaskId>) -> Revoke {
        Revoke::of(self, What::Workflows(vec![root.into()]))
    }

    /// Revokes every task that carries this stamp, or one of these if it is a list. Celery:
    /// `control.revoke_by_stamped_headers`.
    pub fn revoke_by_stamp(&self, name: impl Into<String>, value: impl Into<Value>) -> Revoke {
        Revoke::of(self, What::Stamped(Map::from_iter([(name.into(), value.into())])))
    }
}

impl IntoFuture for Revoke {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
