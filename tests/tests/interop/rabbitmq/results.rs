//! Results, by `rpc://` and in Redis.

use serde_json::json;
use taskq::core::backend::State;

use super::{PATIENCE, Rig};
use crate::WORKER;
use crate::client::{add, raise_error};

/// Not in the order in which they were sent: results for others are kept.
async fn results_come_from_a_python_worker(rig: &Rig) {
    let _worker = rig.node.start_python();
    let app = rig.app();
    let mut sent = Vec::new();
    for number in 0..50 {
        sent.push(add.delay(number, 1).app(&app).await.expect("sent"));
    }
    for (number, result) in sent.iter().enumerate().rev() {
        let sum = result.get().timeout(PATIENCE).await.expect("a result");
        assert_eq!(sum, i64::try_from(number).expect("a small number") + 1);
    }
    let failed = raise_error.delay().app(&app).await.expect("sent");
    assert!(failed.get().timeout(PATIENCE).await.is_err(), "the failure came as a success");
    assert_eq!(failed.state().await.expect("a state"), State::Failure);
    app.close().await.expect("close");
}

fn results_come_from_a_rust_worker(rig: &Rig) {
    let _worker = rig.node.start_rust(WORKER);
    let output = rig.python(
        "results = [add.delay(n, 1) for n in range(50)]\n\
         print('sum', sum(r.get(timeout=60) for r in reversed(results)))\n\
         failed = conf_tasks.raise_error.delay()\n\
         failed.get(timeout=60, propagate=False)\n\
         print('failed', failed.state)",
    );
    assert!(output.contains("sum 1275\nfailed FAILURE"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_a_python_worker_come_by_rpc() {
    results_come_from_a_python_worker(&Rig::new("py@rpc", json!({}))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_a_python_worker_come_by_redis() {
    results_come_from_a_python_worker(&Rig::new("py@results", json!({})).results_in_redis()).await;
}

#[test]
fn results_of_a_rust_worker_come_by_rpc() {
    results_come_from_a_rust_worker(&Rig::new("rs@rpc", json!({"task_track_started": true})));
}

#[test]
fn results_of_a_rust_worker_come_by_redis() {
    results_come_from_a_rust_worker(&Rig::new("rs@results", json!({})).results_in_redis());
}
