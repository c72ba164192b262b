//! `multi`: several workers in the background, by name; and `events --camera`, which watches them.

use std::{fs, time::Duration};

use serde_json::Value;
use taskq_tests::{
    demo::Demo,
    process::{Running, eventually},
    redis_server::RedisServer,
};

const SOON: Duration = Duration::from_secs(60);

struct Bench {
    demo: Demo,
    _redis: RedisServer,
}

impl Bench {
    fn new(program: &str) -> Self {
        let redis = RedisServer::start();
        let demo = Demo::new(program);
        let settings = format!("broker_url = \"{}\"\n", redis.url(0));
        fs::write(demo.dir().join("taskq.toml"), settings).expect("a settings file");
        Self { demo, _redis: redis }
    }

    fn multi(&self, line: &str) -> Value {
        self.demo.run(&format!("--json multi {line}")).json()
    }

    /// Those that answer.
    fn online(&self) -> Vec<String> {
        let status = self.demo.run("status --json -t 5");
        let workers: Value = serde_json::from_str(&status.stdout).unwrap_or_default();
        workers.as_object().map(|workers| workers.keys().cloned().collect()).unwrap_or_default()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.demo.dir().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Also when a test has failed: nothing else ends them.
        self.demo.run("multi kill a@x b@x --pidfile run/%n.pid");
        self.demo.run("multi kill c@x");
    }
}

#[test]
fn workers_are_started_shown_restarted_and_stopped_by_name() {
    let bench = Bench::new(env!("CARGO_BIN_EXE_demo-app"));
    let options = "--pidfile run/%n.pid --logfile log/%n.log";
    assert_eq!(bench.demo.run("multi show a@x").code, 1, "none runs");
    let started = bench.multi(&format!("start a@x b@x {options} -- -l INFO -Q celery,slow -c:a 3 -c:b 1"));
    let pid = |of: &Value, name: &str| of[name]["pid"].as_u64().expect("a pid");
    let (a, b) = (pid(&started, "a@x"), pid(&started, "b@x"));
    assert!(a != b, "{started}");
    assert_eq!(
        fs::read_to_string(bench.demo.dir().join("run/a.pid")).expect("a pidfile").trim(),
        a.to_string()
    );
    eventually("both are online", SOON, || bench.online() == ["a@x", "b@x"]);
    let stats = bench.demo.run("inspect stats --json -t 30 -d a@x").json();
    assert_eq!(stats["a@x"]["pool"]["max-concurrency"], 3);
    assert!(
        fs::read_to_string(bench.demo.dir().join("log/b.log")).expect("a log").contains("worker is ready")
    );

    let again = bench.multi(&format!("start a@x b@x {options}"));
    assert_eq!(pid(&again, "a@x"), a, "it runs already: {again}");
    // A running task is finished, by restart as by stop.
    let id = bench.demo.run("call demo.sleep -a [2]").ok().to_owned();
    eventually("it runs", SOON, || {
        let active = bench.demo.run("inspect active --json -t 5").json();
        active.as_object().is_some_and(|nodes| nodes.values().any(|tasks| tasks[0]["id"] == id.as_str()))
    });
    let restarted = bench.multi(&format!("restart a@x b@x {options} -- -c 2 -Q celery,slow"));
    assert!(pid(&restarted, "a@x") != a && pid(&restarted, "b@x") != b, "{restarted}");
    assert_eq!(bench.demo.run(&format!("result {id} --wait=1")).code, 0, "it was let finish");
    assert_eq!(bench.demo.run(&format!("multi show a@x b@x {options}")).code, 0);

    let stopped = bench.demo.run(&format!("multi stopwait a@x b@x {options}"));
    assert!(stopped.ok().contains("has stopped"), "{stopped:?}");
    assert!(!bench.demo.dir().join("run/a.pid").exists(), "its pidfile goes with it");
    assert_eq!(bench.demo.run(&format!("multi show a@x b@x {options}")).code, 1);
    assert_eq!(bench.demo.run("multi names 2 -q").ok().lines().count(), 2);
}

#[test]
fn a_worker_that_cannot_start_is_said_to_have_ended_and_leaves_no_pidfile() {
    let bench = Bench::new(env!("CARGO_BIN_EXE_demo-app"));
    let failed = bench.demo.run("multi start c@x -- --no-such-option");
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stdout.contains("ended at once") && failed.stdout.contains("c.log"), "{failed:?}");
    let log = fs::read_to_string(bench.demo.dir().join("c.log")).expect("a log");
    assert!(log.contains("--no-such-option"), "{log}");
    assert!(!bench.demo.dir().join("c.pid").exists());
    assert_eq!(bench.demo.run("multi start c@x d@x --pidfile one.pid").code, 2, "two workers, one pidfile");
}

#[test]
fn a_camera_writes_what_was_told_since_the_snapshot_before() {
    let bench = Bench::new(env!("CARGO_BIN_EXE_pool-app"));
    let mut worker = bench.demo.start("worker -n w@test -P processes -c 1 -E");
    worker.wait_for_output("worker is ready", SOON);
    let mut camera = bench.demo.command("events --camera shots.jsonl --freq 0.3 --pidfile camera.pid");
    let mut camera = Running::start(&mut camera, bench.demo.dir().join("camera.log"));
    camera.wait_for_output("a snapshot every", SOON);
    eventually("the worker is seen", SOON, || {
        bench.lines("shots.jsonl").iter().any(|shot| shot["alive"] == 1)
    });
    let second = bench.demo.run("events --camera other.jsonl --pidfile camera.pid");
    assert!(second.failed(1).contains("which runs"), "{second:?}");

    let id = bench.demo.run("call pool.pid").ok().to_owned();
    let told = |shot: &Value| {
        let tasks = shot["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().any(|task| task["uuid"] == id.as_str() && task["state"] == "SUCCESS")
    };
    eventually("its success is in a snapshot", SOON, || bench.lines("shots.jsonl").iter().any(told));
    eventually("and in none after", SOON, || {
        let shots = bench.lines("shots.jsonl");
        let last = shots.iter().rposition(told).expect("one");
        last + 2 < shots.len() && shots[last + 1..].iter().all(|shot| shot["states"].get("SUCCESS").is_none())
    });
    camera.terminate();
    assert!(camera.wait(SOON).success(), "{}", camera.output());
    assert!(!bench.demo.dir().join("camera.pid").exists());
    worker.terminate();
    assert!(worker.wait(SOON).success());
}

#[test]
fn a_camera_of_the_program_gets_the_snapshots_not_more_often_than_the_rate() {
    let bench = Bench::new(env!("CARGO_BIN_EXE_pool-app"));
    let wrong = bench.demo.run("events --camera typo");
    assert!(wrong.failed(2).contains("`states`"), "it names those there are: {wrong:?}");
    let mut worker = bench.demo.start("worker -n w@test -P processes -c 1 -E");
    worker.wait_for_output("worker is ready", SOON);
    let mut camera = bench.demo.command("events --camera states --freq 0.01 --maxrate 4");
    let mut camera = Running::start(&mut camera, bench.demo.dir().join("camera.log"));
    camera.wait_for_output("a snapshot every 0.25 s", SOON);
    bench.demo.run("call pool.pid").ok();
    camera.wait_for_output("\"SUCCESS\": 1", SOON);
    camera.terminate();
    assert!(camera.wait(SOON).success(), "{}", camera.output());
    worker.terminate();
    assert!(worker.wait(SOON).success());
}
