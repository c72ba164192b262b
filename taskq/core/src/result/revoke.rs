//! Revoking: a broadcast that every worker hears, in kombu's pidbox format.

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
    ids: Vec<TaskId>,
    terminate: bool,
    signal: String,
}

impl Revoke {
    /// Revokes these tasks.
    pub fn new(app: &App, ids: Vec<TaskId>) -> Self {
        Self { app: app.clone(), ids, terminate: false, signal: "SIGTERM".to_owned() }
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
        let id = |id: &TaskId| Value::Str(id.to_string());
        let ids = match self.ids.as_slice() {
            [one] => id(one),
            many => Value::List(many.iter().map(id).collect()),
        };
        let arguments = map([
            ("task_id", ids),
            ("terminate", Value::Bool(self.terminate)),
            ("signal", Value::Str(self.signal.clone())),
        ]);
        let body = map([
            ("method", Value::Str("revoke".to_owned())),
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
