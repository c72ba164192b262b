//! A Redis of one's own for a test that fills, stops or kills it.

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use redis::{Client, Connection};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::{Running, eventually};

/// How long a server may take to answer for the first time.
const STARTING: Duration = Duration::from_secs(20);
/// How often another port is tried when somebody else took the first one.
const TRIES: u32 = 5;

/// A Redis server that ends with the test. It writes nothing but its log, unless it is durable.
#[derive(Debug)]
pub struct RedisServer {
    // Ended before its folder goes.
    process: Running,
    port: u16,
    dir: TempDir,
    durable: bool,
}

impl RedisServer {
    /// Starts a server on a free port: `TASKQ_TEST_REDIS_SERVER`, else the `redis-server` of `PATH`.
    ///
    /// # Panics
    /// If there is none, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// The same, but every write is on disk before it is answered: [`restart`](Self::restart) finds all of them.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_durable() -> Self {
        Self::start_with(true)
    }

    fn start_with(durable: bool) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("redis-")
            .tempdir()
            .unwrap_or_else(|error| panic!("could not create a folder for redis: {error}"));
        for _ in 0..TRIES {
            let port = free_port();
            let mut process = spawn(&dir, port, durable);
            if answers(&mut process, port) {
                return Self { process, port, dir, durable };
            }
        }
        panic!("redis did not start on any of {TRIES} ports");
    }

    /// Its URL with a database number.
    #[must_use]
    pub fn url(&self, database: u32) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    /// A blocking connection to one of its databases, for looking at what is stored.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn connect(&self, database: u32) -> Connection {
        let url = self.url(database);
        Client::open(url.as_str())
            .and_then(|client| client.get_connection())
            .unwrap_or_else(|error| panic!("could not connect to `{url}`: {error}"))
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops its process: connections stay open, nothing is answered.
    ///
    /// # Panics
    /// If it cannot be stopped.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it cannot be told.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args(["-s", signal, "--", &self.process.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "could not send {signal} to redis");
    }

    /// Kills it; everything in it is gone, unless it is durable.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port: empty, unless it is durable.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(&self.dir, self.port, self.durable);
        assert!(
            answers(&mut self.process, self.port),
            "redis did not start again:\n{}",
            self.process.output()
        );
    }
}

fn spawn(dir: &TempDir, port: u16, durable: bool) -> Running {
    let append: &[&str] = if durable { &["yes", "--appendfsync", "always"] } else { &["no"] };
    let program = env::var_os("TASKQ_TEST_REDIS_SERVER").unwrap_or_else(|| OsString::from("redis-server"));
    let mut command = Command::new(program);
    command
        .args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--databases",
            "128",
            "--appendonly",
        ])
        .args(append)
        .current_dir(dir.path());
    Running::start(&mut command, dir.path().join("redis.log"))
}

/// Waits for the first answer; `false` if the server ended instead, because its port was taken.
fn answers(process: &mut Running, port: u16) -> bool {
    let url = format!("redis://127.0.0.1:{port}/");
    let mut up = false;
    eventually("redis answers", STARTING, || {
        up = Client::open(url.as_str())
            .and_then(|client| client.get_connection())
            .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection))
            .is_ok();
        up || process.exited().is_some()
    });
    up && process.exited().is_none()
}
