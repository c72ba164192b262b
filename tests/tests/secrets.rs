//! Planted secrets are looked for in everything that a run prints and tells: logs at `DEBUG`, events, headers,
//! errors.

use std::process::Command;
use std::time::Duration;

use taskq_tests::demo::Demo;
use taskq_tests::process::{Running, eventually};
use taskq_tests::redis_server::RedisServer;

const PASSWORD: &str = "planted-password";
/// Values of the argument `x`, which is redacted, by position and by name.
const PLANTED: [&str; 3] = ["424242", "535353", "646464"];

/// A start or an event, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(demo: &Demo, url: &str, line: &str) -> Command {
    let mut command = demo.command(line);
    command
        .env("TASKQ_BROKER_URL", url)
        .env("TASKQ_RESULT_BACKEND", url)
        .env("TASKQ_RESULT_EXTENDED", "true")
        .env("TASKQ_REDACT", "X, token")
        .env("TASKQ_TASK_SEND_SENT_EVENT", "true");
    command
}

fn assert_clean(what: &str, text: &str) {
    for secret in PLANTED.into_iter().chain([PASSWORD]) {
        assert!(!text.contains(secret), "`{secret}` in {what}:\n{text}");
    }
}

#[test]
fn no_planted_secret_is_printed_or_told() {
    let redis = RedisServer::start();
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let mut direct = redis.connect(0);
    let set: Result<(), _> =
        redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(PASSWORD).query(&mut direct);
    set.expect("a password");
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}/0", redis.port());

    let mut worker = Running::start(
        &mut command(&demo, &url, "worker -c 2 -E -l DEBUG --log-format json"),
        demo.dir().join("worker.log"),
    );
    worker.wait_for_output("ready", PATIENCE);
    let mut events =
        Running::start(&mut command(&demo, &url, "events --dump"), demo.dir().join("events.log"));
    // It listens when it shows the worker's heartbeat.
    events.wait_for_output("worker heartbeat", PATIENCE);

    let mut printed = String::new();
    for line in [
        r#"call demo.add -a [424242,1] --json"#,
        r#"call demo.add -k {"x":535353,"y":1} --json"#,
        // Does not fit: kept with its reason.
        r#"call demo.add -k {"x":646464,"y":{"token":"646464"}} --json"#,
    ] {
        let finished = demo.run_command(&mut command(&demo, &url, line));
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        printed += &finished.stdout;
        printed += &finished.stderr;
    }
    let told = |kind: &str, times: usize| events.output().matches(kind).count() >= times;
    eventually("all events", PATIENCE, || {
        told("task sent", 3)
            && told("task received", 3)
            && told("task succeeded", 2)
            && told("task failed", 1)
    });
    let (told, logged) = (events.output(), worker.output());
    // They are shown at all, but for the values.
    assert!(told.contains(r"(\'**\', 1)") && told.contains(r"{\'x\': \'**\', \'y\': 1}"), "{told}");
    assert!(logged.contains("task succeeded"), "{logged}");
    assert_clean("the events", &told);
    assert_clean("the log", &logged);
    assert_clean("what `call` prints", &printed);
    for line in ["report", "doctor", "dead list", "queues --json"] {
        let finished = demo.run_command(&mut command(&demo, &url, line));
        assert_clean(&format!("`{line}`"), &format!("{}{}", finished.stdout, finished.stderr));
    }

    // Arguments are stored beside the results.
    let names: Vec<String> = redis::cmd("KEYS").arg("celery-task-meta-*").query(&mut direct).expect("names");
    let stored: Vec<String> = redis::cmd("MGET").arg(&names).query(&mut direct).expect("results");
    assert_eq!(stored.iter().filter(|meta| meta.contains(r#""**""#)).count(), 3, "{stored:?}");
    assert_clean("the results", &stored.concat());

    // What a monitor or a Python worker finds in the headers of a message; the body must hold the value.
    let sent = demo.run_command(&mut command(&demo, &url, "call demo.add -a [424242,1] --queue idle"));
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let kept: Vec<String> =
        redis::cmd("LRANGE").arg("idle").arg(0).arg(-1).query(&mut direct).expect("a list");
    assert!(kept.concat().contains("('**', 1)"), "{kept:?}");
    assert_clean("the headers", &kept.concat());

    // A server that is not there, and one that does not let us in.
    for url in [format!("redis://:{PASSWORD}@127.0.0.1:1/0"), url.replace(PASSWORD, "planted-password-2")] {
        let mut failing = command(&demo, &url, "call demo.add -a [424242,1]");
        let finished = demo.run_command(failing.env("TASKQ_LOG", "debug"));
        assert_ne!(finished.code, 0, "{}", finished.stdout);
        assert_clean("the errors", &format!("{}{}", finished.stdout, finished.stderr));
    }
}
