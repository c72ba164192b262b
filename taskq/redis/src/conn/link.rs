//! One connection that mends itself.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, FromRedisValue, Pipeline, RedisError, ServerError, Value,
    aio::MultiplexedConnection,
};
use taskq_core::broker::BrokerError;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::Addresses;
use crate::error;

/// One connection of a link, for who must know which it is. Its socket is closed when the link has forgotten it and the
/// last of these is dropped.
#[derive(Clone)]
pub(crate) struct Line {
    generation: u64,
    era: u64,
    connection: MultiplexedConnection,
    /// The server's number for it.
    pub(crate) id: u64,
}

/// A connection made on first use and made anew after a failure. Commands of several callers share it.
#[derive(Debug)]
pub(crate) struct Link {
    addresses: Arc<Addresses>,
    connect_timeout: Duration,
    response_timeout: Duration,
    client_name: Option<String>,
    /// Counts connections, so that only the first of those who saw one fail drops it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    /// That of the addresses when it was made: of another one, it goes to a server that we have left.
    era: u64,
    connection: Option<MultiplexedConnection>,
    /// The number that the server gave it, once somebody has asked.
    id: Option<u64>,
    /// The last attempt that failed: who waited for it shares its error instead of trying once more.
    failed: Option<(Instant, RedisError)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", if self.connection.is_some() { "connected" } else { "not connected" })
    }
}

impl Link {
    pub(crate) fn new(
        addresses: Arc<Addresses>,
        connect_timeout: Duration,
        response_timeout: Duration,
        client_name: Option<String>,
    ) -> Self {
        Self { addresses, connect_timeout, response_timeout, client_name, state: Mutex::default() }
    }

    /// The same addresses on a connection of its own, with another deadline.
    pub(crate) fn sibling(&self, response_timeout: Duration) -> Self {
        Self::new(
            Arc::clone(&self.addresses),
            self.connect_timeout,
            response_timeout,
            self.client_name.clone(),
        )
    }

    pub(crate) fn addresses(&self) -> &Arc<Addresses> {
        &self.addresses
    }

    /// The addresses without passwords.
    pub(crate) fn shown(&self) -> &str {
        self.addresses.shown()
    }

    /// Connects, if it is not connected.
    pub(crate) async fn connect(&self, what: &str) -> Result<(), BrokerError> {
        self.connection(what).await.map(drop)
    }

