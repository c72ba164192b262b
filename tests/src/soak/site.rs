//! One broker with its workers, and how they are made to fail.

use std::{path::PathBuf, thread::sleep, time::Duration};

use serde_json::json;
use taskq::core::config::Sources;
use taskq::{App, State, core::backend::TaskMeta, core::protocol::TaskId};
use taskq_core::broker::QueueStats;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{Soak, book::Run, fault::Fault};
use crate::{
    hole::Hole, node::Node, process::Running, rabbit_server::RabbitServer, redis_server::RedisServer,
};

/// The list that tasks append to when they end, and the one of those that Python runs.
pub(super) const BOOK: &str = "book";
pub(super) const PYTHON_BOOK: &str = "python-book";
/// The queue that Python workers consume.
pub(super) const PYTHON: &str = "python";

pub(super) const WORKERS: usize = 2;
const SLOTS: u32 = 4;
/// Seconds.
const LEASE: u32 = 3;
const STOPPING: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Redis,
    RabbitMq,
    Sqlite,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::RabbitMq => "RabbitMQ",
            Self::Sqlite => "SQLite",
        }
    }
}

enum Broker {
    Redis(RedisServer),
    RabbitMq(Box<RabbitServer>),
    Sqlite,
}

/// One broker and all around it.
pub(super) struct Site {
    pub(super) kind: Kind,
    broker: Broker,
    /// In front of the broker.
    hole: Option<Hole>,
    results: Option<RedisServer>,
    account: RedisServer,
    node: Node,
    worker: PathBuf,
    workers: Vec<Running>,
    python: Option<Running>,
    started: usize,
    pub(super) runtime: Runtime,
    // Last, as what runs writes there.
    dir: TempDir,
}

