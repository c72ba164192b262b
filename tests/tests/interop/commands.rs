//! Every command of our command line, asked of a Python and a Rust worker at once: both answer, and alike.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{demo::Demo, node::Node, redis_server::RedisServer};

use crate::{WORKER, control::differences, rabbitmq::new_vhost};

const PATIENCE: Duration = Duration::from_secs(100);
const ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// Both answer the same words.
const SAME: &[&str] = &[
    "inspect ping",
    "inspect objgraph",
    "control add_consumer extra",
    "control cancel_consumer extra",
    "control enable_events",
    "control enable_events",
    "control disable_events",
    "control disable_events",
    "control heartbeat",
    "control pool_grow 1",
    "control pool_shrink 1",
    "control pool_restart",
    "control autoscale 3 1",
    "control rate_limit conf_tasks.add 10/m",
    "control rate_limit conf_tasks.add 0",
    "control rate_limit conf_tasks.add x/y",
    "control rate_limit no.task 1/s",
    "control time_limit conf_tasks.add 20 30",
    "control time_limit no.task 1 2",
    "control revoke aaaaaaaa-0000-4000-8000-000000000001",
    "control revoke_by_stamped_headers tenant=t5",
    "control terminate SIGTERM aaaaaaaa-0000-4000-8000-000000000002",
    "inspect query_task aaaaaaaa-0000-4000-8000-000000000001",
];

/// Both answer the same names and types.
const ALIKE: &[&str] = &[
    "inspect active",
    "inspect active true",
    "inspect active_queues",
    "inspect clock",
    "inspect hello py@elsewhere",
    "inspect memdump",
    "inspect memsample",
    "inspect registered",
    "inspect registered rate_limit",
    "inspect report",
    "inspect reserved",
    "inspect revoked",
    "inspect scheduled",
];

/// Each answers with what it has. Python knows no elections without gossip, and says so.
const OWN: &[&str] =
    &["inspect conf", "inspect conf true", "inspect stats", "control election e1 topic action"];

fn every_command_is_answered(broker: &str, backend: &str, account: &str, logs: &Path) {
    // Threads cannot be added to a Python worker that runs.
    let node = Node::new("py@all", broker, backend, account, logs).concurrency(1).pool("prefork");
    let mut python = node.start_python();
    let mut rust = node.named("rs@all").start_rust(WORKER);
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let ask = |line: &str| -> (Value, Value) {
        let done = demo.run(&format!("-b {broker} {line} -t 60 -d py@all,rs@all --json"));
        let replies: Value = serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}{}", done.stdout, done.stderr));
        let nodes: BTreeSet<&str> =
            replies.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(nodes, BTreeSet::from(["py@all", "rs@all"]), "{line}: {}", done.stderr);
        let refused = |node: &str| replies[node].get("error").is_some();
        assert_eq!(done.code != 0, refused("py@all") || refused("rs@all"), "{line}: {replies}");
        (replies["rs@all"].clone(), replies["py@all"].clone())
    };
    let mut found = Vec::new();
    for line in SAME {
        let (ours, theirs) = ask(line);
        if ours != theirs {
            found.push(format!("{line}: {ours} is not {theirs}"));
        }
    }
    for line in ALIKE {
        let (ours, theirs) = ask(line);
        differences(&ours, &theirs, line, &mut found);
        if *line == "inspect revoked" {
            assert_eq!((&ours[0], &theirs[0]), (&json!(ID), &json!(ID)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    for line in OWN {
        let (_, theirs) = ask(line);
        assert!(theirs.is_object(), "{line}: {theirs}");
    }
    // Never answered.
    demo.run(&format!("-b {broker} control shutdown -d py@all,rs@all")).ok();
    for worker in [&mut python, &mut rust] {
        assert!(worker.wait(PATIENCE).success(), "{}", worker.output());
    }
}

#[test]
fn every_command_of_ours_is_answered_on_redis() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    every_command_is_answered(&redis.url(0), &redis.url(1), &redis.url(2), logs.path());
}

/// Symptom: the first answer took the reply queue with it, so that a `ping` of two workers heard one of them.
#[test]
fn every_command_of_ours_is_answered_on_rabbitmq() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    every_command_is_answered(&new_vhost(), "rpc://", &redis.url(2), logs.path());
}