    async fn connection(&self, what: &str) -> Result<(u64, MultiplexedConnection), BrokerError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if state.era == self.addresses.era()
            && let Some(connection) = &state.connection
        {
            return Ok((state.generation, connection.clone()));
        }
        if let Some((at, error)) = &state.failed
            && *at > asked
        {
            return Err(error::broker(what, self.shown(), error.clone()));
        }
        let mut last = None;
        for attempt in 0..self.addresses.count() {
            let opened = timeout(self.connect_timeout, self.open(attempt)).await;
            match opened.unwrap_or_else(|_| Err(super::timed_out())) {
                Ok((connection, era)) => {
                    state.failed = None;
                    state.era = era;
                    state.generation += 1;
                    state.connection = Some(connection.clone());
                    state.id = None;
                    return Ok((state.generation, connection));
                }
                // Of several errors, one that no retry mends is the one to tell.
                Err(error) if last.as_ref().is_none_or(|last| !error::is_refused(last)) => last = Some(error),
                Err(_) => {}
            }
        }
        let last = last.unwrap_or_else(|| RedisError::from((redis::ErrorKind::Io, "no address")));
        state.failed = Some((Instant::now(), last.clone()));
        Err(error::broker(what, self.shown(), last))
    }

    async fn open(&self, attempt: usize) -> Result<(MultiplexedConnection, u64), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let candidate = self.addresses.client(attempt).await?;
        let mut connection = candidate.client.get_multiplexed_async_connection_with_config(&config).await?;
        // A server that was restarted, or took over, knows no script.
        let _: () = crate::script::loading().query_async(&mut connection).await?;
        if let Some(name) = &self.client_name {
            let named: Result<(), _> =
                redis::cmd("CLIENT").arg("SETNAME").arg(name).query_async(&mut connection).await;
            if let Err(error) = named {
                tracing::debug!(%error, "could not name the connection");
            }
        }
        let era = self.addresses.answered(&candidate);
        Ok((connection, era))
    }

    /// The connection, and which it is.
    pub(crate) async fn line(&self, what: &str) -> Result<Line, BrokerError> {
        let (generation, mut connection) = self.connection(what).await?;
        let state = self.state.lock().await;
        let (era, known) = (state.era, state.id.filter(|_| state.generation == generation));
        drop(state);
        let id = match known {
            Some(id) => id,
            None => match redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await {
                Ok(id) => id,
                Err(error) => return Err(self.failed(what, generation, error).await),
            },
        };
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.id = Some(id);
        }
        Ok(Line { generation, era, connection, id })
    }

    /// Whether it goes to the server that all connections should go to.
    pub(crate) fn is_current(&self, line: &Line) -> bool {
        line.era == self.addresses.era()
    }

    /// Lets go of a connection of which nobody expects an answer any more.
    pub(crate) async fn drop_line(&self, line: Line) {
        self.forget(line.generation).await;
    }

    async fn forget(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.connection = None;
        }
    }

    /// Runs one command.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        what: &str,
        command: &redis::Cmd,
    ) -> Result<T, BrokerError> {
        let (generation, mut connection) = self.connection(what).await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(what, generation, error).await),
        }
    }

    /// Runs a pipeline.
    pub(crate) async fn pipe<T: FromRedisValue>(
        &self,
        what: &str,
        pipeline: &Pipeline,
    ) -> Result<T, BrokerError> {
        let (generation, mut connection) = self.connection(what).await?;
        match pipeline.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(what, generation, error).await),
        }
    }

    /// Runs a pipeline and gives the answer of each command, errors of the server among them: one that fails
    /// says nothing about the others.
    pub(crate) async fn each(&self, what: &str, pipeline: &Pipeline) -> Result<Vec<Value>, BrokerError> {
        let (generation, connection) = self.connection(what).await?;
        self.each_of(what, generation, connection, pipeline).await
    }

    /// The same on this connection, and on no other.
    pub(crate) async fn each_on(
        &self,
        what: &str,
        line: &Line,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, BrokerError> {
        self.each_of(what, line.generation, line.connection.clone(), pipeline).await
    }

    async fn each_of(
        &self,
        what: &str,
        generation: u64,
        mut connection: MultiplexedConnection,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, BrokerError> {
        let count = pipeline.len();
        let answers = match connection.send_packed_commands(pipeline, 0, count).await {
            Ok(answers) => answers,
            Err(error) => return Err(self.failed(what, generation, error).await),
        };
        let broken = |answer: &Value| matches!(answer, Value::ServerError(error) if error::is_broken(&error.clone().into()));
        if answers.iter().any(broken) {
            self.forget(generation).await;
        }
        Ok(answers)
    }

    /// What the server answered instead of doing `what`.
    pub(crate) fn refused(&self, what: &str, error: ServerError) -> BrokerError {
        error::broker(what, self.shown(), error.into())
    }

    async fn failed(&self, what: &str, generation: u64, error: RedisError) -> BrokerError {
        if error::is_broken(&error) {
            self.forget(generation).await;
        }
        error::broker(what, self.shown(), error)
    }

    /// A pub/sub connection of its own.
    pub(crate) async fn pubsub(&self, what: &str) -> Result<redis::aio::PubSub, BrokerError> {
        let mut last = RedisError::from((redis::ErrorKind::Io, "no address"));
        for attempt in 0..self.addresses.count() {
            let opened = async { self.addresses.client(attempt).await?.client.get_async_pubsub().await };
            match timeout(self.connect_timeout, opened).await {
                Ok(Ok(pubsub)) => return Ok(pubsub),
                Ok(Err(error)) => last = error,
                Err(_) => last = super::timed_out(),
            }
        }
        Err(error::broker(what, self.shown(), last))
    }

    /// The longest wait for an answer.
    pub(crate) fn response_timeout(&self) -> Duration {
        self.response_timeout
    }

    /// Drops the connection; the next command would make a new one.
    pub(crate) async fn close(&self) {
        self.state.lock().await.connection = None;
    }
}
