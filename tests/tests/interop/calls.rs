//! A Python program calls tasks of a Rust worker.

use std::time::Duration;

use serde_json::json;
use taskq_tests::node::Node;
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

/// All calls and all results, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(200);
const STOPPING: Duration = Duration::from_secs(30);

#[test]
fn ten_thousand_mixed_calls_give_what_python_computes() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("rust@calls", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
        .conf(json!({"accept_content": ["json", "msgpack", "yaml"]}));
    let mut worker = node.start_rust(WORKER);

    let mut client = python::script("mixed_calls.py");
    let output = python::run(node.configure(client.arg("10000")), &logs.path().join("client.log"), PATIENCE);

    assert!(output.contains("10000 calls, 10000 equal"), "{output}");
    worker.terminate();
    let status = worker.wait(STOPPING);
    assert!(status.success(), "the worker ended with {status}:\n{}", worker.output());
    let mut broker = redis.connect(0);
    for key in ["celery", "unacked", "unacked_index"] {
        let left: bool = redis::cmd("EXISTS").arg(key).query(&mut broker).expect("an answer from redis");
        assert!(!left, "`{key}` is not empty after every call was answered");
    }
}
