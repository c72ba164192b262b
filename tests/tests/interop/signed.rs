//! Signed messages and results (`auth`) between Rust and real Celery, and what becomes of those that prove nothing.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use taskq_tests::demo::Demo;
use taskq_tests::process::{Running, eventually};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

/// A start or an answer, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys of four, two of whom are trusted, and a Redis.
struct Rig {
    redis: RedisServer,
    demo: Demo,
    keys: PathBuf,
}

impl Rig {
    fn new() -> Self {
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let keys = demo.dir().join("keys");
        let mut make = python::script("signed_app.py");
        python::run(make.arg("keys").arg(&keys), &demo.dir().join("keys.log"), PATIENCE);
        Self { redis: RedisServer::start(), demo, keys }
    }

    /// The Rust program, which signs with the key of `rust`.
    fn rust(&self, line: &str) -> Command {
        let mut command = self.demo.command(line);
        command
            .env("TASKQ_BROKER_URL", self.redis.url(0))
            .env("TASKQ_RESULT_BACKEND", self.redis.url(1))
            .env("TASKQ_TASK_SERIALIZER", "auth")
            .env("TASKQ_RESULT_SERIALIZER", "auth")
            .env("TASKQ_ACCEPT_CONTENT", "auth")
            .env("TASKQ_SECURITY_KEY", self.keys.join("rust.key"))
            .env("TASKQ_SECURITY_KEY_PASSWORD", "open sesame")
            .env("TASKQ_SECURITY_CERTIFICATE", self.keys.join("rust.pem"))
            .env("TASKQ_SECURITY_CERT_STORE", self.keys.join("store"));
        command
    }

    fn worker(&self) -> Running {
        let mut worker = Running::start(&mut self.rust("worker -c 2"), self.demo.dir().join("rust.log"));
        worker.wait_for_output("ready", PATIENCE);
        worker
    }

    /// The Python program, which signs with the key of `who`.
    fn python(&self, who: &str, what: &str) -> Command {
        let mut command = python::script("signed_app.py");
        command
            .arg(what)
            .env("WHO", who)
            .env("KEYS", &self.keys)
            .env("BROKER_URL", self.redis.url(0))
            .env("RESULT_BACKEND", self.redis.url(1));
        command
    }

    fn run_python(&self, who: &str, what: &str) -> String {
        let log = self.demo.dir().join(format!("{who}-{what}.log"));
        python::run(&mut self.python(who, what), &log, PATIENCE).trim().to_owned()
    }

    /// Waits until a message is dead with this in its reason.
    fn dead(&self, reason: &str) {
        let listed = || self.demo.run_command(&mut self.rust("dead list --json")).ok().to_owned();
        eventually(&format!("a message is dead: {reason}"), PATIENCE, || listed().contains(reason));
    }
}

#[test]
fn signed_calls_and_results_go_both_ways() {
    let rig = Rig::new();
    let _rust = rig.worker();
    assert_eq!(rig.run_python("python", "call").lines().last(), Some("42"));

    let mut python = Running::start(&mut rig.python("python", "worker"), rig.demo.dir().join("python.log"));
    python.wait_for_output("ready", PATIENCE);
    let mut call = rig.rust("call signed.py_add -a [2,3] --queue py");
    let id = rig.demo.run_command(&mut call).ok().to_owned();
    let result = rig.demo.run_command(&mut rig.rust(&format!("result {id} --wait=60"))).ok().to_owned();
    assert!(result.contains('5'), "{result}");
}

#[test]
fn a_message_that_proves_nothing_is_kept_with_its_reason() {
    let rig = Rig::new();
    let _rust = rig.worker();

    rig.run_python("stranger", "send");
    rig.dead("the signer `stranger of the tests");

    // What is not signed at all is refused, too.
    let mut plain = rig.rust("call demo.add -a [1,2] --serializer json");
    assert_eq!(rig.demo.run_command(&mut plain).code, 0);
    rig.dead("content type `application/json` is refused");

    assert_eq!(rig.run_python("python", "call").lines().last(), Some("42"), "the worker goes on");
}

#[test]
fn a_program_with_wrong_keys_does_not_start_and_names_them() {
    let rig = Rig::new();
    std::fs::copy(rig.keys.join("expired.pem"), rig.keys.join("store/expired.pem")).expect("a copy");
    let told = rig.demo.run_command(&mut rig.rust("queues")).failed(2).to_owned();
    assert!(told.contains("expired of the tests") && told.contains("has expired"), "{told}");
    std::fs::remove_file(rig.keys.join("store/expired.pem")).expect("gone");

    for (variable, value, expected) in [
        ("TASKQ_SECURITY_KEY_PASSWORD", "wrong", "`security_key_password`"),
        ("TASKQ_SECURITY_CERTIFICATE", "keys/python.pem", "not the certificate of `security_key`"),
        ("TASKQ_SECURITY_CERT_STORE", "nowhere/*.pem", "`security_cert_store`"),
        ("TASKQ_SECURITY_DIGEST", "md5", "`security_digest`"),
    ] {
        let told = rig.demo.run_command(rig.rust("queues").env(variable, value)).failed(2).to_owned();
        assert!(told.contains(expected) && !told.contains("sesame"), "{variable}: {told}");
    }
    let told = rig.demo.run_command(rig.rust("queues").env_remove("TASKQ_SECURITY_CERT_STORE"));
    assert!(told.failed(2).contains("`security_cert_store` is not set"), "{}", told.stderr);
}
