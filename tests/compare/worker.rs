//! The tasks of the comparison for taskq: those of `worker.py`, in a program as users write it.
//!
//! `ACCOUNT_URL` is where the tasks write that they began and ended.

use std::{env, process::ExitCode, time::Duration};

use redis::{AsyncConnectionConfig, RedisError, aio::MultiplexedConnection};
use taskq::task;
use tokio::sync::OnceCell;

static ACCOUNT: OnceCell<MultiplexedConnection> = OnceCell::const_new();

async fn push(key: &str, id: &str) -> Result<(), RedisError> {
    let open = || async {
        let url = env::var("ACCOUNT_URL").unwrap_or_default();
        // As on the other side, the book may take its time: a task that cannot write there would count as lost.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
    };
    let mut connection = ACCOUNT.get_or_try_init(open).await?.clone();
    redis::cmd("RPUSH").arg(key).arg(id).query_async(&mut connection).await
}

/// Begins, takes its time, ends.
#[task(name = "compare.run")]
async fn run(id: String, seconds: f64) -> Result<(), RedisError> {
    push("starts", &id).await?;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    push("ends", &id).await
}

/// Is killed as by a kernel that is out of memory.
#[task(name = "compare.kill")]
async fn kill(id: String) -> Result<(), RedisError> {
    push("starts", &id).await?;
    let own = std::process::id().to_string();
    let _ = std::process::Command::new("kill").args(["-s", "KILL", &own]).status();
    std::future::pending().await
}

fn main() -> ExitCode {
    taskq::main()
}
