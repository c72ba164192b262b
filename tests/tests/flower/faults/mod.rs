//! The board while something it needs is broken: what is not known is said, and it is there again by itself.

mod export;
mod input;
mod killed;
mod link;
mod measured;
mod store;
mod tell;

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{
    node::Node,
    process::{Running, eventually},
    rabbit_server::RabbitServer,
    redis_server::RedisServer,
};
use tempfile::TempDir;

use crate::board::Board;

/// Longest time for anything; on an idle machine all of it takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");

/// A broker that is broken.
enum Server {
    Redis(RedisServer),
    Rabbit(RabbitServer),
}

impl Server {
    fn redis() -> Self {
        Self::Redis(RedisServer::start())
    }

    fn rabbit() -> Self {
        Self::Rabbit(RabbitServer::start())
    }

    fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(0),
            Self::Rabbit(server) => server.url(),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Redis(server) => server.port(),
            Self::Rabbit(server) => server.port(),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Redis(server) => server.kill(),
            Self::Rabbit(server) => server.kill(),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Redis(server) => server.restart(),
            Self::Rabbit(server) => server.restart(),
        }
    }

    fn pause(&self) {
        match self {
            Self::Redis(server) => server.pause(),
            Self::Rabbit(server) => server.pause(),
        }
    }

    fn resume(&self) {
        match self {
            Self::Redis(server) => server.resume(),
            Self::Rabbit(server) => server.resume(),
        }
    }
}

/// A broker to break, results elsewhere, and a folder.
struct Place {
    broker: Server,
    results: RedisServer,
    dir: TempDir,
}

impl Place {
    fn new(broker: Server) -> Self {
        Self { broker, results: RedisServer::start(), dir: tempfile::tempdir().expect("a folder") }
    }

    /// A board, reached by everybody here, that keeps its history in a file.
    fn board(&self, name: &str) -> Board {
        self.board_on(&self.broker.url(), name)
    }

    /// The same, with another way to the broker.
    fn board_on(&self, broker: &str, name: &str) -> Board {
        let options = [
            format!("--broker={broker}"),
            format!("--result-backend={}", self.results.url(0)),
            format!("--store={}", self.file().display()),
            "--unauthenticated-api".to_owned(),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Board::start(&self.dir.path().join(format!("{name}.log")), &[("SHOP_BARE", "1")], &options)
    }

    /// Where history is.
    fn file(&self) -> PathBuf {
        self.dir.path().join("history.db")
    }

    /// Waits until a task ended, by its result.
    fn ended(&self, id: &str) {
        let mut results = self.results.connect(0);
        eventually("the task ended", PATIENCE, || {
            let stored: Option<String> = redis::cmd("GET")
                .arg(format!("celery-task-meta-{id}"))
                .query(&mut results)
                .expect("an answer");
            stored.is_some_and(|stored| stored.contains("SUCCESS"))
        });
    }

    /// A worker that runs one task at a time, and begins it anew elsewhere if it is killed.
    fn worker(&self, name: &str) -> Running {
        let conf = json!({
            "worker_send_task_events": true, "task_send_sent_event": true, "result_extended": true,
            "task_track_started": true, "task_acks_late": true, "task_reject_on_worker_lost": true,
            "worker_prefetch_multiplier": 1,
        });
        Node::new(name, &self.broker.url(), &self.results.url(0), &self.results.url(1), self.dir.path())
            .conf(conf)
            .concurrency(1)
            .start_rust(WORKER)
    }
}

/// What a board says.
fn get(board: &Board, path: &str) -> Value {
    board.get(path).body
}

fn call(board: &Board, name: &str, args: &Value) -> String {
    let body = json!({"name": format!("conf_tasks.{name}"), "args": args});
    let answer = board.ask(&json!({"method": "POST", "path": "/api/v1/calls", "json": body}));
    let id = answer.body["id"].as_str();
    id.unwrap_or_else(|| panic!("{}\n{}", answer.body, board.process.output())).to_owned()
}

/// Waits until what is said at a path is as wanted.
fn until(board: &Board, path: &str, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
    let mut said = Value::Null;
    eventually(what, PATIENCE, || {
        said = get(board, path);
        wanted(&said)
    });
    said
}

fn is_up(board: &Board, worker: &str) {
    until(board, &format!("/api/v1/workers/{worker}"), "the worker is known", |it| it["status"] == "online");
}

fn ends(board: &Board, id: &str) -> Value {
    until(board, &format!("/api/v1/tasks/{id}"), "the task succeeded", |it| it["task"]["state"] == "SUCCESS")
}

/// The rules that find something wrong.
fn rules(overview: &Value) -> Vec<&str> {
    let problems = overview["problems"].as_array().into_iter().flatten();
    problems.filter_map(|problem| problem["rule"].as_str()).collect()
}
