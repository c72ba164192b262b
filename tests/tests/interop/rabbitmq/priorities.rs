//! `x-max-priority`: the highest goes first, whoever sends and whoever works.

use serde_json::json;
use taskq::App;
use taskq_tests::process::eventually;

use super::{PATIENCE, Rig};
use crate::WORKER;
use crate::client::record;

/// One at a time, so that the order in which they were taken is the order in which they ran.
fn rig(name: &str) -> Rig {
    let mut rig = Rig::new(name, json!({"task_queue_max_priority": 10, "worker_prefetch_multiplier": 1}));
    rig.node.concurrency = 1;
    rig
}

fn went_by_priority(rig: &Rig) {
    eventually("all have run", PATIENCE, || rig.recorded("rec").len() == 4);
    assert_eq!(rig.recorded("rec"), ["9", "6", "3", "0"]);
}

async fn send(app: &App, priority: u8) {
    let call = record.with().app(app).priority(priority);
    call.delay(priority.to_string(), "rec".to_owned()).await.expect("sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_goes_first_from_rust_to_a_python_worker() {
    let rig = rig("py@priority");
    let app = rig.app();
    for priority in [3, 9, 0, 6] {
        send(&app, priority).await;
    }
    let _worker = rig.node.start_python();
    went_by_priority(&rig);
    app.close().await.expect("close");
}

#[test]
fn nine_goes_first_from_python_to_a_rust_worker() {
    let rig = rig("rs@priority");
    rig.python(
        "for p in (3, 9, 0, 6):\n    conf_tasks.record.apply_async((str(p), 'rec'), priority=p)\n\
         print('sent')",
    );
    let _worker = rig.node.start_rust(WORKER);
    went_by_priority(&rig);
}
