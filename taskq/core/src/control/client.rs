//! The asking side: `app.control()`.
//!
//! Kept true here: whoever asks waits no longer than the timeout says, whatever the workers do; a reply to
//! somebody else's question, or to an earlier one, is not taken for an answer.

use std::{collections::BTreeMap, future::IntoFuture, time::Duration};

use super::{Command, Matcher, exchange};
use crate::{
    BoxFuture, Error, ErrorKind,
    app::App,
    codec::{Map, Value},
};

/// How long replies are waited for. As Celery.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What each node answered, by node name.
pub type Replies = BTreeMap<String, Value>;

/// Remote control of the workers on an app's broker.
#[derive(Clone, Debug)]
pub struct Control(App);

impl App {
    /// Remote control of the workers on this app's broker.
    pub fn control(&self) -> Control {
        Control(self.clone())
    }
}

impl Control {
    /// A command, with or without arguments: `control.ask("ping").await?`.
    pub fn ask(&self, method: impl Into<String>) -> Ask {
        Ask { app: self.0.clone(), command: Command::new(method), timeout: TIMEOUT, limit: None }
    }
}

/// A question that is not asked yet. Awaiting it asks, and answers what came within the timeout.
#[must_use = "a question is asked when it is awaited"]
#[derive(Clone, Debug)]
pub struct Ask {
    app: App,
    command: Command,
    timeout: Duration,
    limit: Option<usize>,
}

impl Ask {
    /// With an argument.
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.command.arguments.insert(name.into(), value.into());
        self
    }

    /// With these arguments, by name.
    pub fn args(mut self, arguments: Map) -> Self {
        self.command.arguments.extend(arguments);
        self
    }

    /// Only to these nodes. It is over when all of them have answered.
    pub fn destination<S: Into<String>>(mut self, nodes: impl IntoIterator<Item = S>) -> Self {
        self.command.destination = Some(nodes.into_iter().map(Into::into).collect());
        self
    }

    /// Only to nodes whose names match.
    pub fn matching(mut self, matcher: Matcher) -> Self {
        self.command.matcher = Some(matcher);
        self
    }

    /// Waits so long for replies. Default: 1 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Is over after so many replies.
    pub fn limit(mut self, replies: usize) -> Self {
        self.limit = Some(replies);
        self
    }

    /// Tells, and wants no reply.
    ///
    /// # Errors
    /// When the broker cannot be reached or has no fan-out.
    pub async fn tell(mut self) -> Result<(), Error> {
        self.command.clock = self.app.tick();
        self.publish().await
    }

    async fn publish(&self) -> Result<(), Error> {
        let message = self.command.to_message().map_err(|error| {
            let text = format!("could not encode the command `{}`", self.command);
            Error::with_source(ErrorKind::Encode, text, error)
        })?;
        let exchange = exchange(&self.app.settings().control_exchange);
        Ok(self.app.broadcast().await?.publish(&exchange, "", &message).await?)
    }

    async fn ask(mut self) -> Result<Replies, Error> {
        let listener = self.app.mailbox().listen(&self.app).await?;
        self.command.ticket = Some(listener.ticket().to_owned());
        self.command.reply_to = Some(listener.to.clone());
        self.command.clock = self.app.tick();
        let now = self.app.clock().now().as_microsecond() as f64 / 1e6;
        self.command.expires = now + self.timeout.as_secs_f64();
        self.publish().await?;
        let wanted = self.limit.or(self.command.destination.as_ref().map(Vec::len)).unwrap_or(usize::MAX);
        // Whoever has not answered by then does not.
        let over = tokio::time::timeout(self.timeout, listener.heard(wanted)).await;
        let heard = listener.close().await;
        if let Ok(failed) = over {
            failed?;
        }
        self.app.adjust_clock(heard.clock);
        Ok(heard.replies)
    }
}

impl IntoFuture for Ask {
    type Output = Result<Replies, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
