//! `--http`: what a worker and a beat say of themselves while their broker comes and goes.

use std::time::Duration;

use taskq_tests::demo::Demo;
use taskq_tests::health::{address, get, metric};
use taskq_tests::process::eventually;
use taskq_tests::redis_server::RedisServer;

const SOON: Duration = Duration::from_secs(30);

fn demo() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_demo-app"))
}

#[test]
fn a_worker_whose_redis_stands_still_is_live_and_not_ready_until_it_consumes_again() {
    let redis = RedisServer::start();
    let demo = demo();
    let mut worker = demo.start(&format!("-b {} worker --http 127.0.0.1:0", redis.url(0)));
    let address = address(&mut worker);
    eventually("ready", SOON, || get(&address, "/ready").0 == 200);
    assert_eq!(demo.run(&format!("-b {} call demo.add -a [2,3] --wait=30", redis.url(0))).ok(), "5");

    redis.pause();
    eventually("not ready", SOON, || get(&address, "/ready").0 == 503);
    let (_, why) = get(&address, "/ready");
    assert!(why.len() > 10, "the reason is told: {why:?}");
    assert_eq!(get(&address, "/live").0, 200, "a restart would not help");
    // Asking does not hang although the broker does not answer.
    assert!(get(&address, "/metrics").1.contains("taskq_broker_answers 0"));

    redis.resume();
    eventually("ready again", SOON, || get(&address, "/ready").0 == 200);
    assert_eq!(demo.run(&format!("-b {} call demo.add -a [3,3] --wait=30", redis.url(0))).ok(), "6");
    let metrics = || get(&address, "/metrics").1;
    eventually("both are counted", SOON, || {
        metrics().contains(r#"taskq_tasks_total{task="demo.add",outcome="succeeded"} 2"#)
    });
    let metrics = metrics();
    for line in [
        "taskq_worker_ready 1",
        "taskq_worker_interruptions_total 1",
        r#"taskq_queue_messages{queue="celery",state="ready"} 0"#,
        r#"taskq_task_run_seconds_count{task="demo.add"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

/// Symptom: the number of slots was that of the start, however the pool was resized.
#[test]
fn a_pool_that_was_resized_shows_the_slots_that_it_has() {
    let redis = RedisServer::start();
    let demo = demo();
    let mut worker = demo.start(&format!("-b {} worker -c 3 -n w@slots --http 127.0.0.1:0", redis.url(0)));
    let address = address(&mut worker);
    let shown = |slots: usize| {
        get(&address, "/ready") == (200, format!("ready, {slots} slots\n"))
            && metric(&address, "taskq_worker_slots") == slots as f64
    };
    eventually("the slots of the start", SOON, || shown(3));
    let control = |line: &str| {
        demo.run(&format!("-b {} {line} -t 30 -d w@slots", redis.url(0))).ok();
    };
    control("control pool_grow 4");
    assert!(shown(7), "{:?}", get(&address, "/ready"));
    let stats = demo.run(&format!("-b {} inspect stats -t 30 -d w@slots --json", redis.url(0))).json();
    assert_eq!(stats["w@slots"]["pool"]["max-concurrency"], 7);
    control("control pool_shrink 5");
    assert!(shown(2), "{:?}", get(&address, "/ready"));
}

#[test]
fn a_worker_that_cannot_connect_says_why_without_the_password() {
    let demo = demo();
    let mut worker = demo.start("-b redis://me:hunter2@127.0.0.1:9/0 worker --http 127.0.0.1:0");
    let address = address(&mut worker);
    eventually("the reason", SOON, || get(&address, "/ready").1.contains("127.0.0.1:9"));
    let (code, why) = get(&address, "/ready");
    assert!(code == 503 && !why.contains("hunter2"), "{code} {why}");
    assert_eq!(get(&address, "/live").0, 200);
}

#[test]
fn a_beat_is_ready_when_it_reaches_its_schedule() {
    let demo = demo();
    let mut beat = demo.start("beat --http 127.0.0.1:0");
    let address = address(&mut beat);
    eventually("ready", SOON, || get(&address, "/ready").0 == 200);
    demo.run("schedule add often --task demo.add --args [1,1] --every 1s").ok();
    eventually("a tick is counted", SOON, || {
        let metrics = get(&address, "/metrics").1;
        metrics.contains("taskq_beat_leads 1") && !metrics.contains("taskq_beat_sent_total 0")
    });
    assert_eq!(get(&address, "/nothing").0, 404);
}

#[test]
fn an_address_that_is_taken_is_an_error_at_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address");
    let run = demo().run(&format!("worker --http {place}"));
    let said = run.failed(1);
    assert!(said.contains(&place.to_string()), "{said}");
}

/// The names in a text that begin as our metrics do.
fn metric_names(text: &str) -> std::collections::BTreeSet<String> {
    let name = |word: &str| word.starts_with("taskq_").then(|| word.to_owned());
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter_map(name).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let dashboard = include_str!("../../docs/grafana.json");
    let panels: serde_json::Value = serde_json::from_str(dashboard).expect("a dashboard is JSON");
    assert!(panels["panels"].as_array().is_some_and(|panels| panels.len() > 10));
    let demo = demo();
    let mut worker = demo.start("worker -B --http 127.0.0.1:0");
    let address = address(&mut worker);
    demo.run("call demo.add -a [2,3] --wait=30").ok();
    let wanted = metric_names(dashboard);
    assert!(wanted.len() > 15, "{wanted:?}");
    let mut missing: Vec<String> = Vec::new();
    eventually("every metric is there", SOON, || {
        let (_, metrics) = get(&address, "/metrics");
        let there = metric_names(&metrics);
        missing = wanted.difference(&there).cloned().collect();
        missing.is_empty()
    });
    // What waited was measured: the id of a call says when it was made.
    let (_, metrics) = get(&address, "/metrics");
    assert!(metrics.contains(r#"taskq_task_wait_seconds_count{task="demo.add"} 1"#), "{metrics}");
}
