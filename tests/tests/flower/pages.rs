//! The pages, in a real browser, before a Rust and a Python worker, on each kind of broker.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use taskq::{App, Signature, args, core::config::Sources};
use taskq_tests::{process::Running, python, rabbit_server::RabbitServer, redis_server::RedisServer};

use crate::board::Board;

/// How long a worker may take until it is ready.
const STARTING: Duration = Duration::from_secs(60);
/// How long all the steps in the browser may take.
const PRESSING: Duration = Duration::from_secs(420);

fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set: run the tests by `cargo xtask test`"))
}

/// Where the pictures go: beside what was built.
fn pictures(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("board-pages").join(kind)
}

fn on(queue: &str, mut task: Signature) -> Signature {
    task.options = task.options.queue(queue);
    task
}

/// Workflows that fail, or wait, before anybody looks: names of variables and their ids.
async fn workflows(broker: &str, backend: &str, file: &str) -> Vec<(&'static str, String)> {
    let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
    let app = App::builder().sources(sources).set("task_send_sent_event", true).build().expect("an app");
    let say = || Signature::by_name("demo.say", args![]);
    let read = |path: &str| {
        let read = Signature::by_name("demo.read", args![path]);
        Signature::chain([on("rust", read), on("rust", say())])
    };
    let chain = app.send_canvas(read(file)).await.expect("it is sent");
    // What the first step reads is what the others look for.
    let nowhere = format!("{file}.nowhere");
    std::fs::write(&nowhere, "/nowhere").expect("a file");
    let reads = || on("rust", Signature::by_name("demo.read", args![]));
    let first = on("rust", Signature::by_name("demo.read", args![nowhere]));
    let group = Signature::chain([first, Signature::group([reads(), reads()])]);
    let group = app.send_canvas(group).await.expect("it is sent");
    let later = Signature::by_name("demo.say", args!["later"]);
    let waiting = Signature::chain([on("later", later), on("later", say())]);
    let waiting = app.send_canvas(waiting).await.expect("it is sent");
    let [chain, group, waiting] =
        [chain, group, waiting].map(|last| last.parent().expect("the first step").id().to_owned());
    let ids = vec![("CHAIN", chain), ("GROUP", group), ("WAITING", waiting)];
    app.close().await.expect("it is closed");
    ids
}

/// Every button is pressed before workers on this broker.
fn pressed(kind: &str, broker: &str, backend: &str, more: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let program = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_demo-app"));
        program.args(["--broker", broker, "--result-backend", backend]).current_dir(dir.path());
        program
    };
    let mut rust = program();
    rust.args(["worker", "-n", "rust@ui", "-E", "-Q", "rust,slow", "-c", "6"]);
    let mut rust = Running::start(&mut rust, dir.path().join("rust.log"));
    let mut celery = python::command();
    celery
        .args(["-m", "celery", "-A", "shop", "worker", "-E", "-n", "python@ui", "-c", "2", "-Q", "celery"])
        .args(["-l", "INFO"])
        .envs([("SHOP_BROKER", broker), ("SHOP_BACKEND", backend), ("SHOP_RESTARTS", "1")])
        .current_dir(dir.path());
    let mut celery = Running::start(&mut celery, dir.path().join("python.log"));
    let (to, results) = (format!("--broker={broker}"), format!("--result-backend={backend}"));
    let options = [&[&*to, &*results, "--store=:memory:"], more].concat();
    let board = Board::start(&dir.path().join("board.log"), &[], &options);
    rust.wait_for_output("worker is ready", STARTING);
    celery.wait_for_output("ready.", STARTING);
    for name in ["often", "seldom"] {
        let mut add = program();
        add.args(["schedule", "add", name, "--task", "demo.add", "--args", "[1,1]", "--cron", "0 * * * *"]);
        assert!(add.status().expect("it runs").success());
    }
    let file = dir.path().join("made-later").display().to_string();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ids = runtime.block_on(workflows(broker, backend, &file));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/board.mjs");
    let mut browser = Command::new(given("TASKQ_TEST_NODE"));
    browser.arg(script).env("BOARD", &board.base).env("OUT", pictures(kind)).envs(ids);
    browser.env("BROKER", kind).env("CHAIN_FILE", &file);
    browser.envs(["TASKQ_TEST_UI", "TASKQ_TEST_CHROMIUM"].map(|name| (name, given(name))));
    if env::var_os("TASKQ_TEST_UPDATE").is_some() && kind == "redis" {
        browser.env("BOOK", Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images"));
    }
    let mut browser = Running::start(&mut browser, dir.path().join("browser.log"));
    let status = browser.wait(PRESSING);
    assert!(status.success(), "{}\nthe board:\n{}", browser.output(), board.process.output());
    println!("{}", browser.output());
}

#[test]
fn every_button_of_the_pages_does_what_it_says_on_redis() {
    let redis = RedisServer::start();
    pressed("redis", &redis.url(0), &redis.url(1), &[]);
}

#[test]
fn every_button_of_the_pages_does_what_it_says_on_rabbitmq() {
    let (rabbit, redis) = (RabbitServer::start_with_management(), RedisServer::start());
    let api = format!("--broker-api={}", rabbit.management_url());
    pressed("amqp", &rabbit.url(), &redis.url(1), &[&api]);
}