impl Site {
    /// Starts the servers and the workers.
    pub(super) fn open(soak: &Soak, kind: Kind) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let dir = tempfile::tempdir().expect("a folder");
        let (broker, port) = match kind {
            Kind::Redis => {
                let server = RedisServer::start_durable();
                let port = server.port();
                (Broker::Redis(server), Some(port))
            }
            Kind::RabbitMq => {
                let server = RabbitServer::start();
                let port = server.port();
                (Broker::RabbitMq(Box::new(server)), Some(port))
            }
            Kind::Sqlite => (Broker::Sqlite, None),
        };
        let hole = port.map(|port| runtime.block_on(Hole::before(port)));
        let results = hole.is_some().then(RedisServer::start_durable);
        let account = RedisServer::start();
        let file = format!("sqlite:{}", dir.path().join("taskq.db").display());
        let url = match (&hole, kind) {
            (Some(hole), Kind::Redis) => hole.url(0),
            (Some(hole), _) => format!("amqp://guest:guest@{}//", hole.address()),
            (None, _) => file.clone(),
        };
        let backend = results.as_ref().map_or(file, |results| results.url(0));
        let conf = json!({
            "task_acks_late": true,
            "lease": LEASE,
            // Nobody here is poisoned, and what takes seconds may well be killed more often.
            "max_deaths": 0,
            "max_deliveries": 0,
            "task_default_queue_type": queue_type(kind),
            "task_create_missing_queue_type": queue_type(kind),
            "broker_transport_options": if kind == Kind::Redis { json!({"visibility_timeout": 20}) } else { json!({}) },
        });
        let node = Node::new("w", &url, &backend, &account.url(0), dir.path()).conf(conf).concurrency(SLOTS);
        let mut site = Self {
            kind,
            broker,
            hole,
            results,
            account,
            node,
            worker: soak.worker.clone(),
            workers: Vec::new(),
            python: None,
            started: 0,
            runtime,
            dir,
        };
        for _ in 0..WORKERS {
            let worker = site.start(0);
            site.workers.push(worker);
        }
        if soak.python && kind != Kind::Sqlite {
            site.python = Some(site.node.clone().named("python@soak").queues(PYTHON).start_python());
        }
        site
    }

    /// Whether there are Python workers.
    pub(super) fn has_python(&self) -> bool {
        self.python.is_some()
    }

    fn start(&mut self, clock_offset: i64) -> Running {
        self.started += 1;
        let node = self.node.clone().named(&format!("w{}@soak", self.started));
        node.start_rust_with(&self.worker, &[("CLOCK_OFFSET", &clock_offset.to_string())])
    }

    /// A sender's.
    pub(super) fn app(&self) -> App {
        let Node { broker, backend, .. } = &self.node;
        let sources = Sources::none()
            .set("broker_url", broker.as_str())
            .set("result_backend", backend.as_str())
            .set("task_default_queue_type", queue_type(self.kind))
            .set("task_create_missing_queue_type", queue_type(self.kind));
        App::builder().sources(sources).build().expect("an app")
    }

    /// Lets something fail until it is over.
    pub(super) fn happen(&mut self, fault: Fault, victim: usize) {
        match (fault, &mut self.broker, &self.hole, &mut self.results) {
            (Fault::Frozen(time), ..) => {
                self.workers[victim].pause();
                sleep(time);
                self.workers[victim].resume();
            }
            (Fault::BrokerKilled(time), Broker::Redis(server), ..) => {
                server.kill();
                sleep(time);
                server.restart();
            }
            (Fault::BrokerKilled(time), Broker::RabbitMq(server), ..) => {
                server.kill();
                sleep(time);
                server.restart();
            }
            (Fault::BackendKilled(time), _, _, Some(server)) => {
                server.kill();
                sleep(time);
                server.restart();
            }
            (Fault::Reset, _, Some(hole), _) => hole.reset(),
            (Fault::Blackhole(time), _, Some(hole), _) => {
                hole.close();
                sleep(time);
                hole.open();
            }
            (Fault::Slow(takes, time), _, Some(hole), _) => {
                hole.slow(takes);
                sleep(time);
                hole.slow(Duration::ZERO);
            }
            (Fault::ClockShifted(offset), ..) => {
                self.workers[victim].kill();
                self.workers[victim] = self.start(offset);
            }
            (Fault::Killed, ..) => {
                self.workers[victim].kill();
                self.workers[victim] = self.start(0);
            }
            (fault, ..) => unreachable!("{fault:?} does not happen to {}", self.kind.name()),
        }
    }

    /// # Panics
    /// If a worker ended by itself.
    pub(super) fn all_live(&mut self) {
        for worker in &mut self.workers {
            if let Some(status) = worker.exited() {
                panic!("{}: a worker ended by itself with {status}:\n{}", self.kind.name(), worker.output());
            }
        }
    }

    /// Stops the workers as an init system does.
    pub(super) fn stop(&mut self) {
        for worker in &mut self.workers {
            worker.terminate();
            let status = worker.wait(STOPPING);
            assert!(status.success(), "a worker ended with {status}:\n{}", worker.output());
        }
    }

    /// Keeps the logs of the workers; answers where.
    pub(super) fn keep(&mut self) -> String {
        self.dir.disable_cleanup(true);
        self.dir.path().display().to_string()
    }

    /// What is in the queue: ready, delayed, in flight, dead; `None` while nobody can say.
    pub(super) fn left(&self, app: &App) -> Option<[u64; 4]> {
        self.runtime.block_on(async {
            let admin = app.broker().await.ok()?.admin().expect("a broker that can be looked into");
            let stats = admin.stats(&["celery".to_owned()]).await.ok()?;
            let sum = |of: fn(&QueueStats) -> u64| stats.iter().map(of).sum();
            Some([
                sum(|queue| queue.ready),
                sum(|queue| queue.delayed),
                sum(|queue| queue.in_flight),
                sum(|queue| queue.dead),
            ])
        })
    }

    /// Which of these results are not there, or no success.
    pub(super) fn unstored(&self, app: &App, ids: &[String]) -> Vec<String> {
        let tasks: Vec<TaskId> = ids.iter().map(|id| TaskId::from(id.as_str())).collect();
        let metas = self.runtime.block_on(async {
            let backend = app.backend().await.expect("a result backend");
            backend.fetch(&tasks).await.expect("results")
        });
        let is_success =
            |meta: &Option<TaskMeta>| meta.as_ref().is_some_and(|meta| meta.state == State::Success);
        let others = ids.iter().zip(metas).filter(|(_, meta)| !is_success(meta));
        others.map(|(id, meta)| format!("{id}: {meta:?}")).collect()
    }

    /// The runs in a book, the last so many or all (0).
    pub(super) fn runs(&self, book: &str, last: isize) -> Vec<Run> {
        let lines: Vec<String> = redis::cmd("LRANGE")
            .arg(book)
            .arg(-last)
            .arg(-1)
            .query(&mut self.account.connect(0))
            .expect("an answer from redis");
        lines.iter().map(|line| Run::read(line)).collect()
    }
}

fn queue_type(kind: Kind) -> &'static str {
    if kind == Kind::RabbitMq { "quorum" } else { "classic" }
}
