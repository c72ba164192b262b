//! Revoking tasks, whole workflows, and what carries a stamp: a broadcast that every worker hears, in kombu's
//! pidbox format.

use std::future::IntoFuture;

use crate::{
    BoxFuture, Error, ErrorKind,
    app::App,
    codec::{Map, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders, TaskId},
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
        let broker = self.app.broker().await?;
        let broadcast = broker.broadcast().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("could not revoke: `{}` has no broadcast", self.app.settings().write_url()),
            )
        })?;
        let exchange = format!("{}.pidbox", self.app.settings().control_exchange);
        Ok(broadcast.publish(&exchange, "", &self.message()?).await?)
    }

    fn message(&self) -> Result<Message, Error> {
        let encode =
            |error| Error::with_source(ErrorKind::Encode, "could not encode the command `revoke`", error);
        let ids = |ids: &[TaskId]| match ids {
            [one] => Value::Str(one.to_string()),
            many => Value::List(many.iter().map(|id| Value::Str(id.to_string())).collect()),
        };
        let (method, name, what) = match &self.what {
            What::Tasks(tasks) => ("revoke", "task_id", ids(tasks)),
            What::Workflows(roots) => ("revoke_workflow", "root_id", ids(roots)),
            What::Stamped(stamps) => ("revoke_by_stamped_headers", "headers", Value::Map(stamps.clone())),
        };
        let arguments = map([
            (name, what),
            ("terminate", Value::Bool(self.terminate)),
            ("signal", Value::Str(self.signal.clone())),
        ]);
        let body = map([
            ("method", Value::Str(method.to_owned())),
            ("arguments", arguments),
            ("destination", Value::Null),
            ("pattern", Value::Null),
            ("matcher", Value::Null),
        ]);
        let clock = i64::try_from(self.app.tick()).unwrap_or(i64::MAX);
        let headers = map([("clock", Value::Int(clock)), ("expires", Value::Int(0))]);
        Ok(Message {
            headers: RawHeaders(json::to_bytes(&headers).map_err(encode)?),
            properties: Properties { delivery_mode: DeliveryMode::Persistent, ..Properties::default() },
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("utf-8".to_owned()),
            body: json::to_bytes(&body).map_err(encode)?,
        })
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

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map>())
}

impl IntoFuture for Revoke {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
