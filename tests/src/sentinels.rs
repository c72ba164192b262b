//! A master with a replica and three sentinels of one's own, for a test that kills the master.

use std::{env, ffi::OsString, fs, process::Command, time::Duration};

use redis::{Client, Connection, RedisResult, Value};
use tempfile::TempDir;

use crate::process::{Running, eventually};
use crate::{ports::free_port, redis_server::RedisServer};

/// Sentinels find each other by messages that they send every two seconds.
const STARTING: Duration = Duration::from_secs(60);

/// All five servers; they end with the test.
#[derive(Debug)]
pub struct Sentinels {
    /// Who is the master in the beginning.
    pub master: RedisServer,
    /// Who takes over.
    pub replica: RedisServer,
    // Ended before their folder goes.
    sentinels: Vec<Running>,
    ports: Vec<u16>,
    password: Option<&'static str>,
    _dir: TempDir,
}

impl Sentinels {
    /// The name of the master.
    pub const MASTER: &str = "own-master";

    /// Starts them; the sentinels, not the servers, ask for the password. Returns when a failover would work.
    ///
    /// # Panics
    /// If they do not start.
    #[must_use]
    pub fn start(password: Option<&'static str>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("sentinels-")
            .tempdir()
            .unwrap_or_else(|error| panic!("could not create a folder for sentinels: {error}"));
        let master = RedisServer::start();
        let replica = RedisServer::start();
        let () = redis::cmd("REPLICAOF")
            .arg("127.0.0.1")
            .arg(master.port())
            .query(&mut replica.connect(0))
            .unwrap_or_else(|error| panic!("could not make a replica: {error}"));
        let ports: Vec<u16> = std::iter::repeat_with(free_port).take(3).collect();
        let sentinels = ports.iter().map(|port| spawn(&dir, *port, master.port(), password)).collect();
        let all = Self { master, replica, sentinels, ports, password, _dir: dir };
        eventually("three sentinels agree", STARTING, || (0..3).all(|number| all.agrees(number)));
        all
    }

    /// Their address with a database number.
    #[must_use]
    pub fn url(&self, database: u32) -> String {
        let one = |port: &u16| format!("sentinel://127.0.0.1:{port}/{database}");
        self.ports.iter().map(one).collect::<Vec<_>>().join(";")
    }

    /// Kills one of the sentinels.
    pub fn kill_sentinel(&mut self, number: usize) {
        self.sentinels[number].kill();
    }

    /// Kills the master, see [`kill_when_replicated`].
    ///
    /// # Panics
    /// If the servers do not answer.
    pub fn kill_master(&mut self) {
        kill_when_replicated(&mut self.master, &self.replica);
    }

    fn agrees(&self, number: usize) -> bool {
        let answer: RedisResult<String> = self.sentinel(number).and_then(|mut sentinel| {
            redis::cmd("SENTINEL").arg("CKQUORUM").arg(Self::MASTER).query(&mut sentinel)
        });
        let replicas: RedisResult<Vec<Value>> = self.sentinel(number).and_then(|mut sentinel| {
            redis::cmd("SENTINEL").arg("REPLICAS").arg(Self::MASTER).query(&mut sentinel)
        });
        answer.is_ok_and(|answer| answer.starts_with("OK 3 usable"))
            && replicas.is_ok_and(|all| all.len() == 1)
    }

    fn sentinel(&self, number: usize) -> RedisResult<Connection> {
        let login = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        Client::open(format!("redis://{login}127.0.0.1:{}", self.ports[number]))?.get_connection()
    }
}

/// Kills a server when its replica has every write that was answered: replication does not wait, so a server
/// that dies at any other moment takes the last writes with it, whoever its client is.
///
/// # Panics
/// If the servers do not answer.
pub fn kill_when_replicated(master: &mut RedisServer, replica: &RedisServer) {
    let mut connection = master.connect(0);
    let () = redis::cmd("CLIENT")
        .arg(&["PAUSE", "60000", "WRITE"])
        .query(&mut connection)
        .unwrap_or_else(|error| panic!("could not pause writes: {error}"));
    eventually("the replica has everything", STARTING, || {
        let theirs = offset(&mut replica.connect(0), "slave_repl_offset:");
        theirs.is_some() && theirs == offset(&mut connection, "master_repl_offset:")
    });
    master.kill();
}

fn offset(connection: &mut Connection, name: &str) -> Option<u64> {
    let text: String = redis::cmd("INFO").arg("REPLICATION").query(connection).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

fn spawn(dir: &TempDir, port: u16, master: u16, password: Option<&str>) -> Running {
    let name = Sentinels::MASTER;
    let mut config = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\n\
         sentinel monitor {name} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {name} 1000\n\
         sentinel failover-timeout {name} 5000\n",
        dir.path().display()
    );
    if let Some(password) = password {
        config.push_str(&format!("requirepass {password}\nsentinel sentinel-pass {password}\n"));
    }
    let file = dir.path().join(format!("sentinel-{port}.conf"));
    fs::write(&file, config).unwrap_or_else(|error| panic!("could not configure a sentinel: {error}"));
    let program = env::var_os("TASKQ_TEST_REDIS_SERVER").unwrap_or_else(|| OsString::from("redis-server"));
    let mut command = Command::new(program);
    command.arg(&file).arg("--sentinel").current_dir(dir.path());
    Running::start(&mut command, dir.path().join(format!("sentinel-{port}.log")))
}
