//! Celery and taskq on one RabbitMQ.
//!
//! Each test has a virtual host of its own, so that queues do not meet.

mod control;
mod delays;
mod priorities;
mod results;
mod routing;
mod sharing;

use std::process::Command;
use std::time::Duration;

use taskq::App;
use taskq::core::codec::{Map, json as codec};
use taskq::core::config::Sources;
use taskq_tests::given;
use taskq_tests::node::Node;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;
use tempfile::TempDir;

/// One result, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// The address of a new virtual host.
pub(crate) fn new_vhost() -> String {
    let name = format!("interop-{}", uuid::Uuid::now_v7().simple());
    let ctl = given("TASKQ_TEST_RABBITMQCTL");
    for args in [vec!["add_vhost", &name], vec!["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"]] {
        let done = Command::new(&ctl).arg("--quiet").args(&args).status().expect("rabbitmqctl");
        assert!(done.success(), "rabbitmqctl {args:?}");
    }
    let url = given("TASKQ_TEST_AMQP_URL");
    format!("{}/{name}", url.trim_end_matches('/'))
}

struct Rig {
    redis: RedisServer,
    logs: TempDir,
    node: Node,
}

impl Rig {
    /// A virtual host, a node for it with results by `rpc://`, and settings that all sides share.
    fn new(name: &str, conf: serde_json::Value) -> Self {
        let redis = RedisServer::start();
        let logs = tempfile::tempdir().expect("a folder for logs");
        let node = Node::new(name, &new_vhost(), "rpc://", &redis.url(2), logs.path()).conf(conf);
        Self { redis, logs, node }
    }

    /// Results in Redis.
    fn results_in_redis(mut self) -> Self {
        self.node.backend = self.redis.url(1);
        self
    }

    /// A Rust client.
    fn app(&self) -> App {
        let conf: Map = codec::from_slice(self.node.conf.to_string().as_bytes()).expect("settings");
        let sources = Sources::none().lenient().set_all(conf);
        let sources = sources
            .set("broker_url", self.node.broker.as_str())
            .set("result_backend", self.node.backend.as_str());
        App::builder().sources(sources).build().expect("an app")
    }

    /// Runs Python that has `app`, `conf_tasks` and `add`, and answers what it printed.
    fn python(&self, code: &str) -> String {
        let code = format!(
            "import python_app, time\napp = python_app.make()\nimport conf_tasks\nadd = conf_tasks.add\n{code}"
        );
        let mut client = python::command();
        python::run(
            self.node.configure(client.args(["-c", &code])),
            &self.logs.path().join("client.log"),
            PATIENCE,
        )
    }

    /// What the tasks have written to a list, in order.
    fn recorded(&self, list: &str) -> Vec<String> {
        let mut read = redis::cmd("LRANGE");
        read.arg(list).arg(0).arg(-1).query(&mut self.redis.connect(2)).expect("an answer from redis")
    }
}
