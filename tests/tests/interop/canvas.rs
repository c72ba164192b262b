//! A real Celery program sends canvases of every shape; each result is compared with Celery's rules.
//!
//! The cases stand in `tests/python/canvas_*.py`. They run against Python's own worker too: what they expect is
//! Celery's behaviour, not ours.

use std::time::Duration;

use taskq_tests::node::Node;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;
use crate::rabbitmq::new_vhost;

/// All cases, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(220);

/// A Redis, a broker, and a worker of each language that is not started yet.
struct Place {
    logs: tempfile::TempDir,
    redis: RedisServer,
    broker: String,
    backend: String,
}

impl Place {
    fn new() -> Self {
        let redis = RedisServer::start();
        let (broker, backend) = (redis.url(0), redis.url(1));
        Self { logs: tempfile::tempdir().expect("a folder for logs"), redis, broker, backend }
    }

    /// Messages in a virtual host of their own on RabbitMQ.
    fn rabbitmq() -> Self {
        Self { broker: new_vhost(), ..Self::new() }
    }

    fn node(&self, name: &str) -> Node {
        Node::new(name, &self.broker, &self.backend, &self.redis.url(2), self.logs.path())
    }
}

/// Runs the driver and prints the line that counts.
fn drive(node: &Node, arguments: &[&str]) {
    let mut driver = python::script("canvas_cases.py");
    let log = node.logs.join("canvas_cases.log");
    let output = python::run(node.configure(driver.args(arguments)), &log, PATIENCE);
    println!("{}", output.lines().find(|line| line.contains(" cases, ")).expect("a line that counts"));
}

#[test]
fn canvases_on_a_python_worker_give_what_the_cases_expect() {
    let place = Place::new();
    let node = place.node("py@canvas");
    let _worker = node.start_python();
    // Celery leaves some results pending for ever, where our workers end them.
    drive(&node, &["--without", "sound"]);
}

#[test]
fn canvases_on_a_rust_worker_give_what_celery_gives() {
    let place = Place::new();
    let node = place.node("rust@canvas");
    let _worker = node.start_rust(WORKER);
    drive(&node, &[]);
}

#[test]
fn canvases_that_cannot_be_right_end_on_a_rust_worker() {
    let place = Place::new();
    let node = place.node("rust@bad");
    let _worker = node.start_rust(WORKER);
    drive(&node, &["--bad"]);
}

#[test]
fn canvases_alternate_between_a_python_and_a_rust_worker() {
    let place = Place::new();
    let node = place.node("rust@mixed").queues("rust,celery");
    let _rust = node.start_rust(WORKER);
    let _python = place.node("py@mixed").queues("python,celery").start_python();
    drive(&node, &["--mixed"]);
}

#[test]
fn canvases_run_on_whichever_worker_is_free() {
    let place = Place::new();
    let node = place.node("rust@both");
    let _rust = node.start_rust(WORKER);
    let _python = place.node("py@both").start_python();
    drive(&node, &["--without", "sound"]);
}

#[test]
fn canvases_over_rabbitmq_on_a_rust_worker_give_what_celery_gives() {
    let place = Place::rabbitmq();
    let node = place.node("rust@amqp");
    let _worker = node.start_rust(WORKER);
    drive(&node, &[]);
}

#[test]
fn canvases_over_rabbitmq_alternate_between_a_python_and_a_rust_worker() {
    let place = Place::rabbitmq();
    let node = place.node("rust@mixed").queues("rust,celery");
    let _rust = node.start_rust(WORKER);
    let _python = place.node("py@mixed").queues("python,celery").start_python();
    drive(&node, &["--mixed"]);
}

#[test]
fn results_of_canvases_on_a_rust_worker_come_by_rpc() {
    // Celery sends no chords where results are messages.
    let place = Place { backend: "rpc://".to_owned(), ..Place::rabbitmq() };
    let node = place.node("rust@rpc");
    let _worker = node.start_rust(WORKER);
    drive(&node, &[]);
}

#[test]
fn results_of_canvases_on_a_python_worker_come_by_rpc() {
    let place = Place { backend: "rpc://".to_owned(), ..Place::rabbitmq() };
    let node = place.node("py@rpc");
    let _worker = node.start_python();
    // Celery's workers send the result of a replacement to themselves.
    drive(&node, &["--without", "sound", "--without", "answers"]);
}
