//! A real Celery program sends canvases of every shape; each result is compared with Celery's rules.
//!
//! The cases stand in `tests/python/canvas_*.py`. They run against Python's own worker too: what they expect is
//! Celery's behaviour, not ours.

use std::time::Duration;

use taskq_tests::node::Node;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

/// All cases, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(220);

/// Runs the driver and returns the line that counts.
fn drive(node: &Node, arguments: &[&str]) -> String {
    let mut driver = python::script("canvas_cases.py");
    let log = node.logs.join("canvas_cases.log");
    let output = python::run(node.configure(driver.args(arguments)), &log, PATIENCE);
    output.lines().find(|line| line.contains(" cases, ")).expect("a line that counts").to_owned()
}

#[test]
fn canvases_on_a_python_worker_give_what_the_cases_expect() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("py@canvas", &redis.url(0), &redis.url(1), &redis.url(2), logs.path());
    let _worker = node.start_python();
    // Celery leaves some results pending for ever, where our workers end them.
    println!("{}", drive(&node, &["--without", "sound"]));
}
