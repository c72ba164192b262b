//! Redis behind TLS, users, a unix socket, sentinels, and a second address: each from the configuration file to
//! the result, and each kind of wrong configuration to an error that says how to mend it.

mod certificates;
mod failover;
mod login;
mod sentinel;
mod tls;

use std::{fs, time::Duration};

use taskq_tests::demo::{Demo, Finished};
use taskq_tests::given;

/// What a worker needs to start or end, on a loaded machine.
const SOON: Duration = Duration::from_secs(30);
/// The password of the closed server, in both ways it is written.
const SECRETS: [&str; 2] = ["p@ss/word", "p%40ss%2Fword"];

/// The program in a folder with this `taskq.toml`.
fn demo(toml: &str) -> Demo {
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    fs::write(demo.dir().join("taskq.toml"), toml).expect("a configuration file");
    demo
}

/// Settings for one address as broker and as result backend, and queues that no other test uses.
fn settings(url: &str, more: &str) -> String {
    let unique = uuid::Uuid::now_v7().simple();
    format!(
        "broker_url = \"{url}\"\nresult_backend = \"{url}\"\ntask_default_queue = \"q-{unique}\"\n\
         publish_timeout = 30\n{more}"
    )
}

/// A worker with these settings runs a task, and the caller reads its result. What the worker logged.
fn works(toml: &str) -> String {
    let demo = demo(toml);
    let mut worker = demo.start("worker");
    worker.wait_for_output("ready", SOON);
    assert_eq!(demo.run("call demo.add -a [2,3] --wait=30").ok(), "5");
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
    worker.output()
}

/// Neither a caller nor a worker comes to anything: both say the same, at once and without a password.
fn refused(toml: &str) -> String {
    let demo = demo(toml);
    let mut said = String::new();
    for line in ["call demo.add -a [2,3]", "result some-id", "worker"] {
        let Finished { code, stdout, stderr } = demo.run(line);
        assert!(code != 0 && code != 69, "{line} ended with {code}: {stderr}");
        for secret in SECRETS {
            assert!(!stderr.contains(secret) && !stdout.contains(secret), "{line}: {stderr}");
        }
        said = stderr;
    }
    said
}
