//! `doctor`: what is wrong is found, with what to do about it, and is gone once that is done.

use std::time::Duration;

use serde_json::Value;
use taskq_tests::{
    demo::{Demo, Finished},
    given,
    redis_server::RedisServer,
};

const SOON: Duration = Duration::from_secs(60);

fn demo() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_demo-app"))
}

/// The findings of one check that are not good.
fn found(run: &Finished, check: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
    let findings = document["findings"].as_array().expect("findings").clone();
    for finding in &findings {
        assert_eq!(finding["fix"].is_null(), finding["severity"] == "good", "each says the fix: {finding}");
    }
    findings.into_iter().filter(|it| it["check"] == check && it["severity"] != "good").collect()
}

fn set(redis: &RedisServer, name: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut redis.connect(0)).expect("CONFIG SET");
}

#[test]
fn a_redis_that_evicts_queues_is_a_problem_until_it_is_mended() {
    let (redis, demo) = (RedisServer::start(), demo());
    let look = |more: &str| demo.run(&format!("-b {} doctor -t 1 --json {more}", redis.url(0)));
    set(&redis, "maxmemory", "100mb");
    set(&redis, "maxmemory-policy", "allkeys-lru");
    set(&redis, "timeout", "30");
    set(&redis, "appendonly", "no");
    let run = look("");
    assert_eq!(run.code, 1, "{}", run.stderr);
    let policy = found(&run, "redis.maxmemory-policy");
    assert_eq!(policy[0]["severity"], "problem");
    assert!(policy[0]["fix"].as_str().expect("a fix").contains("noeviction"), "{policy:?}");
    assert_eq!(found(&run, "redis.timeout")[0]["severity"], "warning");
    assert_eq!(found(&run, "redis.persistence")[0]["severity"], "warning");

    set(&redis, "maxmemory-policy", "noeviction");
    let run = look("");
    assert_eq!(run.code, 0, "what is left are warnings: {}", run.stderr);
    assert_eq!(look("--strict").code, 1);
    set(&redis, "timeout", "0");
    set(&redis, "appendonly", "yes");
    let run = look("");
    for check in ["redis.maxmemory-policy", "redis.timeout", "redis.persistence", "redis.clock", "redis.disk"]
    {
        assert!(found(&run, check).is_empty(), "{check}: {}", run.stdout);
    }
}

#[test]
fn tasks_that_nobody_consumes_are_a_problem_until_a_worker_comes() {
    let (redis, demo) = (RedisServer::start(), demo());
    let look = || demo.run(&format!("-b {} doctor -t 1 --json", redis.url(0)));
    demo.run(&format!("-b {} call demo.sleep -a [0]", redis.url(0))).ok();
    let run = look();
    assert_eq!(run.code, 1, "{}", run.stdout);
    let waiting = found(&run, "queues.consumer");
    assert!(waiting[0]["what"].as_str().expect("a text").contains("`slow`"), "{waiting:?}");
    assert!(waiting[0]["fix"].as_str().expect("a text").contains("-Q slow"), "{waiting:?}");
    assert!(!found(&run, "workers.online").is_empty(), "{}", run.stdout);

    let mut worker = demo.start(&format!("-b {} worker -Q slow -c 1", redis.url(0)));
    worker.wait_for_output("ready", SOON);
    let run = look();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    for check in ["queues.consumer", "workers.online", "workers.clock", "redis.priority"] {
        assert!(found(&run, check).is_empty(), "{check}: {}", run.stdout);
    }
}

#[test]
fn what_a_program_refuses_of_its_own_is_a_problem_without_any_server() {
    let demo = demo();
    std::fs::write(demo.dir().join("taskq.toml"), "accept_content = [\"msgpack\"]\n").expect("settings");
    let run = demo.run("doctor -t 0.2");
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.starts_with("problem"), "the worst comes first: {}", run.stdout);
    assert!(run.stdout.contains("accept_content") && run.stdout.contains("fix:"), "{}", run.stdout);
    assert!(run.stdout.contains("is sound"), "the file was looked at: {}", run.stdout);
}

#[test]
fn a_broker_that_cannot_be_reached_is_code_69() {
    let run = demo().run("-b redis://127.0.0.1:9/0 doctor");
    assert!(run.failed(69).contains("127.0.0.1:9"), "{}", run.stderr);
}

#[test]
fn a_rabbitmq_queue_that_drops_tasks_is_a_problem() {
    let demo = demo();
    let queue = format!("doctor-{}", uuid::Uuid::now_v7().simple());
    std::fs::write(
        demo.dir().join("taskq.toml"),
        format!(
            "broker_url = \"{}\"\nbroker_api = \"{}\"\ntask_default_queue = \"{queue}\"\n\
             task_queues = [{{ name = \"{queue}\", arguments = {{ x-max-length = 10 }} }}]\n",
            given("TASKQ_TEST_AMQP_URL"),
            given("TASKQ_TEST_AMQP_MANAGEMENT_URL")
        ),
    )
    .expect("settings");
    demo.run("call demo.add -a [1,1]").ok();
    // The server is also others', who may have such queues.
    let mut own = None;
    taskq_tests::process::eventually("the API lists the queue", SOON, || {
        let drops = found(&demo.run("doctor -t 0.2 --json"), "rabbitmq.drops");
        own = drops.into_iter().find(|drop| drop["what"].as_str().is_some_and(|what| what.contains(&queue)));
        own.is_some()
    });
    assert_eq!(own.expect("found")["severity"], "problem");
    let run = demo.run("doctor -t 0.2 --json");
    assert!(!found(&run, "rabbitmq.consumer_timeout").is_empty(), "{}", run.stdout);
    assert!(found(&run, "rabbitmq.alarms").is_empty(), "{}", run.stdout);
}
