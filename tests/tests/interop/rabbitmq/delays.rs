//! Messages that wait in the broker.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATIENCE, Rig};
use crate::WORKER;
use crate::client::add;

const WAIT: Duration = Duration::from_secs(3);

/// A queue for which Celery delays in the broker.
fn quorum_on_a_topic() -> serde_json::Value {
    json!({
        "task_default_queue_type": "quorum",
        "task_default_exchange_type": "topic",
        "worker_detect_quorum_queues": true,
    })
}

async fn a_rust_countdown_reaches_a_python_worker(rig: &Rig) {
    let worker = rig.node.start_python();
    let app = rig.app();
    let began = Instant::now();
    let result = add.with().app(&app).countdown(WAIT).delay(2, 3).await.expect("sent");
    let sum = result.get().timeout(PATIENCE).await.expect("a result");
    assert_eq!(sum, 5);
    assert!(began.elapsed() >= WAIT, "{:?} early", began.elapsed());
    // Celery logs what it takes before its time with its ETA.
    assert!(!worker.output().contains("ETA:"), "{}", worker.output());
    app.close().await.expect("close");
    worker.terminate();
}

/// A classic queue on a direct exchange: the message waits in the broker, and a Python worker that knows nothing
/// of it gets it in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_countdown_waits_in_the_broker_for_a_python_worker() {
    a_rust_countdown_reaches_a_python_worker(&Rig::new("py@delay", json!({}))).await;
}

/// It goes through the queues that the Python worker declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_countdown_on_a_quorum_queue_reaches_a_python_worker() {
    a_rust_countdown_reaches_a_python_worker(&Rig::new("py@quorum", quorum_on_a_topic())).await;
}

/// Celery delays by itself, through queues that the Rust worker declared.
#[test]
fn a_python_countdown_on_a_quorum_queue_reaches_a_rust_worker() {
    let rig = Rig::new("rs@quorum", quorum_on_a_topic());
    let _worker = rig.node.start_rust(WORKER);
    let output = rig.python(
        "began = time.time()\n\
         result = add.apply_async((2, 3), countdown=3)\n\
         print('sum', result.get(timeout=60), 'late enough', time.time() - began >= 3)",
    );
    assert!(output.contains("sum 5 late enough True"), "{output}");
}
