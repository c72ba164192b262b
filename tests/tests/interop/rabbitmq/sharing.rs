//! A Python and a Rust worker on one quorum queue.

use std::collections::BTreeMap;

use serde_json::json;

use super::{PATIENCE, Rig};
use crate::WORKER;
use crate::client::whoami;

const EACH: usize = 200;

/// Each runs its part, and each side gets the results of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_and_a_rust_worker_share_a_quorum_queue() {
    let conf = json!({
        "task_default_queue_type": "quorum",
        "worker_detect_quorum_queues": true,
        "worker_prefetch_multiplier": 1,
    });
    let rig = Rig::new("sharing", conf);
    let _python = rig.node.clone().named("py@sharing").start_python();
    let _rust = rig.node.clone().named("rs@sharing").start_rust(WORKER);
    let app = rig.app();
    let calls = (0..EACH).map(|_| whoami.s());
    let sent = app.delay_many(calls).await.expect("sent");
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    for result in sent {
        *ran.entry(result.get().timeout(PATIENCE).await.expect("a result")).or_default() += 1;
    }
    println!("sent by Rust: {ran:?}");
    assert_eq!(ran.values().sum::<usize>(), EACH);
    assert_eq!(ran.keys().collect::<Vec<_>>(), ["py@sharing", "rs@sharing"], "both have worked");
    app.close().await.expect("close");

    let output = rig.python(&format!(
        "from collections import Counter\n\
         results = [conf_tasks.whoami.delay() for _ in range({EACH})]\n\
         ran = Counter(r.get(timeout=60) for r in results)\n\
         print('sent by Python:', ran)\n\
         print(sum(ran.values()), sorted(ran))"
    ));
    println!("{output}");
    assert!(output.contains(&format!("{EACH} ['py@sharing', 'rs@sharing']")), "{output}");
}

/// Who declares it otherwise is refused by RabbitMQ.
#[test]
fn a_queue_made_on_demand_is_of_the_type_that_celery_makes_it() {
    for (default, missing) in [("quorum", "classic"), ("classic", "quorum")] {
        let conf = json!({
            "task_default_queue_type": default,
            "task_create_missing_queue_type": missing,
            "worker_detect_quorum_queues": true,
        });
        let rig = Rig::new("ondemand", conf);
        let _rust = rig.node.clone().named("rs@ondemand").queues("celery,extra").start_rust(WORKER);
        let output = rig.python(
            "for queue in ('extra', 'celery'):\n    \
                 print(queue, add.apply_async((2, 3), queue=queue).get(timeout=60))",
        );
        assert!(output.contains("extra 5") && output.contains("celery 5"), "{default}, {missing}: {output}");
    }
}
