//! What the tasks share: where they account, and the Python module their exceptions are of.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError};
use taskq::{Failure, Value};
use tokio::sync::OnceCell;

/// State of the worker, given to the tasks that ask for it.
#[derive(Debug)]
pub(crate) struct Interop {
    /// What the names of all tasks begin with.
    pub(crate) prefix: String,
    account: Client,
    connection: OnceCell<MultiplexedConnection>,
}

impl Interop {
    /// Checks the address; connects at the first use.
    pub(crate) fn new(prefix: String, account: &str) -> Result<Self, RedisError> {
        Ok(Self { prefix, account: Client::open(account)?, connection: OnceCell::new() })
    }

    /// Runs one command on the accounting database. It is done when this returns, and it is never repeated:
    /// after an error the task fails.
    pub(crate) async fn account<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        // A worker that was frozen finds its answer late, not never.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let open = || self.account.get_multiplexed_async_connection_with_config(&config);
        let connection = self.connection.get_or_try_init(open).await?;
        command.query_async(&mut connection.clone()).await
    }

    /// Appends to a list.
    pub(crate) async fn push(&self, key: &str, item: &str) -> Result<(), RedisError> {
        self.account(redis::cmd("RPUSH").arg(key).arg(item)).await
    }

    /// An exception of the tasks' own module.
    pub(crate) fn failure(&self, exc_type: &str, args: Vec<Value>) -> Failure {
        let module = self.prefix.strip_suffix('.').unwrap_or(&self.prefix);
        Failure::new(exc_type, "").in_module(module).with_args(args)
    }

    /// `ExpectedException(text)`
    pub(crate) fn expected(&self, text: &str) -> Failure {
        self.failure("ExpectedException", vec![Value::Str(text.to_owned())])
    }
}
