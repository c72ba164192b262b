//! Workers of either language, started the way `tests/src/bin/interop-worker` describes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Running;
use crate::python;

/// How long a worker may take until it consumes.
const STARTING: Duration = Duration::from_secs(60);

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where messages come from.
    pub broker: String,
    /// Where results go; empty: nowhere.
    pub backend: String,
    /// Where accounting tasks write.
    pub account: String,
    /// The node name, complete.
    pub name: String,
    /// Queues, with commas.
    pub queues: String,
    /// How many tasks may run at once.
    pub concurrency: u32,
    /// What a Python worker runs tasks in; a Rust worker does as it pleases.
    pub pool: String,
    /// What the names of the tasks begin with.
    pub prefix: String,
    /// Settings, by Celery's names.
    pub conf: Value,
    /// Where it logs.
    pub logs: PathBuf,
}

impl Node {
    /// A worker on `celery` with four tasks at once and no settings.
    #[must_use]
    pub fn new(name: &str, broker: &str, backend: &str, account: &str, logs: &Path) -> Self {
        Self {
            broker: broker.to_owned(),
            backend: backend.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            queues: "celery".to_owned(),
            concurrency: 4,
            pool: "threads".to_owned(),
            prefix: "conf_tasks.".to_owned(),
            conf: json!({}),
            logs: logs.to_path_buf(),
        }
    }

    /// The same with other settings.
    #[must_use]
    pub fn conf(mut self, conf: Value) -> Self {
        self.conf = conf;
        self
    }

    /// The same with another node name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The same on other queues.
    #[must_use]
    pub fn queues(mut self, queues: &str) -> Self {
        queues.clone_into(&mut self.queues);
        self
    }

    /// The same with another number of tasks at once.
    #[must_use]
    pub fn concurrency(mut self, concurrency: u32) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The same with another pool for Python.
    #[must_use]
    pub fn pool(mut self, pool: &str) -> Self {
        pool.clone_into(&mut self.pool);
        self
    }

    /// Starts the Rust worker, whose executable is `binary`, and waits until it consumes.
    #[must_use]
    pub fn start_rust(&self, binary: &str) -> Running {
        self.start(Command::new(binary))
    }

    /// The same with further variables.
    #[must_use]
    pub fn start_rust_with(&self, binary: &Path, variables: &[(&str, &str)]) -> Running {
        let mut command = Command::new(binary);
        command.envs(variables.iter().copied());
        self.start(command)
    }

    /// Starts a Celery worker with the same tasks and waits until it consumes.
    #[must_use]
    pub fn start_python(&self) -> Running {
        self.start(python::script("python_worker.py"))
    }

    /// Starts the scheduler of the interop worker, whose executable is `binary`.
    #[must_use]
    pub fn start_rust_beat(&self, binary: &str) -> Running {
        let mut command = Command::new(binary);
        command.arg("beat").env("SCHEDULE_FILE", self.logs.join(format!("{}.schedule", self.name)));
        self.configure(&mut command);
        Running::start(&mut command, self.logs.join(format!("{}.log", self.name)))
    }

    /// Starts Celery's beat.
    #[must_use]
    pub fn start_python_beat(&self) -> Running {
        let mut command = python::script("python_beat.py");
        command.env("SCHEDULE_FILE", self.logs.join(format!("{}.schedule", self.name)));
        self.configure(&mut command);
        Running::start(&mut command, self.logs.join(format!("{}.log", self.name)))
    }

    /// Gives a client or worker the addresses and settings of this node.
    pub fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("BROKER_URL", &self.broker)
            .env("RESULT_BACKEND", &self.backend)
            .env("ACCOUNT_URL", &self.account)
            .env("QUEUES", &self.queues)
            .env("CONCURRENCY", self.concurrency.to_string())
            .env("POOL", &self.pool)
            .env("HOSTNAME", &self.name)
            .env("CONF", self.conf.to_string())
            .env("TASK_PREFIX", &self.prefix)
            .env("MINGLE", "0")
            .env("LOGLEVEL", "INFO")
    }

    fn start(&self, mut command: Command) -> Running {
        self.configure(&mut command);
        let mut running = Running::start(&mut command, self.logs.join(format!("{}.log", self.name)));
        running.wait_for_output("ready", STARTING);
        running
    }
}
