//! The command line on Redis: the same words, and a server that is not there.

use std::time::{Duration, Instant};

use taskq_tests::{demo::Demo, redis_server::RedisServer};

const SOON: Duration = Duration::from_secs(30);

fn demo() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_demo-app"))
}

#[test]
fn calls_results_queues_and_purge_on_redis() {
    let redis = RedisServer::start();
    let demo = demo();
    std::fs::write(demo.dir().join("taskq.toml"), format!("broker_url = \"{}\"\n", redis.url(0))).unwrap();
    for _ in 0..2 {
        demo.run("call demo.add -a [1,1]").ok();
    }
    assert_eq!(demo.run("queues -Q celery --json").json()[0]["ready"], 2);
    assert_eq!(demo.run("purge -f").ok(), "celery: 2 removed");
    let mut worker = demo.start("worker -Q celery,slow");
    worker.wait_for_output("ready", SOON);
    assert_eq!(demo.run("call demo.add -a [2,3] --wait=30").ok(), "5");
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

#[test]
fn an_unreachable_broker_is_named_without_its_password_within_the_deadline() {
    let demo = demo();
    // Port 9 is nobody's: refused at once, on every try.
    for line in ["call demo.add -a [1,1]", "queues", "report"] {
        let began = Instant::now();
        let wrong = demo.run(&format!("-b redis://me:hunter2@127.0.0.1:9/0 {line}"));
        assert!(began.elapsed() < Duration::from_secs(8), "{line}: {:?}", began.elapsed());
        let said = format!("{}{}", wrong.stdout, wrong.stderr);
        assert_eq!(wrong.code, 69, "{line}: {said}");
        assert!(said.contains("127.0.0.1:9") && !said.contains("hunter2"), "{line}: {said}");
    }
}

#[test]
fn a_broker_that_accepts_and_never_answers_is_given_up_within_the_deadline() {
    let demo = demo();
    // Never accepts either: the system completes the connection, and nobody reads.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    for line in ["call demo.add -a [1,1]", "queues", "result some-id"] {
        let began = Instant::now();
        let wrong = demo.run(&format!("-b redis://me:hunter2@{place}/0 {line}"));
        assert!(began.elapsed() < Duration::from_secs(8), "{line}: {:?}", began.elapsed());
        let said = wrong.failed(69);
        assert!(said.contains(&place) && !said.contains("hunter2"), "{line}: {said}");
    }
}
