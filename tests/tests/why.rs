//! `why`: each reason for which a task does not run, made and found.

use std::time::Duration;

use serde_json::Value;
use taskq::{core::config::Sources, prelude::*};
use taskq_tests::{demo::Demo, process::eventually, redis_server::RedisServer};

const SOON: Duration = Duration::from_secs(60);

/// A program on a server of its own.
struct Rig {
    redis: RedisServer,
    demo: Demo,
}

impl Rig {
    fn new() -> Self {
        let redis = RedisServer::start();
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let settings = format!("broker_url = \"{0}\"\nresult_backend = \"{0}\"\n", redis.url(0));
        std::fs::write(demo.dir().join("taskq.toml"), settings).expect("settings");
        Self { redis, demo }
    }

    fn call(&self, line: &str) -> String {
        self.demo.run(&format!("call {line}")).ok().trim().to_owned()
    }

    /// The kinds and texts of the reasons.
    fn why(&self, id: &str) -> Vec<(String, String)> {
        let run = self.demo.run(&format!("why {id} --json -t 0.5"));
        let document: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
        let text = |reason: &Value, name: &str| reason[name].as_str().expect("a text").to_owned();
        let reasons = document["reasons"].as_array().expect("reasons");
        reasons.iter().map(|reason| (text(reason, "kind"), text(reason, "what"))).collect()
    }

    /// Asks until that is a reason; answers its text.
    fn until(&self, id: &str, kind: &str) -> String {
        let (mut reasons, mut found) = (Vec::new(), None);
        eventually(kind, SOON, || {
            reasons = self.why(id);
            found = reasons.iter().find(|(it, _)| it == kind).map(|(_, what)| what.clone());
            found.is_some()
        });
        found.expect("found")
    }

    fn app(&self) -> App {
        let url = self.redis.url(0);
        let sources = Sources::none().set("broker_url", url.as_str()).set("result_backend", url.as_str());
        App::builder().sources(sources).build().expect("an app")
    }
}

#[test]
fn from_the_queue_to_the_end() {
    let rig = Rig::new();
    let first = rig.call("demo.sleep -a [3600]");
    let said = rig.until(&first, "no-consumer");
    assert!(said.contains("`slow`") && said.contains("no worker answers"), "{said}");

    let mut worker = rig.demo.start("worker -Q slow,celery -c 1 --prefetch-multiplier 4 -n one@why");
    worker.wait_for_output("ready", SOON);
    assert!(rig.until(&first, "running").contains("`one@why`"));
    let second = rig.call("demo.sleep -a [0]");
    assert!(rig.until(&second, "prefetched").contains("`one@why`"));
    // More than it takes: four for its one slot.
    let rest: Vec<String> = (0..8).map(|_| rig.call("demo.sleep -a [0]")).collect();
    let said = rig.until(rest.last().expect("one"), "queued");
    assert!(said.contains("(1 of 1 slots busy)"), "{said}");
    rig.demo.run(&format!("control terminate SIGTERM {first}")).ok();
    assert!(rig.until(&first, "revoked").contains("REVOKED"));
    assert!(rig.until(&second, "finished").contains("SUCCESS"));
    let failed = rig.call("demo.fail -a [\"boom\"]");
    let said = rig.until(&failed, "finished");
    assert!(said.contains("FAILURE") && said.contains("boom"), "{said}");
}

#[test]
fn a_time_a_rate_limit_and_an_unknown_name() {
    let rig = Rig::new();
    let later = rig.call("demo.add -a [1,1] --countdown 1h");
    assert!(rig.until(&later, "delayed").contains("`celery`"));
    let mut worker = rig.demo.start("worker -Q celery -c 1 -n two@why");
    worker.wait_for_output("ready", SOON);
    rig.demo.run("control rate_limit demo.add 1/h").ok();
    let ids: Vec<String> = (0..3).map(|n| rig.call(&format!("demo.add -a [{n},1]"))).collect();
    let said = rig.until(ids.last().expect("one"), "rate-limited");
    assert!(said.contains("1/h"), "{said}");
    // Parked by the worker by now; it still is its own time that it waits for.
    assert!(rig.until(&later, "delayed").contains("for its time"));
    let unknown = rig.call("demo.no_such_task --queue celery");
    let said = rig.until(&unknown, "dead-letter");
    assert!(said.contains("demo.no_such_task") && said.contains("dead replay -Q celery"), "{said}");
}

#[test]
fn nobody_knows_it() {
    let rig = Rig::new();
    let run = rig.demo.run("why 00000000-0000-0000-0000-000000000000 -t 0.2");
    assert!(run.failed(1).contains("nobody knows"), "{}", run.stderr);
    assert!(run.stdout.contains("[unknown]"), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_and_waiting_for_a_chord() {
    let rig = Rig::new();
    let app = rig.app();
    let sent = app.send("demo.sleep", args![0], kwargs! {}).await.expect("sent");
    sent.revoke().await.expect("told");
    assert!(rig.until(sent.id().as_str(), "revoked").contains("drops it"));

    let add = |x: i64| Signature::by_name("demo.add", args![x, 1]);
    let body = Signature::by_name("demo.say", args![]);
    let header: Vec<_> = (0..3).map(add).collect();
    let chord = app.send_canvas(Signature::chord(header, body)).await.expect("sent");
    let said = rig.until(chord.id(), "chord-waits");
    assert!(said.contains("waits for 3 tasks") && said.contains("in queue `celery`"), "{said}");
}
