//! Who is compared, and how its worker is started.

use std::{env, fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{process::Running, python};

const STARTING: Duration = Duration::from_secs(180);

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Celery with its defaults.
    Celery,
    /// Celery as its documentation advises who wants to lose nothing and to notice soon: late acknowledgement,
    /// requeueing of what lost its process, no prefetching, and times like those of taskq.
    Careful,
    /// taskq with its defaults.
    Taskq,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Celery, Self::Careful, Self::Taskq];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Celery => "Celery, as it comes",
            Self::Careful => "Celery, careful",
            Self::Taskq => "taskq, as it comes",
        }
    }

    /// Its settings, with those that a fault asks for.
    fn conf(self, broker: &str, more: &Value) -> Value {
        let mut conf = match self {
            Self::Celery | Self::Taskq => json!({}),
            Self::Careful => json!({
                "task_acks_late": true,
                "task_reject_on_worker_lost": true,
                "worker_prefetch_multiplier": 1,
                "worker_cancel_long_running_tasks_on_connection_loss": true,
            }),
        };
        if self == Self::Careful && broker.starts_with("redis:") {
            conf["broker_transport_options"] = json!({
                "visibility_timeout": 30,
                "unacked_restore_throttle": 1,
                "health_check_interval": 10,
                "socket_timeout": 10,
                "socket_connect_timeout": 5,
                "socket_keepalive": true,
            });
        } else if self == Self::Careful {
            conf["broker_heartbeat"] = json!(10);
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            match (conf.get_mut(name).and_then(Value::as_object_mut), value) {
                (Some(known), Value::Object(more)) => known.extend(more.clone()),
                _ => conf[name] = value.clone(),
            }
        }
        conf
    }

    /// Starts a worker with four slots in `dir` and waits until it consumes.
    pub(crate) fn start(self, name: &str, broker: &str, account: &str, more: &Value, dir: &Path) -> Running {
        let conf = self.conf(broker, more);
        let mut command = if self == Self::Taskq {
            let own = env::current_exe().expect("the path of this program");
            // JSON's scalars and inline tables without nesting are written alike in TOML but for the colon.
            let options = conf.as_object().into_iter().flatten();
            let lines: String = options.map(|(name, value)| format!("{name} = {value}\n")).collect();
            fs::write(dir.join("taskq.toml"), format!("broker_url = \"{broker}\"\n{lines}"))
                .expect("a settings file");
            let mut command = Command::new(own.with_file_name("compare-worker"));
            command.args(["worker", "-c", "4", "-l", "INFO", "-n", name]);
            command
        } else {
            let mut command = python::command();
            let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/compare");
            command.env("PYTHONPATH", dir).env("BROKER_URL", broker).env("CONF", conf.to_string());
            command.args(["-m", "celery", "-A", "worker", "worker", "-c", "4", "-l", "INFO", "-n", name]);
            command
        };
        command.env("ACCOUNT_URL", account).current_dir(dir);
        let mut worker = Running::start(&mut command, dir.join(format!("{name}.log")));
        worker.wait_for_output("ready", STARTING);
        worker
    }
}
