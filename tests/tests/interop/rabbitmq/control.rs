//! Remote control and events through RabbitMQ: Celery's command line with a Rust worker.

use serde_json::json;
use taskq_tests::{
    process::{Running, eventually},
    python,
};

use super::{PATIENCE, Rig};
use crate::{WORKER, client::add};

/// Runs Celery's command line.
fn celery(rig: &Rig, line: &str) -> String {
    let mut command = python::command();
    command.args(["-m", "celery", "-b", &rig.node.broker]).args(line.split(' '));
    python::run(rig.node.configure(&mut command), &rig.logs.path().join("celery.log"), PATIENCE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn celerys_command_line_works_with_a_rust_worker() {
    let rig = Rig::new("rs@amqp", json!({}));
    let _worker = rig.node.start_rust(WORKER);
    assert!(celery(&rig, "status").contains("rs@amqp: OK"));
    assert!(celery(&rig, "inspect ping -d rs@amqp").contains("pong"));
    assert!(celery(&rig, "inspect stats -j").contains("max-concurrency"));
    assert!(celery(&rig, "inspect registered").contains("conf_tasks.add"));
    assert!(celery(&rig, "inspect active_queues").contains("celery"));
    assert!(celery(&rig, "control pool_grow 2").contains("pool will grow"));
    assert!(celery(&rig, "control rate_limit no.such.task 1/s").contains("unknown task"));
    assert!(celery(&rig, "control enable_events").contains("task events enabled"));
    let mut dump = python::command();
    dump.args(["-m", "celery", "-b", &rig.node.broker, "events", "--dump"]);
    let dump = Running::start(rig.node.configure(&mut dump), rig.logs.path().join("dump.log"));
    eventually("a heartbeat", PATIENCE, || dump.output().contains("rs@amqp"));
    let app = rig.app();
    let sent = add.with().app(&app).delay(1, 2).await.expect("sent");
    assert_eq!(sent.get().timeout(PATIENCE).await.expect("a result"), 3);
    eventually("the task in the dump", PATIENCE, || dump.output().contains("task succeeded"));
    app.close().await.expect("close");
}
