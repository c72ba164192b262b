//! What Redis itself can do with the messages of a queue.
//!
//! Two connections take turns on the queue, as many as there are processor cores on the machine the goals were
//! written for; each write acknowledges the batch before and takes the next.

use std::time::Instant;

use anyhow::{Result, ensure};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Script};

/// Messages taken and acknowledged in one write. More makes it slower.
pub const BATCH: usize = 100;
/// Connections that drain.
const CONNECTIONS: usize = 2;

/// How a message is recorded as in flight.
#[derive(Debug, Clone, Copy)]
pub enum Keeping {
    /// As kombu does, in the hash `unacked` and the zset of its times, by a script.
    Unacked,
    /// Moved into a list of the owner's own.
    List,
}

/// Takes everything from `queue` and acknowledges it; messages a second.
///
/// With `results`, each acknowledgement stores a result and announces it, as Celery does.
///
/// # Errors
/// Those of the server.
pub async fn drain(url: &str, queue: &str, keeping: Keeping, results: bool) -> Result<f64> {
    let client = redis::Client::open(url)?;
    let began = Instant::now();
    let mut drains = Vec::new();
    for number in 0..CONNECTIONS {
        let connection = client.get_multiplexed_async_connection().await?;
        let drain =
            Drain { connection, queue: queue.to_owned(), owner: format!("{queue}-{number}"), results };
        drains.push(tokio::spawn(drain.run(keeping)));
    }
    let mut done = 0;
    for drain in drains {
        done += drain.await??;
    }
    ensure!(done > 0, "`{queue}` was empty");
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

struct Drain {
    connection: MultiplexedConnection,
    queue: String,
    owner: String,
    results: bool,
}

impl Drain {
    async fn run(mut self, keeping: Keeping) -> Result<usize> {
        match keeping {
            Keeping::Unacked => self.unacked().await,
            Keeping::List => self.list().await,
        }
    }

    /// `KEYS` queue, unacked, index; `ARGV` first tag, how many.
    async fn unacked(&mut self) -> Result<usize> {
        let take = Script::new(
            "local messages = redis.call('RPOP', KEYS[1], ARGV[2]) or {}
             local now = redis.call('TIME')[1]
             for at, message in ipairs(messages) do
               local tag = ARGV[1] .. ':' .. at
               redis.call('HSET', KEYS[2], tag, message)
               redis.call('ZADD', KEYS[3], now, tag)
             end
             return messages",
        );
        let (hash, index) = (format!("{}-unacked", self.owner), format!("{}-index", self.owner));
        let mut done = 0;
        let mut held: Vec<String> = Vec::new();
        loop {
            let mut pipe = redis::pipe();
            if !held.is_empty() {
                pipe.hdel(&hash, &held).ignore().zrem(&index, &held).ignore();
                self.store(&mut pipe, done, held.len());
                done += held.len();
            }
            let call = [&self.queue, &hash, &index];
            pipe.invoke_script(take.key(call[0]).key(call[1]).key(call[2]).arg(done).arg(BATCH));
            let (taken,): (Vec<Vec<u8>>,) = match pipe.query_async(&mut self.connection).await {
                Err(error) if error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript) => {
                    take.prepare_invoke().load_async(&mut self.connection).await?;
                    continue;
                }
                other => other?,
            };
            if taken.is_empty() {
                return Ok(done);
            }
            held = (1..=taken.len()).map(|at| format!("{done}:{at}")).collect();
        }
    }

    async fn list(&mut self) -> Result<usize> {
        let own = format!("{}-inflight", self.owner);
        let mut done = 0;
        let mut held: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut pipe = redis::pipe();
            for message in &held {
                pipe.lrem(&own, -1, message).ignore();
            }
            self.store(&mut pipe, done, held.len());
            done += held.len();
            for _ in 0..BATCH {
                pipe.cmd("LMOVE").arg(&self.queue).arg(&own).arg("RIGHT").arg("LEFT");
            }
            let taken: Vec<Option<Vec<u8>>> = pipe.query_async(&mut self.connection).await?;
            held = taken.into_iter().flatten().collect();
            if held.is_empty() {
                return Ok(done);
            }
        }
    }

    fn store(&self, pipe: &mut Pipeline, first: usize, count: usize) {
        if !self.results {
            return;
        }
        let value = r#"{"status":"SUCCESS","result":1,"traceback":null,"children":[],"date_done":"2026-01-01T00:00:00+00:00","task_id":"0197b0a8-7d5e-7000-8000-000000000000"}"#;
        for at in first..first + count {
            let key = format!("celery-task-meta-{}-{at}", self.owner);
            pipe.set_ex(&key, value, 3_600).ignore().publish(&key, value).ignore();
        }
    }
}
