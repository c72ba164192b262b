//! Topic and fanout exchanges between a Python and a Rust worker, each on a queue of its own.

use serde_json::{Value, json};
use taskq::core::broker::ExchangeKind;
use taskq_tests::process::{Running, eventually};

use super::{PATIENCE, Rig};
use crate::WORKER;
use crate::client::record_worker;

/// `to-python` and `to-rust` behind an exchange.
fn queues(kind: &str, python: &str, rust: &str) -> Value {
    json!({
        "task_queues": {
            "to-python": {"exchange": "news", "exchange_type": kind, "routing_key": python},
            "to-rust": {"exchange": "news", "exchange_type": kind, "routing_key": rust},
        },
        "task_default_queue": "to-rust",
    })
}

fn both_workers(rig: &Rig) -> (Running, Running) {
    let python = rig.node.clone().named("py@routing").queues("to-python").start_python();
    (python, rig.node.clone().named("rs@routing").queues("to-rust").start_rust(WORKER))
}

/// Who ran what, sorted.
fn ran(rig: &Rig, count: usize) -> Vec<String> {
    eventually("all have run", PATIENCE, || rig.recorded("rec").len() >= count);
    let mut ran = rig.recorded("rec");
    ran.sort_unstable();
    ran
}

async fn send_from_rust(rig: &Rig, kind: ExchangeKind, keys: &[&str]) {
    let app = rig.app();
    for key in keys {
        let call = record_worker.with().app(&app).exchange("news").exchange_type(kind).routing_key(*key);
        call.delay(format!("rust {key}"), "rec".to_owned()).await.expect("sent");
    }
    app.close().await.expect("close");
}

fn send_from_python(rig: &Rig, kind: &str, keys: &[&str]) {
    let code = format!(
        "for key in {keys:?}:\n    conf_tasks.record_worker.apply_async((f'python {{key}}', 'rec'), \
         exchange='news', exchange_type='{kind}', routing_key=key)\nprint('sent')"
    );
    rig.python(&code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_exchange_routes_by_pattern() {
    let rig = Rig::new("topic", queues("topic", "news.*", "#.sport"));
    let workers = both_workers(&rig);
    let keys = ["news.art", "a.b.sport", "news.sport"];
    send_from_rust(&rig, ExchangeKind::Topic, &keys).await;
    send_from_python(&rig, "topic", &keys);
    let expected = [
        "py@routing python news.art",
        "py@routing python news.sport",
        "py@routing rust news.art",
        "py@routing rust news.sport",
        "rs@routing python a.b.sport",
        "rs@routing python news.sport",
        "rs@routing rust a.b.sport",
        "rs@routing rust news.sport",
    ];
    assert_eq!(ran(&rig, expected.len()), expected);
    drop(workers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fanout_exchange_reaches_every_queue() {
    let rig = Rig::new("fanout", queues("fanout", "", ""));
    let workers = both_workers(&rig);
    send_from_rust(&rig, ExchangeKind::Fanout, &["any"]).await;
    send_from_python(&rig, "fanout", &["any"]);
    let expected =
        ["py@routing python any", "py@routing rust any", "rs@routing python any", "rs@routing rust any"];
    assert_eq!(ran(&rig, expected.len()), expected);
    drop(workers);
}
