//! The pages, in a real browser, before a Rust and a Python worker.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use taskq_tests::{process::Running, python, redis_server::RedisServer};

use crate::board::Board;

/// How long a worker may take until it is ready.
const STARTING: Duration = Duration::from_secs(60);
/// How long all the steps in the browser may take.
const PRESSING: Duration = Duration::from_secs(180);

fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set: run the tests by `cargo xtask test`"))
}

/// Where the pictures go: beside what was built.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("board-pages")
}

#[test]
fn the_main_buttons_of_the_pages_do_what_they_say() {
    let dir = tempfile::tempdir().expect("a folder");
    let redis = RedisServer::start();
    let (broker, backend) = (redis.url(0), redis.url(1));

    let mut rust = Command::new(env!("CARGO_BIN_EXE_demo-app"));
    rust.args(["--broker", &broker, "--result-backend", &backend])
        .args(["worker", "-n", "rust@ui", "-E", "-Q", "rust,slow", "-c", "4"])
        .current_dir(dir.path());
    let mut rust = Running::start(&mut rust, dir.path().join("rust.log"));
    let mut celery = python::command();
    celery
        .args([
            "-m",
            "celery",
            "-A",
            "shop",
            "worker",
            "-E",
            "-n",
            "python@ui",
            "-c",
            "2",
            "-Q",
            "celery",
            "-l",
            "INFO",
        ])
        .envs([("SHOP_BROKER", &broker), ("SHOP_BACKEND", &backend)])
        .current_dir(dir.path());
    let mut celery = Running::start(&mut celery, dir.path().join("python.log"));
    let place = [&*format!("--broker={broker}"), &*format!("--result-backend={backend}"), "--store=:memory:"];
    let board = Board::start(&dir.path().join("board.log"), &[], &place);
    rust.wait_for_output("worker is ready", STARTING);
    celery.wait_for_output("ready.", STARTING);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/board.mjs");
    let mut browser = Command::new(given("TASKQ_TEST_NODE"));
    browser.arg(script).env("BOARD", &board.base).env("OUT", pictures());
    browser.envs(["TASKQ_TEST_UI", "TASKQ_TEST_CHROMIUM"].map(|name| (name, given(name))));
    let mut browser = Running::start(&mut browser, dir.path().join("browser.log"));
    let status = browser.wait(PRESSING);
    assert!(status.success(), "{}\nthe board:\n{}", browser.output(), board.process.output());
}
