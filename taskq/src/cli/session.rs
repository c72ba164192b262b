//! What every command works with: the app, and where its words go.

use std::{future::Future, sync::Arc, time::Duration};

use taskq_core::{
    Error, ErrorKind,
    app::App,
    backend::ResultBackend,
    broker::{Broker, BrokerAdmin},
    protocol::TaskId,
};

use super::{Exit, Failure, Output};

/// Longest time a command waits for one answer of the broker or the backend.
const DEADLINE: Duration = Duration::from_secs(5);

/// A command's surroundings.
#[derive(Debug)]
pub(crate) struct Session {
    /// The app, with its settings and tasks.
    pub(crate) app: App,
    /// Where words go.
    pub(crate) out: Output,
    /// How the program is called.
    pub(crate) program: String,
}

impl Session {
    /// The broker, connected.
    pub(crate) async fn broker(&self) -> Result<Arc<dyn Broker>, Failure> {
        self.within(self.app.broker()).await
    }

    /// The result backend, connected.
    pub(crate) async fn backend(&self) -> Result<Arc<dyn ResultBackend>, Failure> {
        self.within(self.app.backend()).await
    }

    /// The broker's view into queues.
    pub(crate) async fn admin(&self) -> Result<Arc<dyn BrokerAdmin>, Failure> {
        self.broker().await?.admin().ok_or_else(|| {
            let url = &self.app.settings().broker_url;
            Failure::new(
                Exit::Failed,
                format!("the broker `{url}` does not let anybody look into its queues"),
            )
        })
    }

    /// The queues this program consumes by default.
    pub(crate) fn own_queues(&self) -> Vec<String> {
        self.app.routing().worker_queues().iter().map(|queue| queue.name.clone()).collect()
    }

    /// The queues of the settings and those the broker knows, sorted.
    pub(crate) async fn all_queues(&self, admin: &dyn BrokerAdmin) -> Result<Vec<String>, Failure> {
        let mut queues = self.within(admin.queues()).await?;
        queues.extend(self.own_queues());
        queues.sort();
        queues.dedup();
        Ok(queues)
    }

    /// Whether the broker answers.
    pub(crate) async fn ping_broker(&self) -> Result<(), Error> {
        let broker = self.bounded(self.app.broker()).await?;
        match broker.admin() {
            Some(admin) => self.bounded(admin.queues()).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whether the result backend answers.
    pub(crate) async fn ping_backend(&self) -> Result<(), Error> {
        if self.app.settings().backend_url().scheme() == "disabled" {
            return Ok(());
        }
        let backend = self.bounded(self.app.backend()).await?;
        self.bounded(backend.fetch(&[TaskId::from("ping")])).await.map(drop)
    }

    /// Waits for one answer, but not for ever.
    pub(crate) async fn within<T, E: Into<Error>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        Ok(self.bounded(answer).await?)
    }

    async fn bounded<T, E: Into<Error>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("`{}` did not answer within {DEADLINE:?}", self.app.settings().broker_url),
            )),
        }
    }
}
