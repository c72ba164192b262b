//! `doctor` beside Celery's workers.

use std::time::Duration;

use taskq_tests::{demo::Demo, node::Node, process::eventually, redis_server::RedisServer};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn priorities_that_mean_the_opposite_to_python_are_told() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a temporary folder");
    let node = Node::new("py@doctor", &redis.url(0), &redis.url(1), &redis.url(2), logs.path());
    let _python = node.start_python();
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let look = |more: &str| {
        let run = demo.run(&format!("-b {} doctor -t 2 {more}", redis.url(0)));
        format!("{}{}", run.stdout, run.stderr)
    };
    let mut said = String::new();
    eventually("the Python worker is named", PATIENCE, || {
        said = look("");
        said.contains("py@doctor")
    });
    assert!(said.contains("[redis.priority]") && said.contains("redis_priority = \"celery\""), "{said}");
    std::fs::write(demo.dir().join("taskq.toml"), "redis_priority = \"celery\"\n").expect("settings");
    let said = look("--json");
    assert!(!said.contains("a task's priority 0"), "{said}");
}
