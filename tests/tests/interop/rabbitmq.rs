//! Celery and taskq on one RabbitMQ: results by `rpc://`, and delayed messages.
//!
//! Each test has a virtual host of its own, so that queues do not meet.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use taskq::App;
use taskq::core::backend::State;
use taskq::core::config::Sources;
use taskq_tests::node::Node;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;
use tempfile::TempDir;

use crate::WORKER;
use crate::client::{add, raise_error};

/// One result, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// The address of a new virtual host.
fn new_vhost() -> String {
    let name = format!("interop-{}", uuid::Uuid::now_v7().simple());
    let ctl = env::var_os("TASKQ_TEST_RABBITMQCTL").expect("run the tests with `cargo xtask test`");
    for args in [vec!["add_vhost", &name], vec!["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"]] {
        let done = Command::new(&ctl).arg("--quiet").args(&args).status().expect("rabbitmqctl");
        assert!(done.success(), "rabbitmqctl {args:?}");
    }
    let url = env::var("TASKQ_TEST_AMQP_URL").expect("run the tests with `cargo xtask test`");
    format!("{}/{name}", url.trim_end_matches('/'))
}

struct Rig {
    url: String,
    _redis: RedisServer,
    logs: TempDir,
    node: Node,
}

impl Rig {
    fn new(name: &str, conf: serde_json::Value) -> Self {
        let (url, redis) = (new_vhost(), RedisServer::start());
        let logs = tempfile::tempdir().expect("a folder for logs");
        let node = Node::new(name, &url, "rpc://", &redis.url(2), logs.path()).conf(conf);
        Self { url, _redis: redis, logs, node }
    }

    fn app(&self) -> App {
        let sources = Sources::none().set("broker_url", self.url.as_str()).set("result_backend", "rpc://");
        App::builder().sources(sources).build().expect("an app")
    }

    /// Runs Python that has `app` and `add`, and answers what it printed.
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_a_python_worker_come_by_rpc() {
    let rig = Rig::new("py@rpc", json!({}));
    let _worker = rig.node.start_python();
    let app = rig.app();
    let sent: Vec<_> = {
        let mut sent = Vec::new();
        for number in 0..50 {
            sent.push(add.delay(number, 1).app(&app).await.expect("sent"));
        }
        sent
    };
    // Not in the order in which they were sent: those for others are kept.
    for (number, result) in sent.iter().enumerate().rev() {
        let sum = result.get().timeout(PATIENCE).await.expect("a result");
        assert_eq!(sum, i64::try_from(number).expect("a small number") + 1);
    }
    let failed = raise_error.delay().app(&app).await.expect("sent");
    assert!(failed.get().timeout(PATIENCE).await.is_err(), "the failure came as a success");
    assert_eq!(failed.state().await.expect("a state"), State::Failure);
    app.close().await.expect("close");
}

#[test]
fn results_of_a_rust_worker_come_by_rpc() {
    let rig = Rig::new("rs@rpc", json!({"task_track_started": true}));
    let _worker = rig.node.start_rust(WORKER);
    let output = rig.python(
        "results = [add.delay(n, 1) for n in range(50)]\n\
         print(sum(r.get(timeout=60) for r in reversed(results)))",
    );
    assert!(output.contains("1275"), "{output}");
}

/// A classic queue on a direct exchange: the message waits in the broker, and a Python worker that knows nothing
/// of it gets it in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_countdown_waits_in_the_broker_for_a_python_worker() {
    let rig = Rig::new("py@delay", json!({}));
    let worker = rig.node.start_python();
    let app = rig.app();
    let began = Instant::now();
    let wait = Duration::from_secs(3);
    let result = add.with().app(&app).countdown(wait).delay(2, 3).await.expect("sent");
    let sum = result.get().timeout(PATIENCE).await.expect("a result");
    assert_eq!(sum, 5);
    assert!(began.elapsed() >= wait, "{:?} early", began.elapsed());
    // Celery logs what it takes before its time with its ETA.
    assert!(!worker.output().contains("ETA:"), "{}", worker.output());
    app.close().await.expect("close");
    worker.terminate();
}

/// A quorum queue on a topic exchange: Celery delays by itself, through queues that the Rust worker declared.
#[test]
fn a_python_countdown_on_a_quorum_queue_reaches_a_rust_worker() {
    let conf = json!({
        "task_default_queue_type": "quorum",
        "task_default_exchange_type": "topic",
        "worker_detect_quorum_queues": true,
    });
    let rig = Rig::new("rs@quorum", conf);
    let _worker = rig.node.start_rust(WORKER);
    let output = rig.python(
        "began = time.time()\n\
         result = add.apply_async((2, 3), countdown=3)\n\
         print('sum', result.get(timeout=60), 'late enough', time.time() - began >= 3)",
    );
    assert!(output.contains("sum 5 late enough True"), "{output}");
}
